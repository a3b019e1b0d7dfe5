// The floor under a KMF's handshake: OpenSSL alone as a DTLS-SRTP server with the same certificate,
// groups and ciphers, without cookie, tunnel, take-over or EKT.
#pragma once

#include <deque>
#include <vector>

#include "kmf-tunnel/datagram_bio.h"
#include "kmf-tunnel/openssl_ptr.h"

namespace mdd::bench {

class BareServer {
  public:
    // Throws std::runtime_error when OpenSSL refuses certificate or key.
    BareServer(const std::string& cert_file, const std::string& key_file);

    // One connection, from its first datagram.
    class Connection {
      public:
        explicit Connection(SSL_CTX* context);
        void feed(srtp::Bytes datagram);
        bool is_established() const { return SSL_is_init_finished(ssl_.get()) == 1; }
        std::deque<std::vector<std::uint8_t>> outbox;

      private:
        tunnel::DatagramPort port_;
        tunnel::SslPtr ssl_;
    };
    SSL_CTX* context() const { return context_.get(); }

  private:
    tunnel::SslCtxPtr context_;
};

}  // namespace mdd::bench
