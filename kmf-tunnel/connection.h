// One connection to a peer, whatever its transport: what Link and Listener see of it. Decides
// nothing: every event goes to the owner, and what to do about it is the owner's business.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/address.hpp>
#include <memory>
#include <optional>
#include <string>

#include "kmf-tunnel/message_rfc9185.h"
#include "kmf-tunnel/secure_context.h"
#include "kmf-tunnel/session.h"

namespace mdd::tunnel {

struct ConnectionCounters {
    SessionCounters session;
    std::uint64_t send_failed = 0;
    std::uint64_t receive_failed = 0;
};

class Connection {
  public:
    // Called from the io_context only. The connection lives until the call returns, even if the
    // owner drops it.
    class Owner {
      public:
        virtual ~Owner() = default;
        virtual void on_connection_event(Connection& connection, Event event) = 0;
        // Nobody listens there, says ICMP or TCP. It may be forged.
        virtual void on_connection_refused(Connection& connection, const std::string& text) = 0;
    };

    virtual ~Connection() = default;

    // A socket on a new source port, on its way to the peer with the handshake behind it. Call
    // once.
    virtual void open(const boost::asio::ip::address& address, std::uint16_t port,
                      boost::system::error_code& error) = 0;
    virtual bool send(const Message& message) = 0;
    // Asks the peer for a sign of life where the dialect has one.
    virtual void probe_now() = 0;
    // Says close_notify where the handshake is done.
    virtual void shutdown() = 0;
    // Ends all input and every callback.
    virtual void close() = 0;

    virtual ConnectionCounters counters() const = 0;
    virtual std::optional<Clock::duration> round_trip() const = 0;
    // rfc9185, MDD: the highest version of a KMF that refused the announced one.
    virtual std::optional<std::uint8_t> version_named() const = 0;
};

// The MDD's end of a connection in the dialect of `context`. `ours` is announced where the dialect
// announces. `owner` must live until close().
std::shared_ptr<Connection> make_connection(boost::asio::io_context& io,
                                            std::shared_ptr<const SecureContext> context,
                                            const SessionConfig& config,
                                            const rfc9185::Announcement& ours,
                                            Connection::Owner& owner);

}  // namespace mdd::tunnel
