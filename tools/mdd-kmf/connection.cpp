// The handshake with an endpoint, the export of its keys, and what follows once its records are
// ours.
#include "tools/mdd-kmf/connection.h"

#include <algorithm>

#include <openssl/err.h>
#include <sys/time.h>

#include "kmf-tunnel/record.h"
#include "tools/dtls_srtp/exporter.h"
#include "tools/dtls_srtp/profile_list.h"

namespace mdd::kmf {
namespace {

// The DTLS cipher must not be weaker than the SRTP one whose keys it agrees on. The gate's list is
// right for 128 bits, and a list of one's own is parsed anew in each handshake.
bool set_ciphers(SSL* ssl, srtp::Profile profile) {
    return srtp::traits_of(profile).hop_key_bytes < 32 ||
           SSL_set_cipher_list(ssl, EndpointGate::kCiphers256) == 1;
}

int alert_for(Refusal refusal) {
    return refusal == Refusal::wrong_tls_id ? SSL_AD_ILLEGAL_PARAMETER : SSL_AD_HANDSHAKE_FAILURE;
}

// An unprotected alert alone in its datagram: its description is the last byte.
bool is_clear_alert(Bytes datagram) {
    tunnel::RecordWalk walk(datagram);
    const auto record = walk.next();
    return record && record->type == tunnel::ContentType::alert && record->epoch == 0 &&
           record->fragment.size() == 2 && record->whole.size() == datagram.size();
}

}  // namespace

Connection::Connection(std::unique_ptr<EndpointSsl> accepted, const ClientRandom& random,
                       Admission admission, std::chrono::milliseconds time_for_handshake,
                       TimePoint now, Tally& tally, Out out)
    : handshake_(new Handshake{std::move(accepted), std::move(admission), {}, {}, {}}),
      random_(random),
      tally_(tally),
      out_(std::move(out)) {
    ++tally_.handshakes_started;
    handshake_->until = now + time_for_handshake;
    handshake_->face->port.out = [this](Bytes datagram) { send(datagram); };
    handshake_->face->judge_hello = [this](SSL* asking) { return judge_hello(asking); };
    handshake_->face->admits_certificate = [this](const auto& shown) {
        return judge_certificate(shown);
    };
    shake_hands(now);
}

Connection::Connection(dtls::EktServer server, Admitted admitted, Tally& tally, Out out)
    : server_(std::move(server)),
      admitted_(std::move(admitted)),
      tally_(tally),
      out_(std::move(out)),
      state_(State::established) {}

std::unique_ptr<Connection> Connection::restore(Bytes frozen, Admitted admitted, TimePoint now,
                                                Tally& tally, Out out) {
    auto server = dtls::EktServer::thaw(frozen, {.records = kReservedRecords, .messages = 0}, now);
    if (!server) return nullptr;
    return std::unique_ptr<Connection>(
        new Connection(std::move(*server), std::move(admitted), tally, std::move(out)));
}

void Connection::receive(Bytes datagram, TimePoint now) {
    if (state_ == State::ended) return;
    if (state_ == State::established) {
        server_->receive(datagram, now);
        return pump();
    }
    handshake_->tap.note_received(datagram);
    handshake_->face->port.offer(datagram);
    shake_hands(now);
    if (handshake_) handshake_->face->port.withdraw();
}

void Connection::expire(TimePoint now) {
    if (state_ == State::established) {
        server_->expire(now);
        return pump();
    }
    if (state_ != State::handshaking) return;
    if (now >= handshake_->until) return end(Refusal::timed_out);
    ERR_clear_error();
    // Negative: OpenSSL has repeated often enough.
    if (DTLSv1_handle_timeout(handshake_->face->ssl.get()) < 0) return end(Refusal::timed_out);
    update_timer(now);
}

void Connection::close() {
    if (state_ == State::established) {
        server_->close();
        pump();
    }
    state_ = State::ended;
}

void Connection::abandon(Refusal refusal) {
    if (state_ == State::handshaking) end(refusal);
}

void Connection::deliver(const dtls::EktKeyMessage& message, TimePoint now) {
    if (state_ != State::established) return;
    server_->deliver(message, now);
    ++steps_since_freeze_;
}

void Connection::flush() {
    if (state_ == State::established) pump();
}

tunnel::SecretBytes Connection::freeze() {
    steps_since_freeze_ = 0;
    return server_->freeze();
}

std::optional<TimePoint> Connection::deadline() const {
    if (state_ == State::established) return server_->deadline();
    if (state_ != State::handshaking) return std::nullopt;
    return std::min(handshake_->until, handshake_->retransmit_at.value_or(handshake_->until));
}

std::optional<dtls::EktServer::Event> Connection::next_event() {
    if (!server_) return std::nullopt;
    auto event = server_->next_event();
    // Who acknowledges a key has had our Finished.
    if (event && std::holds_alternative<dtls::Acknowledged>(*event)) keys_.reset();
    return event;
}

// Refusing here costs no signature; left to itself OpenSSL would complete a handshake without any
// SRTP profile.
int Connection::judge_hello(SSL* ssl) {
    const auto offer = read_hello_offer(ssl);
    refusal_ = handshake_->admission.judge_hello(offer);
    if (!refusal_ && !offer.extended_secret) refusal_ = Refusal::no_extended_secret;
    if (refusal_) return alert_for(*refusal_);
    const auto profile = handshake_->admission.profile();
    const srtp::Profile only[] = {profile};
    if (!dtls::set_srtp_profiles(ssl, only) || !set_ciphers(ssl, profile))
        return SSL_AD_INTERNAL_ERROR;
    if (handshake_->admission.has_ekt())
        handshake_->face->hello.ekt_ciphers = {dtls::ekt_cipher_for(profile)};
    handshake_->face->hello.session_id = handshake_->admission.own_tls_id();
    return 0;
}

bool Connection::judge_certificate(const dtls::Fingerprint& fingerprint) {
    refusal_ = handshake_->admission.judge_certificate(fingerprint);
    admitted_ = handshake_->admission.admitted();
    return !refusal_;
}

// OpenSSL's callbacks come too late for the first Finished or miss the repeated ones; its record
// headers do neither.
void Connection::send(Bytes datagram) {
    handshake_->tap.note_sent(datagram);
    if (refusal_ == Refusal::wrong_tls_id && is_clear_alert(datagram)) {
        // RFC 8844 §4.3; from its certificate callback OpenSSL can only say bad_certificate.
        std::vector<std::uint8_t> corrected(datagram.begin(), datagram.end());
        corrected.back() = SSL_AD_ILLEGAL_PARAMETER;
        return out_(corrected, nullptr);
    }
    if (!tunnel::has_protected_handshake(datagram)) return out_(datagram, nullptr);
    if (!keys_ && !take_keys()) return;
    ++tally_.keys_sent;
    out_(datagram, &*keys_);
}

bool Connection::take_keys() {
    auto* ssl = handshake_->face->ssl.get();
    if (dtls::selected_srtp_profile(ssl) != admitted_.profile) {
        refusal_ = Refusal::no_common_profile;
        return false;
    }
    auto exported = dtls::export_keys(ssl);
    if (!exported) return false;
    keys_.emplace(std::move(exported->hop));  // the E2E halves are wiped here
    return true;
}

void Connection::shake_hands(TimePoint now) {
    ERR_clear_error();
    const int result = SSL_do_handshake(handshake_->face->ssl.get());
    if (result == 1)
        take_over(now);
    else
        settle(result);
    update_timer(now);
}

void Connection::take_over(TimePoint now) {
    auto* ssl = handshake_->face->ssl.get();
    if (!keys_) return end(refusal_.value_or(Refusal::handshake_failed));
    if (SSL_get_extms_support(ssl) != 1) return end(Refusal::no_extended_secret);
    if (admitted_.has_ekt && !handshake_->face->hello.ekt_cipher) return end(Refusal::no_ekt);
    std::string why;
    auto association = dtls::take_over(handshake_->face->ssl, handshake_->tap, why);
    if (!association) return end(Refusal::takeover_failed);
    server_.emplace(std::move(*association), now);
    handshake_.reset();
    state_ = State::established;
    ++tally_.handshakes_completed;
}

void Connection::settle(int ssl_result) {
    switch (SSL_get_error(handshake_->face->ssl.get(), ssl_result)) {
        case SSL_ERROR_WANT_READ:
        case SSL_ERROR_WANT_WRITE:
            return;
        default:
            end(refusal_.value_or(Refusal::handshake_failed));
    }
}

void Connection::end(Refusal refusal) {
    refusal_ = refusal;
    tally_.count(refusal);
    state_ = State::ended;
}

void Connection::update_timer(TimePoint now) {
    if (state_ != State::handshaking) return;
    handshake_->retransmit_at.reset();
    timeval left{};
    if (DTLSv1_get_timeout(handshake_->face->ssl.get(), &left) == 1)
        handshake_->retransmit_at =
            now + std::chrono::seconds(left.tv_sec) + std::chrono::microseconds(left.tv_usec);
}

void Connection::pump() {
    ++steps_since_freeze_;
    while (const auto outgoing = server_->next_datagram()) {
        if (!outgoing->resends_flight) {
            out_(outgoing->datagram, nullptr);
        } else if (keys_) {
            ++tally_.flights_resent;
            ++tally_.keys_sent;
            out_(outgoing->datagram, &*keys_);
        } else {
            // Without keys at the MDD the endpoint would believe in a connection that carries
            // nothing; unanswered it starts anew.
            ++tally_.flights_lost;
        }
    }
    if (server_->state() != dtls::Protected::State::open) state_ = State::ended;
}

}  // namespace mdd::kmf
