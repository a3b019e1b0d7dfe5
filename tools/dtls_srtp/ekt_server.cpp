// The KMF's end: ekt_key under DTLS timers, ACKs and alerts back, the last flight again.
#include <algorithm>
#include <utility>

#include <openssl/ssl.h>

#include "tools/dtls_srtp/frozen.h"
#include "tools/dtls_srtp/post_handshake.h"
#include "tools/dtls_srtp/record_form.h"

namespace mdd::dtls {
namespace {

constexpr std::string_view kFrozenKind = "mdd EKT server 1";
constexpr auto kHandshakeContent = static_cast<std::uint8_t>(tunnel::ContentType::handshake);
// An ACK of a transmission older than these comes too late to be of use.
constexpr std::size_t kSequencesRemembered = 32;
// What nobody's last flight exceeds; a bound for thaw() only.
constexpr std::size_t kMaxFlight = 16;

}  // namespace

EktServer::EktServer(TakenOver association, TimePoint now, const EktTimers& timers)
    : Protected(std::move(association.records)),
      timers_(timers),
      last_flight_(std::move(association.last_flight)),
      client_finished_(std::move(association.peer_finished)),
      finished_message_(association.received_message),
      next_message_(static_cast<std::uint16_t>(association.sent_message + 1)),
      flight_sent_at_(now) {}

void EktServer::deliver(const EktKeyMessage& message, TimePoint now) {
    if (state() != State::open) return;
    const bool again = is_delivering() && in_flight_.back().spi == message.spi;
    if (!again) {
        for (auto& older : in_flight_) older.superseded = true;
        if (in_flight_.size() == kInFlight) in_flight_.pop_front();
        const auto body = encode_ekt_key(message);
        in_flight_.push_back({message.spi,
                              false,
                              encode_handshake(kEktKeyHandshake, next_message_++, body.bytes()),
                              {}});
    }
    start_repeats(now);
    transmit();
}

void EktServer::start_repeats(TimePoint now) {
    repeats_left_ = timers_.repeats;
    repeat_after_ = timers_.first_repeat;
    repeat_at_ = now + repeat_after_;
}

// All of them in one datagram, oldest first, each as a record of its own.
void EktServer::transmit() {
    Datagram datagram;
    for (auto& key : in_flight_) {
        const auto sequence = records_.next_sequence();
        const auto record = seal(kHandshakeContent, key.message.bytes());
        if (record.empty()) return;
        if (key.sequences.size() == kSequencesRemembered)
            key.sequences.erase(key.sequences.begin());
        key.sequences.push_back(sequence);
        datagram.insert(datagram.end(), record.begin(), record.end());
    }
    queue({std::move(datagram)});
}

void EktServer::expire(TimePoint now) {
    if (state() != State::open || in_flight_.empty() || now < repeat_at_) return;
    if (repeats_left_ == 0) {
        if (is_delivering()) events_.push_back(Unanswered{in_flight_.back().spi});
        in_flight_.clear();
        return;
    }
    --repeats_left_;
    repeat_after_ = std::min(2 * repeat_after_, timers_.longest_repeat);
    repeat_at_ = now + repeat_after_;
    transmit();
}

std::optional<TimePoint> EktServer::deadline() const {
    if (state() != State::open || in_flight_.empty()) return std::nullopt;
    return repeat_at_;
}

bool EktServer::is_delivering() const {
    return !in_flight_.empty() && !in_flight_.back().superseded;
}

std::optional<EktServer::Event> EktServer::next_event() {
    if (!events_.empty()) {
        const auto event = events_.front();
        events_.pop_front();
        return event;
    }
    if (take_exhaustion()) return Failed{};
    return std::nullopt;
}

void EktServer::receive(srtp::Bytes datagram, TimePoint now) {
    tunnel::RecordWalk walk(datagram);
    while (state() == State::open) {
        const auto record = walk.next();
        if (!record) return;
        if (record->epoch > 0) on_record(*record, now);
    }
}

void EktServer::on_record(const tunnel::Record& record, TimePoint now) {
    // Some clients repeat their last flight bit by bit; to the replay window that is an old record.
    if (std::ranges::equal(record.whole, client_finished_)) return resend_flight(now);
    const auto opened = records_.open(record);
    if (!opened) return;
    switch (record.type) {
        case tunnel::ContentType::handshake:
            return on_handshake(opened->plaintext.bytes(), now);
        case tunnel::ContentType::ack:
            return on_ack(opened->plaintext.bytes());
        case tunnel::ContentType::alert:
            return on_alert(opened->plaintext.bytes());
        case tunnel::ContentType::change_cipher_spec:
        case tunnel::ContentType::application_data:
            return;  // nothing that an endpoint could mean by it
    }
}

void EktServer::on_handshake(srtp::Bytes plaintext, TimePoint now) {
    FragmentWalk walk(plaintext);
    while (const auto fragment = walk.next()) {
        if (fragment->type == kClientHelloHandshake || fragment->type == kHelloRequestHandshake)
            refuse_renegotiation(*fragment);
        else if (fragment->type == kFinishedHandshake && fragment->message_seq == finished_message_)
            resend_flight(now);
    }
}

// The client still waits for our last flight. The stored bytes go out: same nonce, same plaintext.
void EktServer::resend_flight(TimePoint now) {
    if (now - flight_sent_at_ < timers_.flight_interval) return;
    flight_sent_at_ = now;
    for (const auto& datagram : last_flight_) queue({datagram, true});
}

void EktServer::on_ack(srtp::Bytes plaintext) {
    const auto numbers = decode_ack(plaintext);
    if (!numbers) return;
    for (auto key = in_flight_.begin(); key != in_flight_.end();) {
        const bool named = std::ranges::any_of(*numbers, [&](const RecordNumber& number) {
            return number.epoch == 1 &&
                   std::ranges::find(key->sequences, number.sequence) != key->sequences.end();
        });
        if (named) events_.push_back(Acknowledged{key->spi});
        key = named ? in_flight_.erase(key) : key + 1;
    }
}

void EktServer::on_alert(srtp::Bytes plaintext) {
    const auto alert = parse_alert(plaintext);
    if (!alert) return;
    if (is_close_notify(*alert)) {
        close();
        events_.push_back(Closed{});
        return;
    }
    const bool says_nothing_of_keys = alert->description == SSL_AD_USER_CANCELLED ||
                                      alert->description == SSL_AD_NO_RENEGOTIATION;
    if (alert->fatal || !says_nothing_of_keys) refused(*alert);
}

void EktServer::refused(const Alert& alert) {
    if (is_delivering())
        events_.push_back(Refused{in_flight_.back().spi, alert.description, alert.fatal});
    else if (alert.fatal)
        events_.push_back(Failed{alert.description, true});
    in_flight_.clear();
    if (alert.fatal) end(State::failed);
}

tunnel::SecretBytes EktServer::freeze() const {
    FrozenWriter writer(kFrozenKind);
    const auto records = records_.freeze();
    writer.block(records.bytes());
    writer.block(client_finished_);
    writer.number(finished_message_);
    writer.number(next_message_);
    writer.number(last_flight_.size());
    for (const auto& datagram : last_flight_) writer.block(datagram);
    writer.number(in_flight_.size());
    for (const auto& key : in_flight_) {
        writer.number(key.spi);
        writer.number(key.superseded ? 1 : 0);
        writer.block(key.message.bytes());
        writer.number(key.sequences.size());
        for (auto sequence : key.sequences) writer.number(sequence);
    }
    return writer.finish();
}

std::optional<EktServer> EktServer::thaw(srtp::Bytes frozen, const Skip& skip, TimePoint now,
                                         const EktTimers& timers) {
    FrozenReader reader(kFrozenKind, frozen);
    auto records = RecordLayer::thaw(reader.block(), skip.records);
    if (!records) return std::nullopt;
    TakenOver association{std::move(*records), true, {}, {}, 0, 0};
    const auto client_finished = reader.block();
    association.peer_finished.assign(client_finished.begin(), client_finished.end());
    association.received_message = static_cast<std::uint16_t>(reader.number_up_to(0xFFFF));
    const auto next_message = static_cast<std::uint16_t>(reader.number_up_to(0xFFFF));
    for (auto left = reader.number_up_to(kMaxFlight); left > 0; --left) {
        const auto datagram = reader.block();
        association.last_flight.emplace_back(datagram.begin(), datagram.end());
    }
    EktServer server(std::move(association), now - timers.flight_interval, timers);
    server.next_message_ = static_cast<std::uint16_t>(next_message + skip.messages);
    for (auto left = reader.number_up_to(kInFlight); left > 0; --left) {
        const auto spi = static_cast<std::uint16_t>(reader.number_up_to(0xFFFF));
        const bool superseded = reader.number_up_to(1) == 1;
        InFlight key{spi, superseded, tunnel::SecretBytes(reader.block()), {}};
        for (auto count = reader.number_up_to(kSequencesRemembered); count > 0; --count)
            key.sequences.push_back(reader.number());
        server.in_flight_.push_back(std::move(key));
    }
    if (!reader.done()) return std::nullopt;
    server.start_repeats(now);
    server.repeat_at_ = now;
    return server;
}

}  // namespace mdd::dtls
