// The KMF's end of one DTLS-SRTP association, for tests: an OpenSSL server over the datagram BIO
// that takes any client certificate. Not mdd-kmf.
#pragma once

#include <deque>
#include <optional>
#include <vector>

#include <openssl/err.h>

#include "kmf-tunnel/datagram_bio.h"
#include "tests/unit/endpoint/certificates.h"
#include "tools/dtls_srtp/exporter.h"
#include "tools/dtls_srtp/profile_list.h"

namespace mdd::endpoint::test {

class KeyServer {
  public:
    KeyServer(const Certificate& identity, srtp::Profile profile)
        : context_(SSL_CTX_new(DTLS_server_method())) {
        auto* context = context_.get();
        SSL_CTX_use_certificate(context, identity.certificate.get());
        SSL_CTX_use_PrivateKey(context, identity.key.get());
        SSL_CTX_set_options(context, SSL_OP_NO_TICKET);
        SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
        SSL_CTX_set_cert_verify_callback(
            context, [](X509_STORE_CTX*, void*) { return 1; }, nullptr);
        ssl_.reset(SSL_new(context));
        dtls::set_srtp_profiles(ssl_.get(), std::array{profile});
        port_.out = [this](srtp::Bytes datagram) {
            outbox_.emplace_back(datagram.begin(), datagram.end());
        };
        tunnel::attach_datagram_bio(ssl_.get(), port_);
        SSL_set_accept_state(ssl_.get());
    }

    // What the server answers to one datagram.
    std::vector<std::vector<std::uint8_t>> answer(srtp::Bytes datagram) {
        port_.offer(datagram);
        ERR_clear_error();
        if (!keys_) {
            if (SSL_do_handshake(ssl_.get()) == 1) keys_ = dtls::export_keys(ssl_.get());
        } else {
            std::uint8_t ignored[64];
            const int result = SSL_read(ssl_.get(), ignored, sizeof ignored);
            closed_ = SSL_get_error(ssl_.get(), result) == SSL_ERROR_ZERO_RETURN;
        }
        port_.withdraw();
        return std::exchange(outbox_, {});
    }

    std::vector<std::vector<std::uint8_t>> close() {
        SSL_shutdown(ssl_.get());
        return std::exchange(outbox_, {});
    }

    // Set once the client's Finished was verified.
    const std::optional<dtls::ExportedKeys>& keys() const { return keys_; }
    bool closed_by_client() const { return closed_; }
    bool has_client_certificate() const { return SSL_get0_peer_certificate(ssl_.get()) != nullptr; }

  private:
    tunnel::SslCtxPtr context_;
    tunnel::DatagramPort port_;
    std::vector<std::vector<std::uint8_t>> outbox_;
    tunnel::SslPtr ssl_;
    std::optional<dtls::ExportedKeys> keys_;
    bool closed_ = false;
};

}  // namespace mdd::endpoint::test
