// What both ends of an association do: alerts, the outbox, the end.
#include <utility>

#include <openssl/ssl.h>

#include "tools/dtls_srtp/post_handshake.h"

namespace mdd::dtls {
namespace {

constexpr auto kAlertContent = static_cast<std::uint8_t>(tunnel::ContentType::alert);
constexpr std::uint8_t kWarning = SSL3_AL_WARNING;
constexpr std::uint8_t kFatal = SSL3_AL_FATAL;

}  // namespace

std::optional<Outgoing> Protected::next_datagram() {
    if (outbox_.empty()) return std::nullopt;
    auto outgoing = std::move(outbox_.front());
    outbox_.pop_front();
    return outgoing;
}

void Protected::close() {
    if (state_ != State::open) return;
    send_alert({false, SSL_AD_CLOSE_NOTIFY});
    state_ = State::closed;
    exhausted_ = false;
}

void Protected::fail(std::uint8_t alert) {
    if (state_ != State::open) return;
    send_alert({true, alert});
    state_ = State::failed;
    exhausted_ = false;
}

std::optional<Protected::Alert> Protected::parse_alert(srtp::Bytes plaintext) {
    if (plaintext.size() != 2 || (plaintext[0] != kWarning && plaintext[0] != kFatal))
        return std::nullopt;
    return Alert{plaintext[0] == kFatal, plaintext[1]};
}

bool Protected::is_close_notify(const Alert& alert) {
    return alert.description == SSL_AD_CLOSE_NOTIFY;
}

void Protected::refuse_renegotiation(const HandshakeFragment& fragment) {
    if (fragment.offset == 0) send_alert({false, SSL_AD_NO_RENEGOTIATION});
}

Datagram Protected::seal(std::uint8_t content_type, srtp::Bytes plaintext) {
    auto record = records_.seal(content_type, plaintext);
    if (record.empty()) {
        exhausted_ = true;
        state_ = State::failed;
    }
    return record;
}

void Protected::send(std::uint8_t content_type, srtp::Bytes plaintext) {
    auto record = seal(content_type, plaintext);
    if (!record.empty()) queue({std::move(record)});
}

void Protected::send_alert(const Alert& alert) {
    const std::uint8_t plaintext[] = {alert.fatal ? kFatal : kWarning, alert.description};
    send(kAlertContent, plaintext);
}

bool Protected::take_exhaustion() {
    return std::exchange(exhausted_, false);
}

void Protected::queue(Outgoing outgoing) {
    if (outbox_.size() < kOutbox) outbox_.push_back(std::move(outgoing));
}

}  // namespace mdd::dtls
