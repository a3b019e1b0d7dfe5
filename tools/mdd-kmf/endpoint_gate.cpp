// The endpoint-facing SSL_CTX, its callbacks, and DTLSv1_listen on a spare SSL.
#include "tools/mdd-kmf/endpoint_gate.h"

#include <algorithm>
#include <stdexcept>
#include <string>
#include <utility>

#include <openssl/err.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

namespace mdd::kmf {
namespace {

constexpr unsigned kCookieBytes = 32;
constexpr unsigned kSlowestTimerFactor = 16;

EndpointSsl& face_of(const SSL* ssl) {
    return *static_cast<EndpointSsl*>(SSL_get_app_data(ssl));
}

const EndpointGate::Shared& shared_of(const SSL* ssl) {
    return *static_cast<const EndpointGate::Shared*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)));
}

bool make_cookie(SSL* ssl, unsigned char* cookie) {
    const auto secret = shared_of(ssl).cookie_secret.bytes();
    const auto& subject = face_of(ssl).cookie_subject;
    unsigned int size_bytes = 0;
    return HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()), subject.data(),
                subject.size(), cookie, &size_bytes) != nullptr &&
           size_bytes == kCookieBytes;
}

int generate_cookie(SSL* ssl, unsigned char* cookie, unsigned int* size_bytes) {
    *size_bytes = kCookieBytes;
    return make_cookie(ssl, cookie) ? 1 : 0;
}

int verify_cookie(SSL* ssl, const unsigned char* cookie, unsigned int size_bytes) {
    unsigned char expected[EVP_MAX_MD_SIZE];
    return size_bytes == kCookieBytes && make_cookie(ssl, expected) &&
           CRYPTO_memcmp(cookie, expected, kCookieBytes) == 0;
}

int judge_hello(SSL* ssl, int* alert, void*) {
    const auto& face = face_of(ssl);
    *alert = face.judge_hello ? face.judge_hello(ssl) : SSL_AD_HANDSHAKE_FAILURE;
    return *alert == 0 ? SSL_CLIENT_HELLO_SUCCESS : SSL_CLIENT_HELLO_ERROR;
}

// Stands for chain building: endpoints bring self-signed certificates, known by fingerprint (RFC
// 8122).
int judge_certificate(X509_STORE_CTX* store, void*) {
    const auto* ssl =
        static_cast<SSL*>(X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()));
    const auto& face = face_of(ssl);
    const auto fingerprint = dtls::fingerprint_of(X509_STORE_CTX_get0_cert(store));
    if (fingerprint && face.admits_certificate && face.admits_certificate(*fingerprint)) return 1;
    X509_STORE_CTX_set_error(store, X509_V_ERR_CERT_REJECTED);
    return 0;
}

unsigned int next_timer_us(SSL* ssl, unsigned int last_us) {
    const auto first_us = shared_of(ssl).first_timer_us;
    return last_us == 0 ? first_us : std::min(2 * last_us, kSlowestTimerFactor * first_us);
}

// A key with a pass phrase would make OpenSSL ask on the terminal; a service has none.
int no_pass_phrase(char*, int, int, void*) {
    return 0;
}

[[noreturn]] void refuse(const std::string& what, const std::filesystem::path& file) {
    throw std::runtime_error(what + " \"" + file.string() +
                             "\" cannot be used: " + tunnel::openssl_error_text() + ".");
}

void use_identity(SSL_CTX* context, const EndpointIdentity& identity) {
    SSL_CTX_set_default_passwd_cb(context, no_pass_phrase);
    if (SSL_CTX_use_certificate_chain_file(context, identity.cert.c_str()) != 1)
        refuse("Endpoint certificate", identity.cert);
    if (SSL_CTX_use_PrivateKey_file(context, identity.key.c_str(), SSL_FILETYPE_PEM) != 1)
        refuse("Endpoint private key", identity.key);
    if (SSL_CTX_check_private_key(context) != 1) refuse("Endpoint private key", identity.key);
}

