// OpenSSL DTLS 1.2 client over the datagram BIO.
#include "tools/mdd-endpoint/dtls_client.h"

#include <algorithm>
#include <array>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include "tools/dtls_srtp/exporter.h"
#include "tools/dtls_srtp/profile_list.h"

namespace mdd::endpoint {
namespace {

// The chain is nobody's business here: the KMF's certificate is the one with this fingerprint, or
// the handshake ends.
int check_fingerprint(X509_STORE_CTX* store, void* expected) {
    const auto* certificate = X509_STORE_CTX_get0_cert(store);
    const auto fingerprint =
        certificate != nullptr ? dtls::fingerprint_of(certificate) : std::nullopt;
    if (fingerprint && *fingerprint == *static_cast<const dtls::Fingerprint*>(expected)) return 1;
    X509_STORE_CTX_set_error(store, X509_V_ERR_CERT_REJECTED);
    return 0;
}

unsigned int next_repeat_us(SSL*, unsigned int last_us) {
    using std::chrono::microseconds;
    if (last_us == 0) return static_cast<unsigned>(microseconds(DtlsClient::kFirstRepeat).count());
    return std::min(2 * last_us,
                    static_cast<unsigned>(microseconds(DtlsClient::kLongestRepeat).count()));
}

// A key must not travel under a weaker cipher than it is for (RFC 8870 §6).
const char* ciphers_for(srtp::Profile profile) {
    return srtp::traits_of(profile).hop_key_bytes == 32 ? "ECDHE+AESGCM+AES256" : "ECDHE+AESGCM";
}

void require(bool good, const std::string& otherwise) {
    if (!good)
        throw std::runtime_error(fmt::format("{}: {}", otherwise, tunnel::openssl_error_text()));
}

}  // namespace

DtlsIdentity::DtlsIdentity(const std::filesystem::path& certificate,
                           const std::filesystem::path& key, const dtls::Fingerprint& kmf,
                           srtp::Profile profile)
    : context_(SSL_CTX_new(DTLS_client_method())), kmf_(kmf), profile_(profile) {
    ERR_clear_error();
    auto* context = context_.get();
    require(context != nullptr, "OpenSSL has no DTLS");
    require(SSL_CTX_set_min_proto_version(context, DTLS1_2_VERSION) == 1 &&
                SSL_CTX_set_max_proto_version(context, DTLS1_2_VERSION) == 1,
            "OpenSSL has no DTLS 1.2");
    require(SSL_CTX_use_certificate_chain_file(context, certificate.c_str()) == 1,
            fmt::format("certificate file {} cannot be used", certificate.string()));
    require(SSL_CTX_use_PrivateKey_file(context, key.c_str(), SSL_FILETYPE_PEM) == 1,
            fmt::format("key file {} cannot be used", key.string()));
    require(SSL_CTX_check_private_key(context) == 1, "certificate and key do not belong together");
    require(SSL_CTX_set_cipher_list(context, ciphers_for(profile)) == 1 &&
                SSL_CTX_set1_groups_list(context, "X25519:P-256") == 1,
            "OpenSSL lacks the ciphers for DTLS-SRTP");
    SSL_CTX_set_options(context, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
    SSL_CTX_set_cert_verify_callback(context, check_fingerprint, &kmf_);
}

DtlsClient::DtlsClient(const DtlsIdentity& identity, std::function<void(srtp::Bytes)> send)
    : identity_(identity) {
    port_.out = std::move(send);
    ERR_clear_error();
    ssl_.reset(SSL_new(identity.native()));
    require(ssl_ != nullptr, "OpenSSL cannot start a handshake");
    require(dtls::set_srtp_profiles(ssl_.get(), std::array{identity.profile()}),
            "OpenSSL cannot offer the SRTP profile");
    tunnel::attach_datagram_bio(ssl_.get(), port_);
    DTLS_set_timer_cb(ssl_.get(), next_repeat_us);
    SSL_set_connect_state(ssl_.get());
}

void DtlsClient::start() {
    advance();
}

void DtlsClient::on_datagram(srtp::Bytes datagram) {
    if (state_ == State::failed || state_ == State::closed) return;
    port_.offer(datagram);
    if (state_ == State::handshaking) advance();
    if (state_ == State::keyed) read_records();
    port_.withdraw();
}

void DtlsClient::advance() {
    ERR_clear_error();
    const int result = SSL_do_handshake(ssl_.get());
    if (result == 1) return finish_handshake();
    if (SSL_get_error(ssl_.get(), result) != SSL_ERROR_WANT_READ) fail("the handshake");
}

void DtlsClient::finish_handshake() {
    const auto selected = dtls::selected_srtp_profile(ssl_.get());
    auto exported = dtls::export_keys(ssl_.get());
    if (!exported || selected != identity_.profile()) {
        state_ = State::failed;
        failure_ = "the KMF agreed to no SRTP profile that was offered";
        return;
    }
    if (SSL_get_extms_support(ssl_.get()) != 1) {
        state_ = State::failed;
        failure_ = "the KMF does not support the extended master secret";
        return;
    }
    keys_ = std::move(exported->hop);
    state_ = State::keyed;
}

// Nothing is expected here but close_notify; records with data are read and left.
void DtlsClient::read_records() {
    std::array<std::uint8_t, 2048> ignored;
    for (;;) {
        ERR_clear_error();
        const int result = SSL_read(ssl_.get(), ignored.data(), static_cast<int>(ignored.size()));
        if (result > 0) continue;
        const int error = SSL_get_error(ssl_.get(), result);
        if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) return;
        if (error == SSL_ERROR_ZERO_RETURN) {
            state_ = State::closed;
            return;
        }
        return fail("the association");
    }
}

void DtlsClient::fail(const char* doing) {
    state_ = State::failed;
    const bool kmf_refused = SSL_get_verify_result(ssl_.get()) == X509_V_ERR_CERT_REJECTED;
    failure_ = kmf_refused
                   ? std::string("the KMF's certificate is not the one with the given fingerprint")
                   : fmt::format("{} failed: {}", doing, tunnel::openssl_error_text());
}

std::optional<std::chrono::microseconds> DtlsClient::time_to_repeat() const {
    if (state_ != State::handshaking) return std::nullopt;
    timeval left{};
    if (DTLSv1_get_timeout(ssl_.get(), &left) != 1) return std::nullopt;
    return std::chrono::seconds(left.tv_sec) + std::chrono::microseconds(left.tv_usec);
}

void DtlsClient::on_time() {
    if (state_ != State::handshaking) return;
    ERR_clear_error();
    const int result = DTLSv1_handle_timeout(ssl_.get());
    if (result == 1) ++repeats_;
    if (result < 0) give_up();
}

void DtlsClient::give_up() {
    state_ = State::failed;
    failure_ = "the handshake was not answered in time";
}

void DtlsClient::close() {
    if (state_ != State::keyed) return;
    ERR_clear_error();
    SSL_shutdown(ssl_.get());
}

std::optional<srtp::HopKeys> DtlsClient::take_keys() {
    return std::exchange(keys_, std::nullopt);
}

}  // namespace mdd::endpoint
