// One DTLS association on OpenSSL: offers it datagrams, takes its records, and says in plain words
// why it ended.
#include "kmf-tunnel/secure.h"

#include <openssl/err.h>

#include <algorithm>

#include "kmf-tunnel/tls_failure.h"

namespace mdd::tunnel {
namespace {

constexpr unsigned int kFirstRepeatUs = 250'000;
constexpr unsigned int kLastRepeatUs = 2'000'000;

// Shorter than OpenSSL's 1 to 60 s: a tunnel that comes back late keeps every join of a conference
// waiting.
unsigned int repeat_timer(SSL*, unsigned int last_us) {
    return last_us == 0 ? kFirstRepeatUs : std::min(2 * last_us, kLastRepeatUs);
}

}  // namespace

Secure::Secure(const SecureContext& context)
    : check_{context, {}, {}},
      ssl_(make_ssl(check_)),
      state_(context.role() == Role::kmf ? State::listening : State::handshaking) {
    port_.out = [this](srtp::Bytes datagram) {
        outbox_.emplace_back(datagram.begin(), datagram.end());
    };
    attach_datagram_bio(ssl_.get(), port_);
    DTLS_set_timer_cb(ssl_.get(), repeat_timer);
}

void Secure::start() {
    if (state_ == State::handshaking) handshake();
}

void Secure::on_datagram(srtp::Bytes datagram, srtp::Bytes peer, const Sink& sink) {
    if (state_ == State::down || datagram.empty()) return;
    port_.offer(datagram);
    if (state_ == State::listening) {
        check_.cookie_peer.assign(peer.begin(), peer.end());
        listen();
    }
    if (state_ == State::handshaking) handshake();
    if (state_ == State::up) read_records(sink);
    port_.withdraw();
}

void Secure::listen() {
    ERR_clear_error();
    // The peer's address is in the cookie, not here: one listening association serves every
    // address.
    const std::unique_ptr<BIO_ADDR, OpensslFree<BIO_ADDR_free>> unused(BIO_ADDR_new());
    if (unused && DTLSv1_listen(ssl_.get(), unused.get()) > 0) state_ = State::handshaking;
}

void Secure::handshake() {
    ERR_clear_error();
    const int result = SSL_do_handshake(ssl_.get());
    if (result == 1)
        come_up();
    else
        fail(result);
}

void Secure::come_up() {
    peer_ = proven_peer(ssl_.get());
    if (!peer_) failure_ = Down{DownReason::refused_by_us, "the peer showed no valid certificate"};
    state_ = peer_ ? State::up : State::down;
}

void Secure::read_records(const Sink& sink) {
    const srtp::MutableBytes buffer = plaintext_.writable();
    while (state_ == State::up) {
        ERR_clear_error();
        const int size_bytes = SSL_read(ssl_.get(), buffer.data(), static_cast<int>(buffer.size()));
        if (size_bytes <= 0) {
            fail(size_bytes);
            return;
        }
        sink(buffer.first(static_cast<std::size_t>(size_bytes)));
        srtp::wipe(buffer.data(), static_cast<std::size_t>(size_bytes));
    }
}

void Secure::fail(int ssl_result) {
    failure_ = failure_of(ssl_.get(), ssl_result, state_ == State::up, check_.refusal);
    if (failure_) state_ = State::down;
}

void Secure::on_time() {
    if (state_ != State::handshaking) return;
    ERR_clear_error();
    if (DTLSv1_handle_timeout(ssl_.get()) < 0) fail(-1);
}

std::optional<std::chrono::microseconds> Secure::time_to_repeat() const {
    timeval left{};
    if (state_ != State::handshaking || DTLSv1_get_timeout(ssl_.get(), &left) != 1)
        return std::nullopt;
    return std::chrono::seconds(left.tv_sec) + std::chrono::microseconds(left.tv_usec);
}

bool Secure::send(srtp::Bytes plaintext) {
    if (state_ != State::up || plaintext.empty() || plaintext.size() > kMaxRecordBytes)
        return false;
    ERR_clear_error();
    const int result = SSL_write(ssl_.get(), plaintext.data(), static_cast<int>(plaintext.size()));
    if (result <= 0) fail(result);
    return result > 0;
}

void Secure::shutdown() {
    if (state_ == State::up) {
        ERR_clear_error();
        SSL_shutdown(ssl_.get());
    }
    state_ = State::down;
}

std::optional<std::vector<std::uint8_t>> Secure::next_datagram() {
    if (outbox_.empty()) return std::nullopt;
    auto datagram = std::move(outbox_.front());
    outbox_.pop_front();
    return datagram;
}

}  // namespace mdd::tunnel
