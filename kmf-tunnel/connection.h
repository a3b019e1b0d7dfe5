// One attempt of a Link: a connected UDP socket, its session and its timer. Decides nothing: every
// event goes to the owner, and what to do about it is the owner's business.
#pragma once

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/udp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <memory>

#include "kmf-tunnel/link.h"
#include "kmf-tunnel/session.h"

namespace mdd::tunnel {

class Connection : public std::enable_shared_from_this<Connection> {
  public:
    // Called from the io_context only. The connection lives until the call returns, even if the
    // owner drops it.
    class Owner {
      public:
        virtual ~Owner() = default;
        virtual void on_connection_event(Connection& connection, Event event) = 0;
        // ICMP says that nobody listens there; it may be forged.
        virtual void on_connection_refused(Connection& connection) = 0;
    };

    // `counters` and `owner` must live until close().
    Connection(boost::asio::io_context& io, std::shared_ptr<const SecureContext> context,
               const SessionConfig& config, LinkCounters& counters, Owner& owner);

    // A socket on a new source port, connected to `peer`, and the ClientHello on its way.
    void open(const boost::asio::ip::udp::endpoint& peer, boost::system::error_code& error);
    bool send(const Message& message);
    void probe_now();
    // Says close_notify where the handshake is done.
    void shutdown();
    // Ends all input and every callback.
    void close();

    const Session& session() const { return session_; }

  private:
    void await_datagrams();
    void receive_all();
    void flush();
    void transmit(srtp::Bytes datagram);
    void deliver();
    void deliver_later();
    void arm_timer();
    void on_timer();
    void note_refused();

    boost::asio::ip::udp::socket socket_;
    boost::asio::steady_timer timer_;
    std::optional<TimePoint> armed_for_;
    std::shared_ptr<const SecureContext> context_;
    Session session_;
    LinkCounters& counters_;
    Owner& owner_;
    bool is_open_ = false;
    bool refused_ = false;
    std::array<std::uint8_t, 65536> datagram_;
};

}  // namespace mdd::tunnel
