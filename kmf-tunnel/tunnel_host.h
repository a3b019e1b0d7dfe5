// The tunnels of one transport behind a Listener. What each does is Listener's contract; this only
// divides the work.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/address.hpp>
#include <memory>

#include "kmf-tunnel/listener.h"
#include "kmf-tunnel/secure_context.h"

namespace mdd::tunnel {

// One series for all transports of a Listener.
class TunnelNumbers {
  public:
    TunnelId next() { return TunnelId{++newest_}; }

  private:
    std::uint64_t newest_ = 0;
};

class TunnelHost {
  public:
    virtual ~TunnelHost() = default;

    // Takes the port, or any when `port` is 0.
    virtual void bind(const boost::asio::ip::address& address, std::uint16_t port,
                      boost::system::error_code& error) = 0;
    virtual std::uint16_t port() const = 0;
    virtual void start() = 0;
    // Says close_notify everywhere, and then abandons.
    virtual void stop() = 0;
    // Ends everything without a word and without an event.
    virtual void abandon() = 0;
    virtual void renew(std::shared_ptr<const SecureContext> context) = 0;
    // The next two do nothing and return false when this transport has no such tunnel.
    virtual bool close(TunnelId tunnel) = 0;
    virtual bool send(TunnelId tunnel, const Message& message) = 0;
    virtual std::size_t tunnels_up() const = 0;
    virtual ListenerCounters counters() const = 0;
};

// What both hosts are made from. `numbers` is shared, `events` outlives them.
struct HostSetting {
    boost::asio::io_context& io;
    ListenerConfig config;
    ListenerEvents& events;
    std::shared_ptr<TunnelNumbers> numbers;
};

// dtls_v1 on UDP, and rfc9185 on TCP.
std::shared_ptr<TunnelHost> make_datagram_tunnels(HostSetting setting,
                                                  std::shared_ptr<const SecureContext> context);
std::shared_ptr<TunnelHost> make_stream_tunnels(HostSetting setting,
                                                std::shared_ptr<const SecureContext> context);

}  // namespace mdd::tunnel
