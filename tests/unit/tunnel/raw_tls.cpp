// Plain OpenSSL peers.
#include "tests/unit/tunnel/raw_tls.h"

#include <openssl/err.h>

#include <stdexcept>

namespace mdd::test {

using tunnel::Role;
using tunnel::SslCtxPtr;
using tunnel::SslPtr;

namespace {

SslCtxPtr make_context(const RawTlsShape& shape, const SSL_METHOD* method) {
    SslCtxPtr context(SSL_CTX_new(method));
    if (!shape.cert_file.empty() &&
        (SSL_CTX_use_certificate_chain_file(context.get(), shape.cert_file.c_str()) != 1 ||
         SSL_CTX_use_PrivateKey_file(context.get(), shape.key_file.c_str(), SSL_FILETYPE_PEM) != 1))
        throw std::runtime_error("The raw peer cannot load its certificate.");
    if (shape.role == Role::mdd || shape.asks_certificate)
        SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, [](int, X509_STORE_CTX*) { return 1; });
    shape.change(context.get());
    return context;
}

SslPtr make_ssl(const RawTlsShape& shape, SSL_CTX* context, int& alert) {
    SslPtr ssl(SSL_new(context));
    if (shape.role == Role::kmf)
        SSL_set_accept_state(ssl.get());
    else
        SSL_set_connect_state(ssl.get());
    SSL_set_app_data(ssl.get(), &alert);
    SSL_set_info_callback(ssl.get(), [](const SSL* self, int where, int value) {
        if ((where & SSL_CB_READ_ALERT) == SSL_CB_READ_ALERT)
            *static_cast<int*>(SSL_get_app_data(self)) = value & 0xff;
    });
    return ssl;
}

}  // namespace

RawTls::RawTls(const RawTlsShape& shape)
    : context_(make_context(shape, TLS_method())),
      ssl_(make_ssl(shape, context_.get(), alert_)),
      in_(BIO_new(BIO_s_mem())),
      out_(BIO_new(BIO_s_mem())) {
    SSL_set_bio(ssl_.get(), in_, out_);
}

void RawTls::take(srtp::Bytes bytes) {
    if (!bytes.empty()) BIO_write(in_, bytes.data(), static_cast<int>(bytes.size()));
    advance();
}

void RawTls::advance() {
    ERR_clear_error();
    if (!is_up() && SSL_do_handshake(ssl_.get()) != 1) return;
    std::uint8_t buffer[16384];
    for (;;) {
        ERR_clear_error();
        const int size_bytes = SSL_read(ssl_.get(), buffer, sizeof buffer);
        if (size_bytes <= 0) return;
        heard_.insert(heard_.end(), buffer, buffer + size_bytes);
    }
}

std::vector<std::uint8_t> RawTls::said() {
    std::vector<std::uint8_t> bytes(BIO_pending(out_));
    if (!bytes.empty()) BIO_read(out_, bytes.data(), static_cast<int>(bytes.size()));
    return bytes;
}

void RawTls::say(srtp::Bytes plaintext) {
    ERR_clear_error();
    SSL_write(ssl_.get(), plaintext.data(), static_cast<int>(plaintext.size()));
}

void RawTls::update_key(bool asks) {
    SSL_key_update(ssl_.get(), asks ? SSL_KEY_UPDATE_REQUESTED : SSL_KEY_UPDATE_NOT_REQUESTED);
    SSL_do_handshake(ssl_.get());
}

RawDtls::RawDtls(const RawTlsShape& shape)
    : context_(make_context(shape, DTLS_method())), ssl_(make_ssl(shape, context_.get(), alert_)) {
    port_.out = [this](srtp::Bytes bytes) { out_.emplace_back(bytes.begin(), bytes.end()); };
    tunnel::attach_datagram_bio(ssl_.get(), port_);
}

void RawDtls::take(srtp::Bytes datagram) {
    port_.offer(datagram);
    advance();
    port_.withdraw();
}

void RawDtls::advance() {
    ERR_clear_error();
    if (!is_up() && SSL_do_handshake(ssl_.get()) != 1) return;
    std::uint8_t buffer[16384];
    for (ERR_clear_error(); SSL_read(ssl_.get(), buffer, sizeof buffer) > 0;) {
    }
}

std::optional<std::vector<std::uint8_t>> RawDtls::said() {
    if (out_.empty()) return std::nullopt;
    auto datagram = std::move(out_.front());
    out_.pop_front();
    return datagram;
}

void RawDtls::say(srtp::Bytes plaintext) {
    ERR_clear_error();
    SSL_write(ssl_.get(), plaintext.data(), static_cast<int>(plaintext.size()));
}

}  // namespace mdd::test
