// A DTLS-SRTP endpoint in memory: datagrams in by feed(), out by `outbox`. Its handshake is
// OpenSSL's, as the independent peer of the KMF's tests; afterwards EktClient is in OpenSSL's
// place, which an ekt_key would leave waiting for the rest of a handshake.
#pragma once

#include <gtest/gtest.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "kmf-tunnel/datagram_bio.h"
#include "tests/support/test_pki.h"
#include "tools/dtls_srtp/hello_extensions.h"
#include "tools/dtls_srtp/post_handshake.h"
#include "tools/dtls_srtp/profile_list.h"

namespace mdd::test {

using Datagram = std::vector<std::uint8_t>;

inline const std::string kAliceTlsId = "alice-0123456789abcdef";
inline const std::string kBobTlsId = "bob/0123456789+abcdef_";
inline const std::string kCarolTlsId = "carol-0123456789abcdef";

struct ClientOptions {
    std::vector<srtp::Profile> profiles{srtp::Profile::double_aes_128_gcm};
    std::size_t mtu_bytes = 1200;
    std::size_t alpn_bytes = 0;  // makes the ClientHello that much longer
    bool extended_secret = true;
    bool with_certificate = true;
    std::vector<dtls::EktCipher> ekt{dtls::EktCipher::aeskw_128, dtls::EktCipher::aeskw_256};
    std::string tls_id{};                     // sent as external_session_id
    std::optional<std::string> kmf_tls_id{};  // expected of the KMF
    bool takes_over = true;
};

// Also says what an endpoint should not.
class OutspokenEktClient : public dtls::EktClient {
  public:
    using EktClient::EktClient;
    void say(std::uint8_t content_type, srtp::Bytes plaintext) { send(content_type, plaintext); }
};

class DtlsClient {
  public:
    std::deque<Datagram> outbox;

    DtlsClient(const TestCertificate& certificate, const ClientOptions& options)
        : takes_over_(options.takes_over), context_(SSL_CTX_new(DTLS_client_method())) {
        dtls::add_hello_extensions(context_.get());
        hello_.ekt_ciphers = options.ekt;
        hello_.session_id = options.tls_id;
        hello_.expected_session_id = options.kmf_tls_id;
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
        port_.out = [this](srtp::Bytes bytes) {
            tap_.note_sent(bytes);
            outbox.emplace_back(bytes.begin(), bytes.end());
        };
        ssl_.reset(SSL_new(context_.get()));
        dtls::bind_hello_values(ssl(), hello_);
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
        if (ekt_) {
            ekt_->receive(datagram);
            return look_at_ekt();
        }
        tap_.note_received(datagram);
        port_.offer(datagram);
        step();
        port_.withdraw();
    }
    void tick() {
        if (ekt_) return;
        ERR_clear_error();
        if (DTLSv1_handle_timeout(ssl()) < 0) failed_ = true;
    }
    void close() {
        if (ekt_) {
            ekt_->close();
            return look_at_ekt();
        }
        SSL_shutdown(ssl());
    }
    // Ends with a fatal alert.
    void fail(std::uint8_t alert) {
        ekt_->fail(alert);
        look_at_ekt();
    }

    // A protected record with anything in it.
    void say(std::uint8_t content_type, const Datagram& plaintext) {
        ekt_->say(content_type, plaintext);
        look_at_ekt();
    }

    // Not once it has taken over.
    SSL* ssl() const { return ssl_.get(); }
    bool is_established() const { return ekt_ || SSL_is_init_finished(ssl()) == 1; }
    bool has_failed() const { return failed_; }
    bool was_closed() const {
        return ekt_ ? closed_ : (SSL_get_shutdown(ssl()) & SSL_RECEIVED_SHUTDOWN) != 0;
    }
    // OpenSSL's reason for its last fatal error, e.g. SSL_R_SSLV3_ALERT_BAD_CERTIFICATE.
    int failure_reason() const { return failure_reason_; }

    // Every key heard so far.
    const std::vector<dtls::EktKeyMessage>& keys() const { return keys_; }
    const dtls::HelloValues& hello() const { return hello_; }

    // The first bytes of the exporter's output.
    Datagram exported(std::size_t size_bytes) const {
        EXPECT_LE(size_bytes, exported_.size());
        return {exported_.begin(), exported_.begin() + static_cast<std::ptrdiff_t>(size_bytes)};
    }
    int cipher_bits() const { return cipher_bits_; }

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
        if (result > 0 && exported_.empty()) note_secrets();
        if (result > 0 && takes_over_) return take_over();
        while (result > 0) result = SSL_read(ssl(), ignored, sizeof ignored);
        if (SSL_get_error(ssl(), result) != SSL_ERROR_SSL) return;
        failed_ = true;
        failure_reason_ = ERR_GET_REASON(ERR_peek_error());
    }

    void note_secrets() {
        exported_.resize(2 * 64 + 2 * 24);  // of the longest profile; a shorter one is its prefix
        EXPECT_EQ(SSL_export_keying_material(ssl(), exported_.data(), exported_.size(),
                                             "EXTRACTOR-dtls_srtp", 19, nullptr, 0, 0),
                  1);
        SSL_CIPHER_get_bits(SSL_get_current_cipher(ssl()), &cipher_bits_);
    }

    void take_over() {
        std::string why;
        auto association = dtls::take_over(ssl_, tap_, why);
        ASSERT_TRUE(association) << why;
        ekt_.emplace(std::move(*association), hello_.ekt_cipher);
    }

    void look_at_ekt() {
        while (auto event = ekt_->next_event()) {
            if (auto* key = std::get_if<dtls::EktKeyMessage>(&*event))
                keys_.push_back(std::move(*key));
            else if (std::holds_alternative<dtls::Closed>(*event))
                closed_ = true;
            else
                failed_ = true;
        }
        while (auto outgoing = ekt_->next_datagram())
            outbox.push_back(std::move(outgoing->datagram));
    }

    bool takes_over_;
    dtls::HelloValues hello_;
    dtls::RecordTap tap_;
    std::optional<OutspokenEktClient> ekt_;
    std::vector<dtls::EktKeyMessage> keys_;
    Datagram exported_;
    int cipher_bits_ = 0;
    bool closed_ = false;
    tunnel::DatagramPort port_;
    tunnel::SslCtxPtr context_;
    tunnel::SslPtr ssl_;
    bool failed_ = false;
    int failure_reason_ = 0;
};

}  // namespace mdd::test
