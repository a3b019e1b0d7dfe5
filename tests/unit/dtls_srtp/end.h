// One end of a DTLS 1.2 association in memory: OpenSSL alone until take_over(), an EktServer or
// EktClient from then on. Time is the test's, but for OpenSSL's own timers.
#pragma once

#include <gtest/gtest.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "kmf-tunnel/datagram_bio.h"
#include "tools/dtls_srtp/hello_extensions.h"
#include "tools/dtls_srtp/post_handshake.h"

namespace mdd::test {

using dtls::Datagram;
using dtls::TimePoint;
using namespace std::chrono_literals;

// Where a test's clock begins.
inline constexpr TimePoint kStart{std::chrono::hours(1)};

enum class Role { client, server };
enum class KeyKind { ec, rsa };

inline constexpr const char* kAes128 = "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256";
inline constexpr const char* kAes256 = "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384";

// An extension with exactly these bytes, right or wrong, in a hello of either role.
struct RawExtension {
    unsigned type;
    Datagram bytes;
};

struct EndOptions {
    const char* ciphers = kAes128;
    KeyKind key_kind = KeyKind::ec;
    dtls::HelloValues hello{{dtls::EktCipher::aeskw_128}, {}, {}, {}, {}};
    bool with_extensions = true;
    bool may_renegotiate = false;
    bool with_session_cache = false;
    bool takes_over = false;     // as an owner should: as soon as the handshake is done
    SSL_CTX* context = nullptr;  // instead of a new one
    const RawExtension* raw_extension = nullptr;
    int version = DTLS1_2_VERSION;
    dtls::EktTimers timers{};
    unsigned openssl_timer_us = 60'000'000;  // real time; OpenSSL fires 15 ms early
};

struct Identity {
    tunnel::PkeyPtr key;
    tunnel::X509Ptr certificate{X509_new()};

    explicit Identity(EVP_PKEY* made) : key(made) {
        auto* x509 = certificate.get();
        X509_set_version(x509, X509_VERSION_3);
        ASN1_INTEGER_set(X509_get_serialNumber(x509), 1);
        X509_gmtime_adj(X509_getm_notBefore(x509), -3600);
        X509_gmtime_adj(X509_getm_notAfter(x509), 86400);
        X509_set_pubkey(x509, key.get());
        EXPECT_GT(X509_sign(x509, key.get(), EVP_sha256()), 0);
    }

    static const Identity& of(KeyKind kind) {
        static const Identity ec(EVP_EC_gen("P-256"));
        static const Identity rsa(EVP_RSA_gen(2048));
        return kind == KeyKind::ec ? ec : rsa;
    }
};

class End {
  public:
    std::deque<Datagram> outbox;
    std::optional<dtls::EktServer> server;
    std::optional<dtls::EktClient> client;

    // What happened.
    std::vector<dtls::EktKeyMessage> keys;  // a client got
    std::vector<dtls::EktServer::Event> server_events;
    std::vector<std::variant<dtls::Closed, dtls::Failed>> client_ends;
    std::vector<std::pair<int, int>> alerts;  // level and description, read by OpenSSL
    std::vector<Datagram> data;               // application data, read by OpenSSL
    unsigned flights_resent = 0;
    std::string why;  // of a failed take_over()

    End(Role role, const EndOptions& options) : role_(role), options_(options) {
        if (options.context != nullptr) {
            SSL_CTX_up_ref(options.context);
            context_.reset(options.context);
        } else {
            make_context();
        }
        ssl.reset(SSL_new(context_.get()));
        SSL_set_app_data(ssl.get(), this);
        if (options.with_extensions) dtls::bind_hello_values(ssl.get(), options_.hello);
        port_.out = [this](srtp::Bytes datagram) {
            tap.note_sent(datagram);
            outbox.emplace_back(datagram.begin(), datagram.end());
        };
        tunnel::attach_datagram_bio(ssl.get(), port_);
        DTLS_set_timer_cb(ssl.get(), [](SSL* asking, unsigned) {
            return static_cast<End*>(SSL_get_app_data(asking))->options_.openssl_timer_us;
        });
        role == Role::server ? SSL_set_accept_state(ssl.get()) : SSL_set_connect_state(ssl.get());
    }
    End(const End&) = delete;
    End& operator=(const End&) = delete;

