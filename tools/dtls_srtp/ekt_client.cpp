// The endpoint's end: ekt_key put together, judged, acknowledged and handed on once.
#include <algorithm>
#include <utility>

#include <openssl/ssl.h>

#include "tools/dtls_srtp/post_handshake.h"

namespace mdd::dtls {

EktClient::EktClient(TakenOver association, std::optional<EktCipher> cipher)
    : Protected(std::move(association.records)),
      cipher_(cipher),
      reassembly_(kMaxEktKeyBytes),
      newest_message_(association.received_message) {}

std::optional<EktClient::Event> EktClient::next_event() {
    if (!events_.empty()) {
        auto event = std::move(events_.front());
        events_.pop_front();
        return event;
    }
    if (take_exhaustion()) return Failed{};
    return std::nullopt;
}

void EktClient::receive(srtp::Bytes datagram) {
    tunnel::RecordWalk walk(datagram);
    while (state() == State::open) {
        const auto record = walk.next();
        if (!record) break;
        if (record->epoch > 0) on_record(*record);
    }
    const auto numbers = std::exchange(to_acknowledge_, {});
    if (numbers.empty() || state() != State::open) return;
    const std::span<const RecordNumber> newest(numbers);
    send(kAckContent, encode_ack(newest.last(std::min(newest.size(), kNumbersInAck))));
}

void EktClient::on_record(const tunnel::Record& record) {
    const auto opened = records_.open(record);
    if (!opened) return;
    if (record.type == tunnel::ContentType::handshake)
        on_handshake(opened->plaintext.bytes(), {record.epoch, record.sequence});
    else if (record.type == tunnel::ContentType::alert)
        on_alert(opened->plaintext.bytes());
}

void EktClient::on_handshake(srtp::Bytes plaintext, const RecordNumber& record) {
    FragmentWalk walk(plaintext);
    while (state() == State::open) {
        const auto fragment = walk.next();
        if (!fragment) break;
        if (fragment->type == kEktKeyHandshake)
            on_ekt_key(*fragment, record);
        else if (fragment->type == kHelloRequestHandshake ||
                 fragment->type == kClientHelloHandshake)
            refuse_renegotiation(*fragment);
    }
    // The server itself wrote this: it cannot be processed, and will not be when it is repeated.
    if (state() == State::open && !walk.well_formed()) refuse(SSL_AD_DECODE_ERROR);
}

void EktClient::on_ekt_key(const HandshakeFragment& fragment, const RecordNumber& record) {
    if (!cipher_) return refuse(SSL_AD_UNEXPECTED_MESSAGE);
    if (fragment.message_bytes > kMaxEktKeyBytes) return refuse(SSL_AD_DECODE_ERROR);
    // A copy whose ACK was lost, or a key that a later one has overtaken: settled either way.
    if (!is_later_message(fragment.message_seq, newest_message_)) {
        to_acknowledge_.push_back(record);
        return;
    }
    if (const auto message = reassembly_.add(fragment, record)) on_message(*message);
}

void EktClient::on_message(const Reassembly::Message& message) {
    auto decoded = decode_ekt_key(message.body.bytes());
    if (const auto* fault = std::get_if<EktKeyFault>(&decoded)) return refuse(alert_for(*fault));
    auto& key = std::get<EktKeyMessage>(decoded);
    if (key.key_bytes != ekt_key_bytes(*cipher_)) return refuse(SSL_AD_ILLEGAL_PARAMETER);

    newest_message_ = message.message_seq;
    reassembly_.forget_through(message.message_seq);
    to_acknowledge_.insert(to_acknowledge_.end(), message.records.begin(), message.records.end());
    if (std::ranges::find(delivered_spis_, key.spi) != delivered_spis_.end()) return;
    if (delivered_spis_.size() == kSpisRemembered) delivered_spis_.pop_front();
    delivered_spis_.push_back(key.spi);
    events_.push_back(std::move(key));
}

void EktClient::on_alert(srtp::Bytes plaintext) {
    const auto alert = parse_alert(plaintext);
    if (!alert) return;
    if (is_close_notify(*alert)) {
        close();
        events_.push_back(Closed{});
    } else if (alert->fatal) {
        end(State::failed);
        events_.push_back(Failed{alert->description, true});
    }
}

void EktClient::refuse(std::uint8_t alert) {
    fail(alert);
    events_.push_back(Failed{alert, false});
}

}  // namespace mdd::dtls
