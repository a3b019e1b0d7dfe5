// The KMF's end of one DTLS-SRTP association, for tests: an OpenSSL server over the datagram BIO
// that takes any client certificate, and EKT keys after the handshake. Not mdd-kmf.
#pragma once

#include <deque>
#include <optional>
#include <vector>

#include <openssl/err.h>

#include "kmf-tunnel/datagram_bio.h"
#include "tests/unit/endpoint/certificates.h"
#include "tools/dtls_srtp/exporter.h"
#include "tools/dtls_srtp/hello_extensions.h"
#include "tools/dtls_srtp/post_handshake.h"
#include "tools/dtls_srtp/profile_list.h"

namespace mdd::endpoint::test {

class KeyServer {
  public:
    using Datagrams = std::vector<std::vector<std::uint8_t>>;

    // What the server says and expects in the hellos.
    struct Hello {
        bool ekt = true;
        std::string session_id = {};
    };

    KeyServer(const Certificate& identity, srtp::Profile profile, const Hello& hello)
        : context_(SSL_CTX_new(DTLS_server_method())) {
        auto* context = context_.get();
        SSL_CTX_use_certificate(context, identity.certificate.get());
        SSL_CTX_use_PrivateKey(context, identity.key.get());
        SSL_CTX_set_options(context, SSL_OP_NO_TICKET);
        SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
        SSL_CTX_set_cert_verify_callback(
            context, [](X509_STORE_CTX*, void*) { return 1; }, nullptr);
        dtls::add_hello_extensions(context);
        if (hello.ekt) hello_.ekt_ciphers = {dtls::ekt_cipher_for(profile)};
        hello_.session_id = hello.session_id;
        ssl_.reset(SSL_new(context));
        dtls::set_srtp_profiles(ssl_.get(), std::array{profile});
        dtls::bind_hello_values(ssl_.get(), hello_);
        port_.out = [this](srtp::Bytes datagram) {
            tap_.note_sent(datagram);
            outbox_.emplace_back(datagram.begin(), datagram.end());
        };
        tunnel::attach_datagram_bio(ssl_.get(), port_);
        SSL_set_accept_state(ssl_.get());
    }
    KeyServer(const Certificate& identity, srtp::Profile profile)
        : KeyServer(identity, profile, Hello{}) {}

    // What the server answers to one datagram.
    Datagrams answer(srtp::Bytes datagram) {
        if (association_) {
            association_->receive(datagram, now());
            return collected();
        }
        tap_.note_received(datagram);
        port_.offer(datagram);
        ERR_clear_error();
        const bool done = SSL_do_handshake(ssl_.get()) == 1;
        port_.withdraw();
        if (done) finish();
        return std::exchange(outbox_, {});
    }
    // Sends a key. Precondition: keys().
    Datagrams deliver(const dtls::EktKeyMessage& key) {
        association_->deliver(key, now());
        return collected();
    }
    // What is repeated `later` than now.
    Datagrams repeat(std::chrono::milliseconds later) {
        association_->expire(now() + later);
        return collected();
    }
    Datagrams close() {
        association_->close();
        return collected();
    }

    // Set once the client's Finished was verified.
    const std::optional<dtls::ExportedKeys>& keys() const { return keys_; }
    bool closed_by_client() const { return closed_; }
    bool has_client_certificate() const { return has_client_certificate_; }
    // What the client said in its hello.
    const dtls::HelloValues& hello() const { return hello_; }
    // Of keys that the client has acknowledged, in that order.
    const std::vector<std::uint16_t>& acknowledged() const { return acknowledged_; }
    // With which the client ended the association.
    std::optional<std::uint8_t> alert() const { return alert_; }

  private:
    static dtls::TimePoint now() { return std::chrono::steady_clock::now(); }

    void finish() {
        keys_ = dtls::export_keys(ssl_.get());
        has_client_certificate_ = SSL_get0_peer_certificate(ssl_.get()) != nullptr;
        std::string why;
        auto taken = dtls::take_over(ssl_, tap_, why);
        if (!taken) throw std::runtime_error("the server cannot take over: " + why);
        association_.emplace(std::move(*taken), now());
    }

    Datagrams collected() {
        while (auto outgoing = association_->next_datagram())
            outbox_.push_back(std::move(outgoing->datagram));
        while (const auto event = association_->next_event()) {
            if (const auto* acknowledged = std::get_if<dtls::Acknowledged>(&*event))
                acknowledged_.push_back(acknowledged->spi);
            if (const auto* refused = std::get_if<dtls::Refused>(&*event)) alert_ = refused->alert;
            if (const auto* failed = std::get_if<dtls::Failed>(&*event)) alert_ = failed->alert;
            if (std::holds_alternative<dtls::Closed>(*event)) closed_ = true;
        }
        return std::exchange(outbox_, {});
    }

    tunnel::SslCtxPtr context_;
    tunnel::DatagramPort port_;
    dtls::RecordTap tap_;
    dtls::HelloValues hello_;
    Datagrams outbox_;
    tunnel::SslPtr ssl_;
    std::optional<dtls::ExportedKeys> keys_;
    std::optional<dtls::EktServer> association_;
    std::vector<std::uint16_t> acknowledged_;
    std::optional<std::uint8_t> alert_;
    bool has_client_certificate_ = false;
    bool closed_ = false;
};

}  // namespace mdd::endpoint::test
