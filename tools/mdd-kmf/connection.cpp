// The handshake with an endpoint, the export of its keys, and the repeats of our last flight.
#include "tools/mdd-kmf/connection.h"

#include <algorithm>
#include <array>

#include <openssl/err.h>
#include <openssl/tls1.h>
#include <sys/time.h>

#include "kmf-tunnel/record.h"
#include "tools/dtls_srtp/exporter.h"
#include "tools/dtls_srtp/profile_list.h"

namespace mdd::kmf {
namespace {

using namespace std::chrono_literals;

// A client that repeats its last flight byte by byte does so at its own timer; faster copies are
// somebody's replay.
constexpr auto kFlightInterval = 100ms;

// The DTLS cipher must not be weaker than the SRTP one whose keys it agrees on.
const char* ciphers_for(srtp::Profile profile) {
    if (srtp::traits_of(profile).hop_key_bytes == 32)
        return "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384";
    return "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
           "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384";
}

}  // namespace

Connection::Connection(std::unique_ptr<EndpointSsl> accepted, const ClientRandom& random,
                       Terms terms, TimePoint now, Tally& tally, Out out)
    : face_(std::move(accepted)),
      random_(random),
      terms_(std::move(terms)),
      tally_(tally),
      out_(std::move(out)),
      handshake_until_(now + terms_.deadline) {
    ++tally_.handshakes_started;
    auto* ssl = face_->ssl.get();
    face_->port.out = [this](Bytes datagram) { send(datagram); };
    face_->admits_hello = [this](SSL* asking) { return judge_hello(asking); };
    face_->admits_certificate = [this](const auto& shown) { return judge_certificate(shown); };
    const srtp::Profile only[] = {terms_.profile};
    if (!dtls::set_srtp_profiles(ssl, only) ||
        SSL_set_cipher_list(ssl, ciphers_for(terms_.profile)) != 1)
        end(Refusal::handshake_failed);
    else
        advance(now);
}

void Connection::receive(Bytes datagram, TimePoint now) {
    if (state_ == State::ended) return;
    const auto finished = finished_record(datagram);
    if (state_ == State::handshaking && !finished.empty())
        client_finished_.assign(finished.begin(), finished.end());
    else if (!finished.empty() && std::ranges::equal(finished, client_finished_))
        resend_flight(now);
    face_->port.offer(datagram);
    advance(now);
    face_->port.withdraw();
}

void Connection::expire(TimePoint now) {
    if (state_ != State::handshaking) return;
    if (now >= handshake_until_) return end(Refusal::timed_out);
    ERR_clear_error();
    // Negative: OpenSSL has repeated often enough.
    if (DTLSv1_handle_timeout(face_->ssl.get()) < 0) return end(Refusal::timed_out);
    update_timer(now);
}

void Connection::close() {
    if (state_ == State::established) {
        ERR_clear_error();
        SSL_shutdown(face_->ssl.get());
    }
    state_ = State::ended;
}

std::optional<TimePoint> Connection::deadline() const {
    if (state_ != State::handshaking) return std::nullopt;
    return retransmit_at_ ? std::min(*retransmit_at_, handshake_until_) : handshake_until_;
}

// Refusing here costs no signature; left to itself OpenSSL would complete a handshake without any
// SRTP profile.
bool Connection::judge_hello(SSL* ssl) {
    const unsigned char* unused = nullptr;
    std::size_t size_bytes = 0;
    if (!terms_.mdd_can || !hello_offers_profile(ssl))
        refusal_ = Refusal::no_common_profile;
    else if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_extended_master_secret, &unused,
                                       &size_bytes) != 1)
        refusal_ = Refusal::no_extended_secret;
    return !refusal_;
}

