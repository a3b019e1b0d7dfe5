// A DTLS-SRTP endpoint in memory, made of OpenSSL alone: datagrams in by feed(), out by `outbox`.
// The independent peer of the KMF's tests.
#pragma once

#include <gtest/gtest.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <deque>
#include <memory>
#include <vector>

#include "kmf-tunnel/datagram_bio.h"
#include "tests/support/test_pki.h"
#include "tools/dtls_srtp/profile_list.h"

namespace mdd::test {

using Datagram = std::vector<std::uint8_t>;

struct ClientOptions {
    std::vector<srtp::Profile> profiles{srtp::Profile::double_aes_128_gcm};
    std::size_t mtu_bytes = 1200;
    std::size_t alpn_bytes = 0;  // makes the ClientHello that much longer
    bool extended_secret = true;
    bool with_certificate = true;
};

class DtlsClient {
  public:
    std::deque<Datagram> outbox;

    DtlsClient(const TestCertificate& certificate, const ClientOptions& options)
        : context_(SSL_CTX_new(DTLS_client_method())) {
        SSL_CTX_set_verify(context_.get(), SSL_VERIFY_NONE, nullptr);
        if (!options.extended_secret)
            SSL_CTX_set_options(context_.get(), SSL_OP_NO_EXTENDED_MASTER_SECRET);
        if (options.with_certificate) {
            SSL_CTX_use_certificate_file(context_.get(), certificate.cert_file.c_str(),
                                         SSL_FILETYPE_PEM);
            SSL_CTX_use_PrivateKey_file(context_.get(), certificate.key_file.c_str(),
                                        SSL_FILETYPE_PEM);
        }
        port_.mtu_bytes = options.mtu_bytes;
        port_.out = [this](srtp::Bytes bytes) { outbox.emplace_back(bytes.begin(), bytes.end()); };
        ssl_.reset(SSL_new(context_.get()));
        tunnel::attach_datagram_bio(ssl(), port_);
        DTLS_set_timer_cb(ssl(), [](SSL*, unsigned int last_us) {
            return last_us == 0 ? 50'000U : std::min(2 * last_us, 200'000U);
        });
        if (!options.profiles.empty()) {
            EXPECT_TRUE(dtls::set_srtp_profiles(ssl(), options.profiles));
        }
        add_alpn(options.alpn_bytes);
        SSL_set_connect_state(ssl());
        step();
    }

    void feed(srtp::Bytes datagram) {
        port_.offer(datagram);
        step();
        port_.withdraw();
    }
    void tick() {
        ERR_clear_error();
        if (DTLSv1_handle_timeout(ssl()) < 0) failed_ = true;
    }
    void close() { SSL_shutdown(ssl()); }

    SSL* ssl() const { return ssl_.get(); }
    bool is_established() const { return SSL_is_init_finished(ssl()) == 1; }
    bool has_failed() const { return failed_; }
    bool was_closed() const { return (SSL_get_shutdown(ssl()) & SSL_RECEIVED_SHUTDOWN) != 0; }
    // OpenSSL's reason for its last fatal error, e.g. SSL_R_SSLV3_ALERT_BAD_CERTIFICATE.
    int failure_reason() const { return failure_reason_; }

    Datagram exported(std::size_t size_bytes) const {
        Datagram bytes(size_bytes);
        EXPECT_EQ(SSL_export_keying_material(ssl(), bytes.data(), bytes.size(),
                                             "EXTRACTOR-dtls_srtp", 19, nullptr, 0, 0),
                  1);
        return bytes;
    }

  private:
    void add_alpn(std::size_t size_bytes) {
        Datagram protocols;
        while (protocols.size() < size_bytes) {
            protocols.push_back(100);
            protocols.insert(protocols.end(), 100, 'x');
        }
        if (!protocols.empty())
            SSL_set_alpn_protos(ssl(), protocols.data(), static_cast<unsigned>(protocols.size()));
    }

    void step() {
        std::uint8_t ignored[64];
        ERR_clear_error();
        int result = SSL_do_handshake(ssl());
        while (result > 0) result = SSL_read(ssl(), ignored, sizeof ignored);
        if (SSL_get_error(ssl(), result) != SSL_ERROR_SSL) return;
        failed_ = true;
        failure_reason_ = ERR_GET_REASON(ERR_peek_error());
    }

    tunnel::DatagramPort port_;
    tunnel::SslCtxPtr context_;
    tunnel::SslPtr ssl_;
    bool failed_ = false;
    int failure_reason_ = 0;
};

}  // namespace mdd::test
