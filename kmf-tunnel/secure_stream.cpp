// One TLS connection on OpenSSL: gives it bytes, takes its records, and says in plain words why it
// ended.
#include "kmf-tunnel/secure_stream.h"

#include <openssl/err.h>

#include <stdexcept>

#include "kmf-tunnel/tls_failure.h"

namespace mdd::tunnel {

SecureStream::SecureStream(const SecureContext& context)
    : check_{context, {}, {}},
      ssl_(make_ssl(check_)),
      in_(BIO_new(BIO_s_mem())),
      sealed_(BIO_new(BIO_s_mem())) {
    if (in_ == nullptr || sealed_ == nullptr)
        throw std::runtime_error("OpenSSL cannot make a BIO: out of memory.");
    SSL_set_bio(ssl_.get(), in_, sealed_);
    SSL_set_msg_callback(ssl_.get(), on_handshake_message);
    SSL_set_msg_callback_arg(ssl_.get(), this);
}

void SecureStream::on_handshake_message(int is_sent, int, int content_type, const void* bytes,
                                        std::size_t size_bytes, SSL*, void* self) {
    if (is_sent == 0 && content_type == SSL3_RT_HANDSHAKE && size_bytes > 0 &&
        *static_cast<const std::uint8_t*>(bytes) == SSL3_MT_KEY_UPDATE)
        static_cast<SecureStream*>(self)->accepted_ = true;
}

void SecureStream::start() {
    handshake();
    collect();
}

void SecureStream::on_bytes(srtp::Bytes bytes, const Sink& sink) {
    if (state_ == State::down || bytes.empty()) return;
    BIO_write(in_, bytes.data(), static_cast<int>(bytes.size()));
    if (state_ == State::handshaking) handshake();
    if (state_ == State::up) read_plaintext(sink);
    collect();
}

void SecureStream::handshake() {
    ERR_clear_error();
    const int result = SSL_do_handshake(ssl_.get());
    if (result != 1) return fail(result);
    peer_ = proven_peer(ssl_.get());
    if (!peer_) failure_ = Down{DownReason::refused_by_us, "the peer showed no valid certificate"};
    state_ = peer_ ? State::up : State::down;
    accepted_ = accepted_ || check_.context.role() == Role::kmf;
}

void SecureStream::read_plaintext(const Sink& sink) {
    const srtp::MutableBytes buffer = plaintext_.writable();
    while (state_ == State::up) {
        ERR_clear_error();
        const int size_bytes = SSL_read(ssl_.get(), buffer.data(), static_cast<int>(buffer.size()));
        if (size_bytes <= 0) return fail(size_bytes);
        accepted_ = true;
        sink(buffer.first(static_cast<std::size_t>(size_bytes)));
        srtp::wipe(buffer.data(), static_cast<std::size_t>(size_bytes));
    }
}

void SecureStream::fail(int ssl_result) {
    failure_ = failure_of(ssl_.get(), ssl_result, accepted_, check_.refusal);
    if (failure_) state_ = State::down;
}

bool SecureStream::send(srtp::Bytes plaintext) {
    if (state_ != State::up || plaintext.empty()) return false;
    ERR_clear_error();
    const int result = SSL_write(ssl_.get(), plaintext.data(), static_cast<int>(plaintext.size()));
    if (result <= 0) fail(result);
    collect();
    return result > 0;
}

void SecureStream::accept_peer() {
    if (state_ != State::up) return;
    ERR_clear_error();
    if (SSL_key_update(ssl_.get(), SSL_KEY_UPDATE_NOT_REQUESTED) == 1) SSL_do_handshake(ssl_.get());
    collect();
}

void SecureStream::shutdown() {
    if (state_ == State::up) {
        ERR_clear_error();
        SSL_shutdown(ssl_.get());
        collect();
    }
    state_ = State::down;
}

// OpenSSL's memory grows by what it seals; moving it here frees it, and lets the transport take it
// in pieces.
void SecureStream::collect() {
    char* sealed = nullptr;
    const long size_bytes = BIO_get_mem_data(sealed_, &sealed);
    if (size_bytes <= 0) return;
    const auto* bytes = reinterpret_cast<const std::uint8_t*>(sealed);
    out_.insert(out_.end(), bytes, bytes + size_bytes);
    static_cast<void>(BIO_reset(sealed_));
}

void SecureStream::taken(std::size_t size_bytes) {
    taken_ += size_bytes;
    if (taken_ < out_.size() / 2) return;
    out_.erase(out_.begin(), out_.begin() + static_cast<std::ptrdiff_t>(taken_));
    taken_ = 0;
}

}  // namespace mdd::tunnel
