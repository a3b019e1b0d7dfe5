// Moves bytes between a TCP socket and a session, and keeps the session's deadline.
#include "kmf-tunnel/stream_connection.h"

#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>

#include "kmf-tunnel/datagram_connection.h"
#include "kmf-tunnel/tcp.h"

namespace mdd::tunnel {
namespace {

using boost::asio::ip::tcp;
using boost::system::error_code;

// Then the event loop gets its turn, however fast a peer sends.
constexpr int kReadsPerWake = 16;
// How long what was said before the goodbye may take to leave.
constexpr Milliseconds kLastWords{1000};

Down end_of_stream(const error_code& error) {
    if (error == boost::asio::error::eof)
        return {DownReason::closed_by_peer, "the peer closed the connection without a word"};
    if (error == boost::asio::error::timed_out || error == boost::asio::error::host_unreachable ||
        error == boost::asio::error::network_unreachable)
        return {DownReason::silent, "TCP does not reach the peer any more: " + error.message()};
    return {DownReason::closed_by_peer, "the connection is gone: " + error.message()};
}

}  // namespace

std::shared_ptr<Connection> make_connection(boost::asio::io_context& io,
                                            std::shared_ptr<const SecureContext> context,
                                            const SessionConfig& config,
                                            const rfc9185::Announcement& ours,
                                            Connection::Owner& owner) {
    if (context->dialect() == Dialect::rfc9185)
        return std::make_shared<StreamConnection>(io, std::move(context), config, ours, owner);
    return std::make_shared<DatagramConnection>(io, std::move(context), config, owner);
}

StreamConnection::StreamConnection(boost::asio::io_context& io,
                                   std::shared_ptr<const SecureContext> context,
                                   const SessionConfig& config, const rfc9185::Announcement& ours,
                                   Owner& owner)
    : socket_(io),
      timer_(io),
      context_(std::move(context)),
      config_(config),
      session_(*context_, config, ours),
      owner_(owner) {}

void StreamConnection::open(const boost::asio::ip::address& address, std::uint16_t port,
                            error_code& error) {
    const tcp::endpoint peer(address, port);
    socket_.open(peer.protocol(), error);
    if (!error) begin(error);
    if (error) return;
    socket_.async_connect(peer, [self = shared_from_this()](const error_code& failure) {
        if (self->is_open_) self->on_connected(failure);
    });
}

void StreamConnection::adopt(tcp::socket socket, error_code& error) {
    socket_ = std::move(socket);
    begin(error);
    if (error) return;
    is_connected_ = true;
    await_bytes();
}

void StreamConnection::begin(error_code& error) {
    prepare_tunnel_socket(socket_, config_.peer_timeout, error);
    if (error) return;
    is_open_ = true;
    session_.start(Clock::now());
    arm_timer();
}

void StreamConnection::on_connected(const error_code& error) {
    if (error) {
        ++counters_.receive_failed;
        owner_.on_connection_refused(*this, "no connection: " + error.message());
        return;
    }
    is_connected_ = true;
    await_bytes();
    flush();
    deliver();
}

bool StreamConnection::send(const Message& message) {
    if (!is_open_) return false;
    const bool sent = session_.send(message);
    flush();
    deliver_later();
    return sent;
}

void StreamConnection::shutdown() {
    said_goodbye_ = true;
    session_.shutdown();
    flush();
}

void StreamConnection::close() {
    if (!is_open_) return;
    is_open_ = false;
    timer_.cancel();
    const bool has_last_words = said_goodbye_ && is_connected_ && !session_.outgoing().empty();
    if (!has_last_words) return hang_up();
    timer_.expires_after(kLastWords);
    timer_.async_wait([self = shared_from_this()](const error_code&) { self->hang_up(); });
}

void StreamConnection::hang_up() {
    is_connected_ = false;
    error_code ignored;
    socket_.close(ignored);
    timer_.cancel();
}

ConnectionCounters StreamConnection::counters() const {
    ConnectionCounters sum = counters_;
    sum.session = session_.counters();
    return sum;
}

void StreamConnection::await_bytes() {
    socket_.async_wait(tcp::socket::wait_read,
                       [self = shared_from_this()](const error_code& error) {
                           if (error || !self->is_open_) return;
                           self->receive_all();
                           if (self->is_open_ && self->is_connected_) self->await_bytes();
                       });
}

void StreamConnection::receive_all() {
    for (int i = 0; i < kReadsPerWake && is_open_ && is_connected_; ++i) {
        error_code error;
        const std::size_t size_bytes = socket_.read_some(boost::asio::buffer(bytes_), error);
        if (error == boost::asio::error::would_block) return;
        if (error)
            note_lost(error);
        else
            session_.on_bytes(Clock::now(), srtp::Bytes(bytes_).first(size_bytes));
        flush();
        deliver();
    }
}

void StreamConnection::note_lost(const error_code& error) {
    if (error != boost::asio::error::eof) ++counters_.receive_failed;
    is_connected_ = false;
    session_.on_end(end_of_stream(why_lost_ ? why_lost_ : error));
}

void StreamConnection::flush() {
    while (is_connected_ && !awaits_room_ && !session_.outgoing().empty()) {
        const auto out = session_.outgoing();
        error_code error;
        const std::size_t size_bytes =
            socket_.write_some(boost::asio::buffer(out.data(), out.size()), error);
        if (error == boost::asio::error::would_block) {
            await_room();
        } else if (error) {
            ++counters_.send_failed;
            // What the peer said before it went, an alert perhaps, is still to be read; the end of
            // that comes without the reason, which is known here only.
            why_lost_ = error;
            break;
        }
        session_.taken(size_bytes);
    }
    if (is_open_) arm_timer();
}

void StreamConnection::await_room() {
    awaits_room_ = true;
    socket_.async_wait(tcp::socket::wait_write,
                       [self = shared_from_this()](const error_code& error) {
                           self->awaits_room_ = false;
                           if (error || !self->is_connected_) return;
                           self->flush();
                           if (self->is_open_)
                               self->deliver();
                           else if (self->session_.outgoing().empty())
                               self->hang_up();
                       });
}

// The caller may be inside send(), from where no event may be told.
void StreamConnection::deliver_later() {
    if (!session_.has_events()) return;
    boost::asio::post(socket_.get_executor(), [self = shared_from_this()] { self->deliver(); });
}

void StreamConnection::deliver() {
    while (is_open_) {
        auto event = session_.next_event();
        if (!event) return;
        owner_.on_connection_event(*this, std::move(*event));
    }
}

void StreamConnection::arm_timer() {
    const auto deadline = session_.deadline();
    if (!deadline || (armed_for_ && *armed_for_ <= *deadline)) return;
    armed_for_ = deadline;
    timer_.expires_at(*deadline);
    timer_.async_wait([self = shared_from_this()](const error_code& error) {
        if (!error && self->is_open_) self->on_timer();
    });
}

void StreamConnection::on_timer() {
    armed_for_.reset();
    session_.on_time(Clock::now());
    flush();
    deliver();
}

}  // namespace mdd::tunnel
