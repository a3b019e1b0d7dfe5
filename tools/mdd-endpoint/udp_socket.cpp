// Non-blocking receive loop over an asio socket.
#include "tools/mdd-endpoint/udp_socket.h"

#include <array>
#include <charconv>
#include <stdexcept>
#include <string>

#include <fmt/format.h>
#include <boost/asio/ip/address.hpp>

namespace mdd::endpoint {
namespace {

constexpr int kBurstDatagrams = 256;
constexpr int kReceiveBufferBytes = 4 << 20;

std::string text_of(const UdpAddress& address) {
    return fmt::format("{}:{}", address.address().to_string(), address.port());
}

}  // namespace

UdpSocket::UdpSocket(boost::asio::io_context& loop, const UdpAddress& local, Handler handler)
    : socket_(loop), handler_(std::move(handler)) {
    boost::system::error_code error;
    socket_.open(local.protocol(), error);
    if (!error) socket_.bind(local, error);
    if (!error) socket_.non_blocking(true, error);
    if (error)
        throw std::runtime_error(
            fmt::format("UDP address {} cannot be used: {}", text_of(local), error.message()));
    // The kernel gives what it allows; less is no error.
    socket_.set_option(boost::asio::socket_base::receive_buffer_size(kReceiveBufferBytes), error);
    wait();
}

void UdpSocket::connect(const UdpAddress& peer) {
    boost::system::error_code error;
    socket_.connect(peer, error);
    if (error)
        throw std::runtime_error(
            fmt::format("UDP address {} cannot be reached: {}", text_of(peer), error.message()));
}

void UdpSocket::wait() {
    socket_.async_wait(boost::asio::ip::udp::socket::wait_read,
                       [this](const boost::system::error_code& error) {
                           if (error) return;  // closed
                           drain();
                           if (socket_.is_open()) wait();
                       });
}

void UdpSocket::drain() {
    std::array<std::uint8_t, 65536> buffer;
    for (int i = 0; i < kBurstDatagrams && socket_.is_open(); ++i) {
        UdpAddress from;
        boost::system::error_code error;
        const auto size_bytes = socket_.receive_from(boost::asio::buffer(buffer), from, 0, error);
        // An ICMP error of an earlier send is reported here too; it says nothing about the next
        // datagram.
        if (error == boost::asio::error::would_block) return;
        if (error) continue;
        handler_(srtp::Bytes(buffer).first(size_bytes), from, std::chrono::steady_clock::now());
    }
}

bool UdpSocket::send(srtp::Bytes datagram) {
    boost::system::error_code error;
    socket_.send(boost::asio::buffer(datagram.data(), datagram.size()), 0, error);
    return !error;
}

bool UdpSocket::send_to(srtp::Bytes datagram, const UdpAddress& peer) {
    boost::system::error_code error;
    socket_.send_to(boost::asio::buffer(datagram.data(), datagram.size()), peer, 0, error);
    return !error;
}

UdpAddress UdpSocket::local_address() const {
    return socket_.local_endpoint();
}

void UdpSocket::close() {
    boost::system::error_code ignored;
    socket_.close(ignored);
}

UdpAddress parse_udp_address(const std::string& text) {
    const auto colon = text.rfind(':');
    boost::system::error_code error;
    unsigned port = 0;
    if (colon != std::string::npos) {
        auto host = text.substr(0, colon);
        if (host.size() > 2 && host.front() == '[' && host.back() == ']')
            host = host.substr(1, host.size() - 2);
        const auto address = boost::asio::ip::make_address(host, error);
        const auto* end = text.data() + text.size();
        const auto [stop, fault] = std::from_chars(text.data() + colon + 1, end, port);
        if (!error && fault == std::errc() && stop == end && port <= 65535)
            return {address, static_cast<std::uint16_t>(port)};
    }
    throw std::invalid_argument(fmt::format("\"{}\" is not a numeric ADDR:PORT", text));
}

}  // namespace mdd::endpoint
