// Moves datagrams between a connected socket and a session, and keeps the session's deadline.
#include "kmf-tunnel/datagram_connection.h"

#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>

#include "kmf-tunnel/udp.h"

namespace mdd::tunnel {
namespace {

bool is_icmp(const boost::system::error_code& error) {
    return error == boost::asio::error::connection_refused ||
           error == boost::asio::error::host_unreachable ||
           error == boost::asio::error::network_unreachable;
}

}  // namespace

DatagramConnection::DatagramConnection(boost::asio::io_context& io,
                                       std::shared_ptr<const SecureContext> context,
                                       const SessionConfig& config, Owner& owner)
    : socket_(io),
      timer_(io),
      context_(std::move(context)),
      session_(*context_, config),
      owner_(owner) {}

void DatagramConnection::open(const boost::asio::ip::address& address, std::uint16_t port,
                              boost::system::error_code& error) {
    const boost::asio::ip::udp::endpoint peer(address, port);
    socket_.open(peer.protocol(), error);
    if (!error) socket_.connect(peer, error);
    if (!error) prepare_tunnel_socket(socket_, error);
    if (error) return;
    is_open_ = true;
    session_.start(Clock::now());
    await_datagrams();
    flush();
    deliver_later();
}

bool DatagramConnection::send(const Message& message) {
    if (!is_open_) return false;
    const bool sent = session_.send(message);
    flush();
    deliver_later();
    return sent;
}

void DatagramConnection::probe_now() {
    session_.probe_now(Clock::now());
    flush();
    deliver_later();
}

void DatagramConnection::shutdown() {
    session_.shutdown();
    while (const auto datagram = session_.next_datagram()) transmit(*datagram);
}

void DatagramConnection::close() {
    is_open_ = false;
    boost::system::error_code ignored;
    socket_.close(ignored);
    timer_.cancel();
}

ConnectionCounters DatagramConnection::counters() const {
    ConnectionCounters sum = counters_;
    sum.session = session_.counters();
    return sum;
}

void DatagramConnection::await_datagrams() {
    socket_.async_wait(boost::asio::ip::udp::socket::wait_read,
                       [self = shared_from_this()](const boost::system::error_code& error) {
                           if (error || !self->is_open_) return;
                           self->receive_all();
                           if (self->is_open_) self->await_datagrams();
                       });
}

void DatagramConnection::receive_all() {
    for (int i = 0; i < kDatagramsPerWake && is_open_; ++i) {
        boost::system::error_code error;
        const std::size_t size_bytes = socket_.receive(boost::asio::buffer(datagram_), 0, error);
        if (error == boost::asio::error::would_block) break;
        if (error) {
            ++counters_.receive_failed;
            if (is_icmp(error)) note_refused();
            continue;
        }
        session_.on_datagram(Clock::now(), srtp::Bytes(datagram_).first(size_bytes));
        flush();
        deliver();
    }
}

void DatagramConnection::flush() {
    while (const auto datagram = session_.next_datagram()) transmit(*datagram);
    arm_timer();
}

// The caller may be inside send(), from where no event may be told.
void DatagramConnection::deliver_later() {
    if (!session_.has_events() && !refused_) return;
    boost::asio::post(socket_.get_executor(), [self = shared_from_this()] { self->deliver(); });
}

void DatagramConnection::transmit(srtp::Bytes datagram) {
    boost::system::error_code error;
    // A send can report an earlier datagram's ICMP instead of sending: hence the second try.
    for (int i = 0; i < 2; ++i) {
        socket_.send(boost::asio::buffer(datagram.data(), datagram.size()), 0, error);
        if (!error) return;
        if (is_icmp(error)) refused_ = true;
    }
    ++counters_.send_failed;
}

void DatagramConnection::deliver() {
    while (is_open_) {
        auto event = session_.next_event();
        if (!event) break;
        owner_.on_connection_event(*this, std::move(*event));
    }
    if (is_open_ && refused_) note_refused();
}

void DatagramConnection::note_refused() {
    refused_ = false;
    owner_.on_connection_refused(*this, "nobody listens there (ICMP)");
}

void DatagramConnection::arm_timer() {
    const auto deadline = session_.deadline(Clock::now());
    if (!deadline || (armed_for_ && *armed_for_ <= *deadline)) return;
    armed_for_ = deadline;
    timer_.expires_at(*deadline);
    timer_.async_wait([self = shared_from_this()](const boost::system::error_code& error) {
        if (!error && self->is_open_) self->on_timer();
    });
}

void DatagramConnection::on_timer() {
    armed_for_.reset();
    session_.on_time(Clock::now());
    flush();
    deliver();
}

}  // namespace mdd::tunnel