// use_srtp: list length(2), profiles(2 each), MKI length(1), MKI (RFC 5764 §4.1.1).
bool Connection::hello_offers_profile(SSL* ssl) const {
    const unsigned char* extension = nullptr;
    std::size_t size_bytes = 0;
    if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_use_srtp, &extension, &size_bytes) != 1)
        return false;
    if (size_bytes < 2) return false;
    const auto offered = Bytes(extension, size_bytes).subspan(2);
    const std::size_t list_bytes = srtp::load_be16(extension);
    for (std::size_t at = 0; at + 2 <= std::min(list_bytes, offered.size()); at += 2)
        if (srtp::load_be16(&offered[at]) == static_cast<std::uint16_t>(terms_.profile))
            return true;
    return false;
}

bool Connection::judge_certificate(const dtls::Fingerprint& fingerprint) {
    fingerprint_ = fingerprint;
    if (terms_.admits && terms_.admits(fingerprint)) return true;
    refusal_ = Refusal::unknown_certificate;
    return false;
}

// OpenSSL's callbacks come too late for the first Finished or miss the repeated ones; its record
// headers do neither.
void Connection::send(Bytes datagram) {
    if (!tunnel::has_protected_handshake(datagram)) return out_(datagram, nullptr);
    if (!keys_ && !take_keys()) return;
    if (last_flight_.empty()) last_flight_.assign(datagram.begin(), datagram.end());
    ++tally_.keys_sent;
    out_(datagram, &*keys_);
}

bool Connection::take_keys() {
    auto* ssl = face_->ssl.get();
    if (dtls::selected_srtp_profile(ssl) != terms_.profile) {
        refusal_ = Refusal::no_common_profile;
        return false;
    }
    auto exported = dtls::export_keys(ssl);
    if (!exported) return false;
    keys_.emplace(std::move(exported->hop));  // the E2E halves are wiped here
    return true;
}

void Connection::advance(TimePoint now) {
    if (state_ == State::handshaking) shake_hands();
    if (state_ == State::established) {
        if (flight_sent_at_ == TimePoint{}) flight_sent_at_ = now;
        read_records();
    }
    update_timer(now);
}

void Connection::shake_hands() {
    ERR_clear_error();
    const int result = SSL_do_handshake(face_->ssl.get());
    if (result != 1) return settle(result);
    if (!keys_) return end(refusal_.value_or(Refusal::handshake_failed));
    if (SSL_get_extms_support(face_->ssl.get()) != 1) return end(Refusal::no_extended_secret);
    state_ = State::established;
    ++tally_.handshakes_completed;
}

// Endpoints have no application data for us: reading serves alerts and repeated flights. Several
// records may share a datagram.
void Connection::read_records() {
    std::array<std::uint8_t, 1024> ignored;
    int result = 1;
    while (result > 0) {
        ERR_clear_error();
        result = SSL_read(face_->ssl.get(), ignored.data(), ignored.size());
    }
    settle(result);
}

void Connection::settle(int ssl_result) {
    switch (SSL_get_error(face_->ssl.get(), ssl_result)) {
        case SSL_ERROR_WANT_READ:
        case SSL_ERROR_WANT_WRITE:
            return;
        case SSL_ERROR_ZERO_RETURN:
            if (state_ == State::established) return close();
            [[fallthrough]];
        default:
            end(refusal_.value_or(Refusal::handshake_failed));
    }
}

void Connection::end(Refusal refusal) {
    if (state_ == State::handshaking) {
        refusal_ = refusal;
        tally_.count(refusal);
    }
    state_ = State::ended;
}

void Connection::update_timer(TimePoint now) {
    retransmit_at_.reset();
    timeval left{};
    if (state_ == State::handshaking && DTLSv1_get_timeout(face_->ssl.get(), &left) == 1)
        retransmit_at_ =
            now + std::chrono::seconds(left.tv_sec) + std::chrono::microseconds(left.tv_usec);
}

void Connection::resend_flight(TimePoint now) {
    if (state_ != State::established || now - flight_sent_at_ < kFlightInterval) return;
    flight_sent_at_ = now;
    ++tally_.flights_resent;
    send(last_flight_);
}

}  // namespace mdd::kmf