    void start() { step(); }

    void feed(srtp::Bytes datagram, TimePoint now = {}) {
        now_ = now;
        if (server) server->receive(datagram, now);
        if (client) client->receive(datagram);
        if (ssl) {
            tap.note_received(datagram);
            port_.offer(datagram);
            step();
            port_.withdraw();
        }
        collect();
    }

    void tick(TimePoint now) {
        if (server) server->expire(now);
        if (ssl && !is_established()) {
            ERR_clear_error();
            has_failed |= DTLSv1_handle_timeout(ssl.get()) < 0;  // OpenSSL has given up
        }
        collect();
    }

    bool is_established() const {
        return !ssl || (SSL_is_init_finished(ssl.get()) == 1 && !has_failed);
    }

    bool take_over(TimePoint now = {}) {
        auto taken = dtls::take_over(ssl, tap, why);
        if (!taken) return false;
        sent_message = taken->sent_message;
        if (role_ == Role::server)
            server.emplace(std::move(*taken), now, options_.timers);
        else
            client.emplace(std::move(*taken), options_.hello.ekt_cipher);
        return true;
    }

    // Moves what server or client have to say into the members above.
    void collect() {
        while (server) {
            auto outgoing = server->next_datagram();
            if (!outgoing) break;
            flights_resent += outgoing->resends_flight;
            outbox.push_back(std::move(outgoing->datagram));
        }
        while (client) {
            auto outgoing = client->next_datagram();
            if (!outgoing) break;
            outbox.push_back(std::move(outgoing->datagram));
        }
        while (server) {
            const auto event = server->next_event();
            if (!event) break;
            server_events.push_back(*event);
        }
        while (client) {
            auto event = client->next_event();
            if (!event) break;
            if (auto* key = std::get_if<dtls::EktKeyMessage>(&*event))
                keys.push_back(std::move(*key));
            else if (auto* failed = std::get_if<dtls::Failed>(&*event))
                client_ends.emplace_back(*failed);
            else
                client_ends.emplace_back(dtls::Closed{});
        }
    }

    template <class Event>
    std::vector<Event> events() const {
        std::vector<Event> found;
        for (const auto& event : server_events)
            if (const auto* one = std::get_if<Event>(&event)) found.push_back(*one);
        return found;
    }

    void write(srtp::Bytes bytes) {
        ERR_clear_error();
        EXPECT_GT(SSL_write(ssl.get(), bytes.data(), static_cast<int>(bytes.size())), 0);
    }

    Datagram next() {
        if (outbox.empty()) {
            ADD_FAILURE() << "nothing was sent";
            return {};
        }
        auto datagram = std::move(outbox.front());
        outbox.pop_front();
        return datagram;
    }

    const dtls::HelloValues& hello() const { return options_.hello; }
    dtls::HelloValues& hello() { return options_.hello; }

    dtls::RecordTap tap;
    bool has_failed = false;
    std::uint16_t sent_message = 0;

