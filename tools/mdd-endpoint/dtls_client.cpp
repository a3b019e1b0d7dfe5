// OpenSSL's DTLS 1.2 client over the datagram BIO up to the Finished, our own records after it.
#include "tools/mdd-endpoint/dtls_client.h"

#include <algorithm>
#include <array>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include "kmf-tunnel/record.h"
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

// A key must not travel under a weaker cipher than it is for (RFC 8870 §6). After the handshake the
// records are ours, and those are AES-GCM.
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
                           srtp::Profile profile, SessionIds ids)
    : context_(SSL_CTX_new(DTLS_client_method())),
      kmf_(kmf),
      profile_(profile),
      session_ids_(std::move(ids)) {
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
    dtls::add_hello_extensions(context);
}

DtlsClient::DtlsClient(const DtlsIdentity& identity, std::function<void(srtp::Bytes)> send,
                       std::chrono::milliseconds first_repeat)
    : identity_(identity), send_(std::move(send)), first_repeat_(first_repeat) {
    port_.out = [this](srtp::Bytes datagram) {
        tap_.note_sent(datagram);
        send_(datagram);
    };
    if (srtp::traits_of(identity.profile()).is_double)
        hello_.ekt_ciphers = {dtls::ekt_cipher_for(identity.profile())};
    hello_.session_id = identity.session_ids().own;
    if (!identity.session_ids().kmf.empty())
        hello_.expected_session_id = identity.session_ids().kmf;
    ERR_clear_error();
    ssl_.reset(SSL_new(identity.native()));
    require(ssl_ != nullptr, "OpenSSL cannot start a handshake");
    require(dtls::set_srtp_profiles(ssl_.get(), std::array{identity.profile()}),
            "OpenSSL cannot offer the SRTP profile");
    dtls::bind_hello_values(ssl_.get(), hello_);
    tunnel::attach_datagram_bio(ssl_.get(), port_);
    SSL_set_app_data(ssl_.get(), this);
    DTLS_set_timer_cb(ssl_.get(), next_repeat_us);
    SSL_set_connect_state(ssl_.get());
}

unsigned DtlsClient::next_repeat_us(SSL* ssl, unsigned last_us) {
    const std::chrono::microseconds first =
        static_cast<const DtlsClient*>(SSL_get_app_data(ssl))->first_repeat_;
    const auto longest = std::max<std::chrono::microseconds>(first, kLongestRepeat);
    const auto next = last_us == 0 ? first : std::chrono::microseconds(2 * std::int64_t{last_us});
    return static_cast<unsigned>(std::min(next, longest).count());
}

void DtlsClient::start() {
    advance();
}

void DtlsClient::on_datagram(srtp::Bytes datagram) {
    // OpenSSL would repeat a flight that is due by itself, and nobody would count it.
    if (time_to_repeat() == std::chrono::microseconds(0)) on_time();
    if (state_ == State::handshaking) {
        keep_early(datagram);
        tap_.note_received(datagram);
        port_.offer(datagram);
        advance();
        port_.withdraw();
    } else if (state_ == State::keyed) {
        association_->receive(datagram);
        flush();
    }
}

void DtlsClient::advance() {
    ERR_clear_error();
    const int result = SSL_do_handshake(ssl_.get());
    if (result == 1) return finish_handshake();
    if (SSL_get_error(ssl_.get(), result) != SSL_ERROR_WANT_READ) fail_handshake();
}

void DtlsClient::finish_handshake() {
    const auto selected = dtls::selected_srtp_profile(ssl_.get());
    auto exported = dtls::export_keys(ssl_.get());
    const bool is_bound_to_session = SSL_get_extms_support(ssl_.get()) == 1;
    std::string why;
    auto association = dtls::take_over(ssl_, tap_, why);
    if (!association) return fail(fmt::format("the association cannot be used: {}", why));
    association_.emplace(std::move(*association), hello_.ekt_cipher);
    if (!exported || selected != identity_.profile())
        return refuse(SSL_AD_HANDSHAKE_FAILURE,
                      "the KMF agreed to no SRTP profile that was offered");
    if (!is_bound_to_session)
        return refuse(SSL_AD_HANDSHAKE_FAILURE,
                      "the KMF does not support the extended master secret");
    if (!hello_.ekt_ciphers.empty() && !hello_.ekt_cipher)
        return refuse(SSL_AD_HANDSHAKE_FAILURE, "the KMF hands out no EKT keys");
    if (hello_.expected_session_id && !hello_.peer_session_id)
        return refuse(SSL_AD_ILLEGAL_PARAMETER,
                      "the KMF sent no external_session_id to compare with its tls-id");
    keys_ = std::move(exported->hop);
    state_ = State::keyed;
    for (const auto& datagram : std::exchange(early_, {})) association_->receive(datagram);
    flush();
}

// An ekt_key can overtake the Finished, which may wait at the media distributor for the media keys
// to be in place.
void DtlsClient::keep_early(srtp::Bytes datagram) {
    if (!tunnel::has_protected_handshake(datagram)) return;
    if (early_.size() == kEarlyDatagrams) early_.pop_front();
    early_.emplace_back(datagram.begin(), datagram.end());
}

// For what is only known after the handshake.
void DtlsClient::refuse(std::uint8_t alert, std::string why) {
    association_->fail(alert);
    flush();
    fail(std::move(why));
}

void DtlsClient::fail(std::string why) {
    state_ = State::failed;
    failure_ = std::move(why);
}

void DtlsClient::fail_handshake() {
    if (SSL_get_verify_result(ssl_.get()) == X509_V_ERR_CERT_REJECTED)
        return fail("the KMF's certificate is not the one with the given fingerprint");
    if (hello_.expected_session_id && hello_.peer_session_id &&
        hello_.peer_session_id != hello_.expected_session_id)
        return fail("the KMF's external_session_id is not the tls-id that was given");
    fail(fmt::format("the handshake failed: {}", tunnel::openssl_error_text()));
}

void DtlsClient::flush() {
    while (const auto outgoing = association_->next_datagram()) {
        if (outgoing->datagram.front() == dtls::kAckContent) ++acknowledgements_;
        send_(outgoing->datagram);
    }
    while (auto event = association_->next_event()) on_event(std::move(*event));
}

void DtlsClient::on_event(dtls::EktClient::Event event) {
    if (auto* key = std::get_if<dtls::EktKeyMessage>(&event)) {
        ekt_keys_.push_back(std::move(*key));
    } else if (const auto* failed = std::get_if<dtls::Failed>(&event)) {
        const auto* name = failed->alert ? SSL_alert_desc_string_long(*failed->alert) : "no alert";
        fail(fmt::format("the association ended: {} {}",
                         failed->from_peer ? "the KMF's alert says" : "we said", name));
    } else {
        state_ = State::closed;
    }
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
    fail("the handshake was not answered in time");
}

void DtlsClient::close() {
    if (state_ != State::keyed) return;
    association_->close();
    flush();
}

std::optional<srtp::HopKeys> DtlsClient::take_keys() {
    return std::exchange(keys_, std::nullopt);
}

std::optional<EktKey> DtlsClient::next_ekt_key() {
    if (ekt_keys_.empty()) return std::nullopt;
    std::optional<EktKey> key(std::move(ekt_keys_.front()));
    ekt_keys_.pop_front();
    return key;
}

void DtlsClient::refuse_ekt_key() {
    if (state_ != State::keyed) return;
    refuse(SSL_AD_ILLEGAL_PARAMETER, "the KMF gave two EKT keys under one SPI");
}

}  // namespace mdd::endpoint
