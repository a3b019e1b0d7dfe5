// The tunnel's state machine: handshake, messages, keepalive, end. Sends nothing itself and reads
// no clock.
#include "kmf-tunnel/session.h"

#include <openssl/rand.h>

#include <algorithm>
#include <numeric>

#include "kmf-tunnel/secure.h"

namespace mdd::tunnel {
namespace {

bool is_keepalive(const Message& message) {
    return message.association.is_zero() && message.dtls.empty() &&
           std::holds_alternative<Empty>(message.body);
}

// The probe's number, big-endian in the last half of the nonce.
void set_number(ConferenceId& nonce, std::uint64_t number) {
    srtp::store_be32(nonce.bytes.data() + 8, static_cast<std::uint32_t>(number >> 32));
    srtp::store_be32(nonce.bytes.data() + 12, static_cast<std::uint32_t>(number));
}
std::uint64_t number_of(const ConferenceId& nonce) {
    return static_cast<std::uint64_t>(srtp::load_be32(nonce.bytes.data() + 8)) << 32 |
           srtp::load_be32(nonce.bytes.data() + 12);
}

}  // namespace

std::uint64_t SessionCounters::refused_total() const {
    return std::accumulate(refused.begin(), refused.end(), std::uint64_t{0});
}

SessionCounters& SessionCounters::operator+=(const SessionCounters& other) {
    messages_in += other.messages_in;
    messages_out += other.messages_out;
    oversize += other.oversize;
    unencodable += other.unencodable;
    impossible += other.impossible;
    not_in_dialect += other.not_in_dialect;
    queue_full += other.queue_full;
    skipped += other.skipped;
    probes += other.probes;
    echoes += other.echoes;
    stray_echoes += other.stray_echoes;
    for (std::size_t i = 0; i < refused.size(); ++i) refused[i] += other.refused[i];
    return *this;
}

Session::Session(const SecureContext& context, const SessionConfig& config)
    : config_(config), role_(context.role()), secure_(std::make_unique<Secure>(context)) {
    RAND_bytes(nonce_.bytes.data(), 8);
}

Session::~Session() = default;

void Session::start(TimePoint now) {
    if (role_ != Role::mdd || handshake_until_) return;
    handshake_until_ = now + config_.handshake_timeout;
    secure_->start();
    note_down();
}

void Session::on_datagram(TimePoint now, srtp::Bytes datagram, srtp::Bytes peer) {
    if (down_) return;
    const bool was_up = is_up();
    const bool was_listening = is_listening();
    std::vector<Message> messages;
    secure_->on_datagram(datagram, peer,
                         [&](srtp::Bytes plaintext) { on_record(now, plaintext, messages); });
    counters_.impossible = secure_->impossible();
    if (was_listening && !is_listening()) handshake_until_ = now + config_.handshake_timeout;
    if (!was_up) note_up(now);
    for (Message& message : messages) on_message(now, std::move(message));
    note_down();
}

void Session::note_up(TimePoint now) {
    if (!secure_->peer()) return;
    // At once: until the first echo, a peer that dies cannot be told from one that does not echo.
    next_probe_ = now;
    last_heard_ = now;
    handshake_until_.reset();
    events_.push_back(Up{*secure_->peer()});
}

void Session::note_down() {
    if (secure_->state() == Secure::State::down)
        end(secure_->failure() ? *secure_->failure()
                               : Down{DownReason::closed_here, "closed here"});
}

void Session::on_record(TimePoint now, srtp::Bytes plaintext, std::vector<Message>& messages) {
    last_heard_ = now;
    auto decoded = decode(plaintext, role_);
    if (const auto* error = std::get_if<DecodeError>(&decoded))
        ++counters_.refused[static_cast<std::size_t>(error->reason)];
    else
        messages.push_back(std::move(std::get<Message>(decoded)));
}

void Session::on_message(TimePoint now, Message message) {
    if (is_keepalive(message)) {
        on_keepalive(now, message);
        return;
    }
    ++counters_.messages_in;
    events_.push_back(Received{std::move(message)});
}

void Session::on_keepalive(TimePoint now, const Message& message) {
    if (role_ == Role::mdd) {
        const bool is_ours = std::equal(nonce_.bytes.begin(), nonce_.bytes.begin() + 8,
                                        message.conference.bytes.begin());
        on_echo(now, is_ours ? number_of(message.conference) : 0);
        return;
    }
    peer_probes_ = true;
    ++counters_.echoes;
    if (is_up()) transmit(message);
}

void Session::on_echo(TimePoint now, std::uint64_t number) {
    if (number == 0 || number > probes_sent_ || number + kProbesKept <= probes_sent_) {
        ++counters_.stray_echoes;
        return;
    }
    ++counters_.echoes;
    round_trip_ = now - probe_sent_at_[number % kProbesKept];
    last_answered_ = std::max(last_answered_, number);
    if (silent_) events_.push_back(Alive{});
    silent_ = false;
}

bool Session::transmit(const Message& message) {
    const auto encoded = encode(message);
    if (!encoded) {
        ++counters_.unencodable;
        return false;
    }
    if (encoded->size() > kMaxRecordBytes) {
        ++counters_.oversize;
        return false;
    }
    return secure_->send(encoded->bytes());
}

bool Session::send(const Message& message) {
    if (!is_up()) return false;
    if (std::holds_alternative<Disconnect>(message.body)) {
        ++counters_.not_in_dialect;
        return true;
    }
    const bool sent = transmit(message);
    if (sent) ++counters_.messages_out;
    note_down();
    return sent;
}

void Session::send_probe(TimePoint now) {
    ++probes_sent_;
    ++counters_.probes;
    set_number(nonce_, probes_sent_);
    probe_sent_at_[probes_sent_ % kProbesKept] = now;
    next_probe_ = now + config_.keepalive.interval;
    transmit({AssociationId{}, nonce_, Empty{}, {}});
}

void Session::probe_now(TimePoint now) {
    if (role_ != Role::mdd || !is_up() || config_.keepalive.interval.count() == 0) return;
    // Two round trips apart, so that forged ICMP cannot make unanswered probes faster than answers
    // come.
    Clock::duration spacing = config_.keepalive.probe_spacing;
    if (round_trip_) spacing = std::max(spacing, 2 * *round_trip_);
    const TimePoint earliest =
        probes_sent_ == 0 ? now : probe_sent_at_[probes_sent_ % kProbesKept] + spacing;
    next_probe_ = std::min(next_probe_, std::max(now, earliest));
    on_time(now);
}

void Session::on_time(TimePoint now) {
    if (down_) return;
    if (!is_up()) {
        if (handshake_until_ && now >= *handshake_until_) {
            end({DownReason::handshake_timed_out, "the handshake did not finish in time"});
            return;
        }
        secure_->on_time();
    } else if (role_ == Role::mdd) {
        check_probes(now);
    } else if (peer_probes_ && now >= last_heard_ + config_.keepalive.peer_silence) {
        secure_->shutdown();
        end({DownReason::silent, "the peer used to send keepalives and is silent"});
        return;
    }
    note_down();
}

void Session::check_probes(TimePoint now) {
    if (config_.keepalive.interval.count() == 0 || now < next_probe_) return;
    const auto unanswered = probes_sent_ - last_answered_;
    const bool has_answered = last_answered_ > 0;
    if (has_answered && !silent_ &&
        unanswered >= static_cast<std::uint64_t>(config_.keepalive.probes)) {
        silent_ = true;
        events_.push_back(Silent{});
    }
    send_probe(now);
}

void Session::shutdown() {
    if (down_) return;
    secure_->shutdown();
    end({DownReason::closed_here, "closed here"});
}

void Session::end(Down down) {
    if (down_) return;
    down_ = true;
    events_.push_back(std::move(down));
}

std::optional<std::vector<std::uint8_t>> Session::next_datagram() {
    return secure_->next_datagram();
}

std::optional<Event> Session::next_event() {
    if (events_.empty()) return std::nullopt;
    Event event = std::move(events_.front());
    events_.pop_front();
    return event;
}

std::optional<TimePoint> Session::deadline(TimePoint now) const {
    if (down_ || is_listening()) return std::nullopt;
    if (is_up()) {
        if (role_ == Role::kmf)
            return peer_probes_ ? std::optional(last_heard_ + config_.keepalive.peer_silence)
                                : std::nullopt;
        return config_.keepalive.interval.count() > 0 ? std::optional(next_probe_) : std::nullopt;
    }
    const auto repeat = secure_->time_to_repeat();
    if (!handshake_until_ || !repeat) return handshake_until_;
    return std::min(*handshake_until_, now + *repeat);
}

bool Session::is_listening() const {
    return !down_ && secure_->state() == Secure::State::listening;
}
bool Session::is_handshaking() const {
    return !down_ && secure_->state() == Secure::State::handshaking;
}
bool Session::is_up() const {
    return !down_ && secure_->state() == Secure::State::up;
}
bool Session::is_down() const {
    return down_;
}

}  // namespace mdd::tunnel