  private:
    void make_context() {
        const auto* method = role_ == Role::server ? DTLS_server_method() : DTLS_client_method();
        context_.reset(SSL_CTX_new(method));
        auto* context = context_.get();
        const auto& identity = Identity::of(options_.key_kind);
        SSL_CTX_set_min_proto_version(context, options_.version);
        SSL_CTX_set_max_proto_version(context, options_.version);
        if (options_.version != DTLS1_2_VERSION) SSL_CTX_set_security_level(context, 0);
        SSL_CTX_use_certificate(context, identity.certificate.get());
        SSL_CTX_use_PrivateKey(context, identity.key.get());
        SSL_CTX_set_cipher_list(context, options_.ciphers);
        SSL_CTX_set1_groups_list(context, "X25519:P-256");
        SSL_CTX_set_options(context, SSL_OP_NO_TICKET);
        if (!options_.may_renegotiate) SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION);
        SSL_CTX_set_session_cache_mode(
            context, options_.with_session_cache ? SSL_SESS_CACHE_BOTH : SSL_SESS_CACHE_OFF);
        SSL_CTX_set_session_id_context(context, reinterpret_cast<const unsigned char*>("t"), 1);
        SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
        SSL_CTX_set_cert_verify_callback(
            context, [](X509_STORE_CTX*, void*) { return 1; }, nullptr);
        SSL_CTX_set_info_callback(context, [](const SSL* about, int where, int value) {
            if ((where & SSL_CB_READ_ALERT) != SSL_CB_READ_ALERT) return;
            static_cast<End*>(SSL_get_app_data(about))
                ->alerts.emplace_back(value >> 8, value & 0xFF);
        });
        if (options_.with_extensions) dtls::add_hello_extensions(context);
        if (options_.raw_extension != nullptr) add_raw_extension();
    }

    void add_raw_extension() {
        SSL_CTX_add_custom_ext(
            context_.get(), options_.raw_extension->type,
            SSL_EXT_CLIENT_HELLO | SSL_EXT_TLS1_2_SERVER_HELLO,
            [](SSL*, unsigned, unsigned, const unsigned char** out, std::size_t* size, X509*,
               std::size_t, int*, void* argument) {
                const auto& raw = *static_cast<const RawExtension*>(argument);
                *out = raw.bytes.data();
                *size = raw.bytes.size();
                return 1;
            },
            nullptr, const_cast<RawExtension*>(options_.raw_extension),
            [](SSL*, unsigned, unsigned, const unsigned char*, std::size_t, X509*, std::size_t,
               int*, void*) { return 1; },
            nullptr);
    }

    void step() {
        std::uint8_t read[4096];
        ERR_clear_error();
        int result = SSL_do_handshake(ssl.get());
        if (result == 1 && options_.takes_over) {
            EXPECT_TRUE(take_over(now_)) << why;
            return;
        }
        while (result > 0) {
            ERR_clear_error();
            result = SSL_read(ssl.get(), read, sizeof read);
            if (result > 0) data.emplace_back(read, read + result);
        }
        has_failed |= SSL_get_error(ssl.get(), result) == SSL_ERROR_SSL;
    }

    Role role_;
    EndOptions options_;
    TimePoint now_{};
    tunnel::DatagramPort port_;
    tunnel::SslCtxPtr context_;

  public:
    tunnel::SslPtr ssl;  // last, so that it goes first
};

// Runs datagrams between two ends until nothing moves.
inline void settle(End& one, End& other, TimePoint now = {}) {
    while (!one.outbox.empty() || !other.outbox.empty()) {
        while (!one.outbox.empty()) other.feed(one.next(), now);
        while (!other.outbox.empty()) one.feed(other.next(), now);
    }
}

// A finished handshake without loss; nothing is taken over.
struct Pair {
    End client;
    End server;

    explicit Pair(const EndOptions& options = {}) : Pair(options, options) {}
    Pair(const EndOptions& of_client, const EndOptions& of_server)
        : client(Role::client, of_client), server(Role::server, of_server) {
        client.start();
        settle(client, server);
    }
    bool is_established() const { return client.is_established() && server.is_established(); }

    // Both ends leave OpenSSL.
    void take_over(TimePoint now = {}) {
        ASSERT_TRUE(client.take_over(now)) << client.why;
        ASSERT_TRUE(server.take_over(now)) << server.why;
    }
};

inline dtls::EktKeyMessage ekt_key(std::uint16_t spi, std::size_t key_bytes = 16) {
    dtls::EktKeyMessage message;
    message.key_bytes = key_bytes;
    std::uint8_t next = 0x60;
    for (auto& byte : message.key.writable().first(key_bytes)) byte = next++;
    next = 0x50;
    for (auto& byte : message.salt.writable()) byte = next++;
    message.spi = spi;
    message.ttl = 86400s;
    return message;
}

}  // namespace mdd::test
