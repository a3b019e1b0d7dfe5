// A UDP socket on the event loop: reads whole bursts without blocking, stamps what it read, never
// throws while running.
#pragma once

#include <chrono>
#include <functional>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/udp.hpp>

#include "dataplane/srtp/bytes.h"

namespace mdd::endpoint {

using UdpAddress = boost::asio::ip::udp::endpoint;

// One thread: that of the io_context. Not movable.
class UdpSocket {
  public:
    using Handler = std::function<void(srtp::Bytes datagram, const UdpAddress& from,
                                       std::chrono::steady_clock::time_point at)>;

    // Binds, and starts reading; `handler` gets each datagram, its bytes valid during the call
    // only. Throws std::runtime_error, a sentence with the address, when it cannot bind.
    UdpSocket(boost::asio::io_context& loop, const UdpAddress& local, Handler handler);
    UdpSocket(const UdpSocket&) = delete;
    UdpSocket& operator=(const UdpSocket&) = delete;

    // From now on only this peer is heard, and send() goes there. Throws std::runtime_error when
    // there is no route.
    void connect(const UdpAddress& peer);

    // false: the operating system took no datagram. UDP may lose it silently all the same.
    bool send(srtp::Bytes datagram);
    bool send_to(srtp::Bytes datagram, const UdpAddress& peer);

    // Hands over what lies in the socket now, without waiting for the loop.
    void drain();

    UdpAddress local_address() const;
    void close();

  private:
    void wait();

    boost::asio::ip::udp::socket socket_;
    Handler handler_;
};

// "ADDR:PORT" or "[ADDR]:PORT", numeric. Throws std::invalid_argument, a sentence with the text.
UdpAddress parse_udp_address(const std::string& text);

}  // namespace mdd::endpoint
