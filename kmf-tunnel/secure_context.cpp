// OpenSSL's context with files, verification, cookies and the policy of each dialect. Start-up
// errors are exceptions; nothing a peer sends can raise one.
#include "kmf-tunnel/secure_context.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include <algorithm>
#include <stdexcept>

namespace mdd::tunnel {

namespace {

// The C callbacks of OpenSSL; each finds its PeerCheck through the SSL's application data.
PeerCheck& check_of(const SSL* ssl) {
    return *static_cast<PeerCheck*>(SSL_get_app_data(ssl));
}

std::array<std::uint8_t, 32> cookie_for(const PeerCheck& check) {
    std::array<std::uint8_t, 32> cookie{};
    const auto secret = check.context.cookie_secret();
    unsigned int size_bytes = 0;
    HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()), check.cookie_peer.data(),
         check.cookie_peer.size(), cookie.data(), &size_bytes);
    return cookie;
}

int generate_cookie(SSL* ssl, unsigned char* cookie, unsigned int* size_bytes) {
    const auto made = cookie_for(check_of(ssl));
    std::copy(made.begin(), made.end(), cookie);
    *size_bytes = static_cast<unsigned int>(made.size());
    return 1;
}

int verify_cookie(SSL* ssl, const unsigned char* cookie, unsigned int size_bytes) {
    const auto expected = cookie_for(check_of(ssl));
    return size_bytes == expected.size() &&
           CRYPTO_memcmp(cookie, expected.data(), expected.size()) == 0;
}

int verify_certificate(int chain_ok, X509_STORE_CTX* store) {
    const auto* ssl =
        static_cast<SSL*>(X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()));
    PeerCheck& check = check_of(ssl);
    if (chain_ok != 1) {
        check.refusal = std::string("the peer's certificate is refused: ") +
                        X509_verify_cert_error_string(X509_STORE_CTX_get_error(store));
        return 0;
    }
    const auto& pins = check.context.pins();
    if (X509_STORE_CTX_get_error_depth(store) != 0 || pins.empty()) return 1;
    const auto peer = identity_of(X509_STORE_CTX_get_current_cert(store));
    if (std::find(pins.begin(), pins.end(), peer.spki_sha256) != pins.end()) return 1;
    check.refusal =
        "the peer's certificate is refused: its public key is none of the pinned ones, its "
        "SPKI SHA-256 is " +
        to_hex(peer.spki_sha256);
    X509_STORE_CTX_set_error(store, X509_V_ERR_CERT_REJECTED);
    return 0;
}

[[noreturn]] void refuse(const std::string& what, const std::string& file) {
    throw std::runtime_error(what + " \"" + file + "\": " + openssl_error_text() + ".");
}

// An encrypted key would make OpenSSL ask the terminal of a daemon.
int no_passphrase(char*, int, int, void*) {
    return -1;
}

void load_files(SSL_CTX* context, Role role, const Credentials& credentials) {
    ERR_clear_error();
    SSL_CTX_set_default_passwd_cb(context, no_passphrase);
    if (SSL_CTX_use_certificate_chain_file(context, credentials.cert_file.c_str()) != 1)
        refuse("Cannot load the tunnel certificate", credentials.cert_file);
    if (SSL_CTX_use_PrivateKey_file(context, credentials.key_file.c_str(), SSL_FILETYPE_PEM) != 1)
        refuse("Cannot load the tunnel's private key", credentials.key_file);
    if (SSL_CTX_check_private_key(context) != 1)
        refuse("The certificate does not belong to the private key", credentials.key_file);
    if (SSL_CTX_load_verify_locations(context, credentials.ca_file.c_str(), nullptr) != 1)
        refuse("Cannot load the tunnel's CA certificates", credentials.ca_file);
    if (role == Role::kmf) {
        STACK_OF(X509_NAME)* names = SSL_load_client_CA_file(credentials.ca_file.c_str());
        if (names == nullptr) refuse("Cannot read the CA names", credentials.ca_file);
        SSL_CTX_set_client_CA_list(context, names);
    }
}

bool set_common_policy(SSL_CTX* context) {
    SSL_CTX_set_options(context, SSL_OP_NO_TICKET | SSL_OP_NO_COMPRESSION |
                                     SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_QUERY_MTU);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT,
                       verify_certificate);
    // X25519 alone would refuse ECDSA certificates on P-256.
    return SSL_CTX_set1_groups_list(context, "X25519:P-256:P-384") == 1;
}

bool set_datagram_policy(SSL_CTX* context) {
    SSL_CTX_set_cookie_generate_cb(context, generate_cookie);
    SSL_CTX_set_cookie_verify_cb(context, verify_cookie);
    return SSL_CTX_set_min_proto_version(context, DTLS1_2_VERSION) == 1 &&
           SSL_CTX_set_max_proto_version(context, DTLS1_2_VERSION) == 1 &&
           SSL_CTX_set_cipher_list(context, "ECDHE+AESGCM") == 1;
}

bool set_stream_policy(SSL_CTX* context) {
    SSL_CTX_set_options(context, SSL_OP_CLEANSE_PLAINTEXT);
    return SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) == 1 &&
           SSL_CTX_set_max_proto_version(context, TLS1_3_VERSION) == 1 &&
           SSL_CTX_set_ciphersuites(context,
                                    "TLS_AES_256_GCM_SHA384:TLS_AES_128_GCM_SHA256:"
                                    "TLS_CHACHA20_POLY1305_SHA256") == 1 &&
           SSL_CTX_set_num_tickets(context, 0) == 1;
}

SslCtxPtr make_context(Dialect dialect) {
    const bool is_stream = dialect == Dialect::rfc9185;
    SslCtxPtr context(SSL_CTX_new(is_stream ? TLS_method() : DTLS_method()));
    if (!context || !set_common_policy(context.get()) ||
        !(is_stream ? set_stream_policy(context.get()) : set_datagram_policy(context.get())))
        throw std::runtime_error(std::string("OpenSSL cannot be set up for ") +
                                 (is_stream ? "TLS 1.3" : "DTLS 1.2") + ": " +
                                 openssl_error_text() + ".");
    return context;
}

}  // namespace

SecureContext::SecureContext(Role role, const Credentials& credentials, Dialect dialect)
    : role_(role), dialect_(dialect), context_(make_context(dialect)), pins_(credentials.pins) {
    load_files(context_.get(), role, credentials);
    const auto secret = cookie_secret_.writable();
    if (RAND_bytes(secret.data(), static_cast<int>(secret.size())) != 1)
        throw std::runtime_error("The random source gives no bytes for the cookie secret.");
}

SslPtr make_ssl(PeerCheck& check) {
    SslPtr ssl(SSL_new(check.context.native()));
    if (!ssl) throw std::runtime_error("OpenSSL cannot make an association: out of memory.");
    SSL_set_app_data(ssl.get(), &check);
    if (check.context.role() == Role::kmf)
        SSL_set_accept_state(ssl.get());
    else
        SSL_set_connect_state(ssl.get());
    return ssl;
}

std::optional<PeerIdentity> proven_peer(SSL* ssl) {
    const X509Ptr certificate(SSL_get1_peer_certificate(ssl));
    if (!certificate || SSL_get_verify_result(ssl) != X509_V_OK) return std::nullopt;
    return identity_of(certificate.get());
}

}  // namespace mdd::tunnel
