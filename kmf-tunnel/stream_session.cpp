// The stages of an RFC 9185 tunnel and its bounded queue. Sends nothing itself and reads no clock.
#include "kmf-tunnel/stream_session.h"

#include <algorithm>

namespace mdd::tunnel {
namespace {

// Two handshakes' time, within bounds: a KMF that refuses has said so by then.
constexpr Milliseconds kShortestSettling{20};
constexpr Milliseconds kLongestSettling{500};

// Keys and disconnects are never dropped; who lets so many times the queue wait is not reading.
constexpr std::size_t kQueuesBeforeGivingUp = 4;

}  // namespace

StreamSession::StreamSession(const SecureContext& context, const SessionConfig& config,
                             rfc9185::Announcement ours)
    : config_(config),
      role_(context.role()),
      ours_(std::move(ours)),
      secure_(context),
      dialogue_(role_, counters_) {}

void StreamSession::start(TimePoint now) {
    if (until_ || is_down()) return;
    started_at_ = now;
    until_ = now + config_.handshake_timeout;
    if (role_ == Role::mdd) secure_.start();
    note_progress(now);
}

void StreamSession::on_bytes(TimePoint now, srtp::Bytes bytes) {
    if (is_down()) return;
    secure_.on_bytes(bytes, [this](srtp::Bytes plaintext) { dialogue_.take(plaintext); });
    note_progress(now);
}

void StreamSession::note_progress(TimePoint now) {
    if (is_down()) return;
    const bool is_through = secure_.peer().has_value();
    if (role_ == Role::mdd && is_through && stage_ == Stage::handshaking) begin_settling(now);
    if (stage_ == Stage::settling && secure_.is_accepted() && !dialogue_.verdict()) come_up();
    if (role_ == Role::kmf && is_through && dialogue_.is_open() && !is_up()) {
        secure_.accept_peer();
        come_up();
    }
    deliver();
    note_end();
}

void StreamSession::note_end() {
    if (dialogue_.verdict()) {
        if (!dialogue_.answer().empty()) secure_.send(dialogue_.answer());
        secure_.shutdown();
        end(*dialogue_.verdict());
    } else if (secure_.state() == SecureStream::State::down) {
        end(secure_.failure() ? *secure_.failure() : Down{DownReason::closed_here, "closed here"});
    } else if (outgoing().size() > kQueuesBeforeGivingUp * config_.queue_bytes) {
        end({DownReason::silent, "the peer does not read what is sent to it"});
    }
}

void StreamSession::begin_settling(TimePoint now) {
    const auto announcement = rfc9185::encode(ours_);
    if (announcement) secure_.send(announcement->bytes());
    stage_ = Stage::settling;
    until_ = now + std::clamp<Clock::duration>(2 * (now - started_at_), kShortestSettling,
                                               kLongestSettling);
}

void StreamSession::come_up() {
    stage_ = Stage::up;
    until_.reset();
    events_.push_back(Up{*secure_.peer()});
}

void StreamSession::deliver() {
    while (is_up()) {
        auto message = dialogue_.next_message();
        if (!message) return;
        events_.push_back(Received{std::move(*message)});
    }
}

void StreamSession::on_end(const Down& down) {
    if (is_up())
        end(down);
    else if (stage_ == Stage::settling)
        end({DownReason::refused_by_peer, down.text});
    else
        end({DownReason::handshake_failed, down.text});
}

void StreamSession::on_time(TimePoint now) {
    if (!until_ || now < *until_) return;
    if (stage_ == Stage::settling) {
        come_up();
        deliver();
    } else if (stage_ == Stage::handshaking) {
        secure_.shutdown();
        end({DownReason::handshake_timed_out, "the tunnel did not come up in time"});
    }
}

bool StreamSession::send(const Message& message) {
    if (!is_up()) return false;
    const bool sent = transmit(message);
    if (sent) ++counters_.messages_out;
    note_end();
    return sent;
}

bool StreamSession::transmit(const Message& message) {
    if (message.dtls.size() > rfc9185::kMaxDtlsBytes) {
        ++counters_.oversize;
        return false;
    }
    const bool may_drop = !message.dtls.empty() && !has_room();
    if (may_drop) ++counters_.queue_full;
    const auto encoded =
        rfc9185::encode(message, may_drop ? rfc9185::Dtls::left_out : rfc9185::Dtls::included);
    if (!encoded) {
        if (!may_drop) ++counters_.unencodable;
        return false;
    }
    return secure_.send(encoded->bytes());
}

void StreamSession::shutdown() {
    if (is_down()) return;
    secure_.shutdown();
    end({DownReason::closed_here, "closed here"});
}

void StreamSession::end(Down down) {
    if (is_down()) return;
    stage_ = Stage::down;
    until_.reset();
    events_.push_back(std::move(down));
}

std::optional<Event> StreamSession::next_event() {
    if (events_.empty()) return std::nullopt;
    auto event = std::move(events_.front());
    events_.pop_front();
    return event;
}

std::optional<TimePoint> StreamSession::deadline() const {
    return until_;
}

}  // namespace mdd::tunnel
