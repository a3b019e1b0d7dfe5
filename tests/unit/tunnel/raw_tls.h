// A TLS or DTLS peer that does what a test says: plain OpenSSL over memory, with none of the
// project's policy.
#pragma once

#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "kmf-tunnel/credentials.h"
#include "kmf-tunnel/datagram_bio.h"
#include "kmf-tunnel/message.h"
#include "kmf-tunnel/openssl_ptr.h"

namespace mdd::test {

// What the peer is made of. It believes every certificate.
struct RawTlsShape {
    tunnel::Role role = tunnel::Role::mdd;
    std::string cert_file;  // empty: it has none
    std::string key_file;
    bool asks_certificate = true;  // a server
    std::function<void(SSL_CTX*)> change = [](SSL_CTX*) {};
};

// TLS over a stream.
class RawTls {
  public:
    explicit RawTls(const RawTlsShape& shape);

    // Begins (a client), or takes bytes from the other end.
    void start() { advance(); }
    void take(srtp::Bytes bytes);
    // What it has to say; empties it.
    std::vector<std::uint8_t> said();
    void say(srtp::Bytes plaintext);
    // A KeyUpdate that asks for another one, or not.
    void update_key(bool asks);
    void close() { SSL_shutdown(ssl_.get()); }
    SSL* native() { return ssl_.get(); }

    bool is_up() const { return SSL_is_init_finished(ssl_.get()) == 1; }
    // The last alert that came, by its number; -1: none did.
    int alert() const { return alert_; }
    const std::vector<std::uint8_t>& heard() const { return heard_; }

  private:
    void advance();

    int alert_ = -1;
    tunnel::SslCtxPtr context_;
    tunnel::SslPtr ssl_;
    BIO* in_ = nullptr;
    BIO* out_ = nullptr;
    std::vector<std::uint8_t> heard_;
};

// DTLS over datagrams.
class RawDtls {
  public:
    explicit RawDtls(const RawTlsShape& shape);

    void start() { advance(); }
    void take(srtp::Bytes datagram);
    std::optional<std::vector<std::uint8_t>> said();
    void say(srtp::Bytes plaintext);
    bool is_up() const { return SSL_is_init_finished(ssl_.get()) == 1; }
    int alert() const { return alert_; }

  private:
    void advance();

    int alert_ = -1;
    tunnel::SslCtxPtr context_;
    tunnel::DatagramPort port_;
    std::deque<std::vector<std::uint8_t>> out_;
    tunnel::SslPtr ssl_;
};

}  // namespace mdd::test
