// A server context as plain as the handshake allows.
#include "tests/bench/bare_server.h"

#include <openssl/err.h>

#include <stdexcept>

#include "dataplane/srtp/profile.h"
#include "tools/dtls_srtp/profile_list.h"

namespace mdd::bench {

BareServer::BareServer(const std::string& cert_file, const std::string& key_file)
    : context_(SSL_CTX_new(DTLS_server_method())) {
    auto* context = context_.get();
    SSL_CTX_set_options(context, SSL_OP_NO_TICKET | SSL_OP_NO_QUERY_MTU);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
    SSL_CTX_set_cert_verify_callback(
        context, [](X509_STORE_CTX*, void*) { return 1; }, nullptr);
    if (SSL_CTX_set1_groups_list(context, "X25519:P-256") != 1 ||
        SSL_CTX_set_cipher_list(context, "ECDHE-ECDSA-AES128-GCM-SHA256") != 1 ||
        SSL_CTX_use_certificate_file(context, cert_file.c_str(), SSL_FILETYPE_PEM) != 1 ||
        SSL_CTX_use_PrivateKey_file(context, key_file.c_str(), SSL_FILETYPE_PEM) != 1)
        throw std::runtime_error("OpenSSL refuses the bare server: " +
                                 tunnel::openssl_error_text());
}

BareServer::Connection::Connection(SSL_CTX* context) : ssl_(SSL_new(context)) {
    port_.out = [this](srtp::Bytes bytes) { outbox.emplace_back(bytes.begin(), bytes.end()); };
    SSL_set_accept_state(ssl_.get());
    tunnel::attach_datagram_bio(ssl_.get(), port_);
    const srtp::Profile only[] = {srtp::Profile::double_aes_128_gcm};
    if (!dtls::set_srtp_profiles(ssl_.get(), only))
        throw std::runtime_error("OpenSSL refuses the Double profile.");
}

void BareServer::Connection::feed(srtp::Bytes datagram) {
    port_.offer(datagram);
    ERR_clear_error();
    SSL_do_handshake(ssl_.get());
    port_.withdraw();
}

}  // namespace mdd::bench