void set_policy(SSL_CTX* context) {
    // With X25519 alone OpenSSL would refuse ECDSA certificates on P-256, which every browser
    // brings.
    const bool accepted = SSL_CTX_set_min_proto_version(context, DTLS1_2_VERSION) == 1 &&
                          SSL_CTX_set_max_proto_version(context, DTLS1_2_VERSION) == 1 &&
                          SSL_CTX_set1_groups_list(context, "X25519:P-256") == 1 &&
                          SSL_CTX_set_cipher_list(context, EndpointGate::kCiphers) == 1;
    if (!accepted)
        throw std::runtime_error("This OpenSSL has no DTLS 1.2 with AES-GCM, X25519 and P-256.");
    // Without resumption the client is verified, always, before our Finished and the keys go out.
    SSL_CTX_set_options(context, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_QUERY_MTU |
                                     SSL_OP_COOKIE_EXCHANGE | SSL_OP_CIPHER_SERVER_PREFERENCE);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
    SSL_CTX_set_cert_verify_callback(context, judge_certificate, nullptr);
    SSL_CTX_set_client_hello_cb(context, judge_hello, nullptr);
    SSL_CTX_set_cookie_generate_cb(context, generate_cookie);
    SSL_CTX_set_cookie_verify_cb(context, verify_cookie);
}

}  // namespace

EndpointGate::EndpointGate(const EndpointIdentity& identity, unsigned first_timer_ms)
    : shared_{{}, first_timer_ms * 1000}, no_address_(BIO_ADDR_new()) {
    auto secret = shared_.cookie_secret.writable();
    if (RAND_bytes(secret.data(), static_cast<int>(secret.size())) != 1)
        throw std::runtime_error("OpenSSL has no random bytes for cookies.");
    if (!no_address_) throw std::runtime_error("OpenSSL is out of memory.");
    renew(identity);
}

void EndpointGate::renew(const EndpointIdentity& identity) {
    tunnel::SslCtxPtr context(SSL_CTX_new(DTLS_server_method()));
    if (!context) throw std::runtime_error("OpenSSL cannot make a DTLS context.");
    set_policy(context.get());
    dtls::add_hello_extensions(context.get());
    use_identity(context.get(), identity);
    SSL_CTX_set_app_data(context.get(), &shared_);
    const auto fingerprint = dtls::fingerprint_of(SSL_CTX_get0_certificate(context.get()));
    if (!fingerprint) refuse("Endpoint certificate", identity.cert);
    auto spare = make_ssl(context.get());
    // Handshakes under way hold their own reference to the old context.
    context_ = std::move(context);
    fingerprint_ = *fingerprint;
    spare_ = std::move(spare);
}

std::unique_ptr<EndpointSsl> EndpointGate::make_ssl(SSL_CTX* context) {
    auto made = std::make_unique<EndpointSsl>();
    made->ssl.reset(SSL_new(context));
    if (!made->ssl) throw std::runtime_error("OpenSSL cannot make an SSL: out of memory.");
    SSL_set_app_data(made->ssl.get(), made.get());
    SSL_set_accept_state(made->ssl.get());
    tunnel::attach_datagram_bio(made->ssl.get(), made->port);
    dtls::bind_hello_values(made->ssl.get(), made->hello);
    return made;
}

EndpointGate::Answer EndpointGate::offer(srtp::Bytes datagram, srtp::Bytes subject,
                                         const std::function<void(srtp::Bytes)>& out) {
    bool answered = false;
    spare_->cookie_subject.assign(subject.begin(), subject.end());
    spare_->port.out = [&](srtp::Bytes bytes) {
        answered = true;
        out(bytes);
    };
    spare_->port.offer(datagram);
    ERR_clear_error();
    const int result = DTLSv1_listen(spare_->ssl.get(), no_address_.get());
    spare_->port.withdraw();
    spare_->port.out = nullptr;
    if (result == 1) {
        DTLS_set_timer_cb(spare_->ssl.get(), next_timer_us);
        return std::exchange(spare_, make_ssl(context_.get()));
    }
    if (result < 0) spare_ = make_ssl(context_.get());
    if (answered) return CookieSent{};
    return Ignored{};
}

}  // namespace mdd::kmf
