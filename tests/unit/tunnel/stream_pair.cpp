// The in-memory stream between two ends.
#include "tests/unit/tunnel/stream_pair.h"

#include <algorithm>

namespace mdd::test {

using namespace tunnel;

namespace {

constexpr Milliseconds kStreamStep{5};

std::string line_of(const Event& event, std::string* text) {
    if (std::holds_alternative<Up>(event)) return "up";
    if (const auto* down = std::get_if<Down>(&event)) {
        if (text != nullptr) *text = down->text;
        return "down " + std::string(to_string(down->reason));
    }
    const auto& message = std::get<Received>(event).message;
    const std::string id = std::to_string(message.association.bytes[0]);
    if (std::holds_alternative<KeyInformation>(message.body)) return "keys " + id;
    if (std::holds_alternative<Disconnect>(message.body)) return "disconnect " + id;
    return "message " + id;
}

void append(std::vector<std::string>& lines, StreamSession& session, std::string& text) {
    for (auto& line : told(session, &text)) lines.push_back(std::move(line));
}

}  // namespace

std::vector<std::string> told(StreamSession& session, std::string* text) {
    std::vector<std::string> lines;
    while (const auto event = session.next_event()) lines.push_back(line_of(*event, text));
    return lines;
}

StreamPair::StreamPair(const Credentials& mdd_credentials, const Credentials& kmf_credentials,
                       SessionConfig config, rfc9185::Announcement ours)
    : mdd_context(Role::mdd, mdd_credentials, Dialect::rfc9185),
      kmf_context(Role::kmf, kmf_credentials, Dialect::rfc9185),
      mdd(mdd_context, config, std::move(ours)),
      kmf(kmf_context, config, {}) {}

bool StreamPair::move(StreamSession& from, StreamSession& to) {
    const auto waiting = from.outgoing();
    if (waiting.empty()) return false;
    const std::vector<std::uint8_t> piece(
        waiting.begin(),
        waiting.begin() + static_cast<std::ptrdiff_t>(std::min(piece_bytes, waiting.size())));
    from.taken(piece.size());
    to.on_bytes(now, piece);
    return true;
}

void StreamPair::exchange() {
    while ((kmf_reads && move(mdd, kmf)) || move(kmf, mdd)) {
    }
    append(mdd_told, mdd, mdd_text);
    append(kmf_told, kmf, kmf_text);
}

void StreamPair::connect() {
    mdd.start(now);
    kmf.start(now);
    exchange();
}

void StreamPair::pass(Milliseconds span) {
    const TimePoint end = now + span;
    while (now < end) {
        now += kStreamStep;
        mdd.on_time(now);
        kmf.on_time(now);
        exchange();
    }
}

StreamAgainstRaw::StreamAgainstRaw(Role ours, const Credentials& credentials,
                                   const RawTlsShape& shape, SessionConfig config)
    : context(ours, credentials, Dialect::rfc9185),
      session(context, config, {0, {0x0009, 0x000a}}),
      raw(shape) {}

void StreamAgainstRaw::exchange() {
    for (bool moved = true; moved;) {
        const std::vector<std::uint8_t> to_raw(session.outgoing().begin(),
                                               session.outgoing().end());
        session.taken(to_raw.size());
        if (!to_raw.empty()) raw.take(to_raw);
        const auto to_us = raw.said();
        for (std::size_t at = 0; at < to_us.size(); at += piece_bytes)
            session.on_bytes(
                now, srtp::Bytes(to_us).subspan(at, std::min(piece_bytes, to_us.size() - at)));
        moved = !to_raw.empty() || !to_us.empty();
    }
    append(told_lines, session, text);
}

void StreamAgainstRaw::connect() {
    session.start(now);
    raw.start();
    exchange();
}

void StreamAgainstRaw::inject(srtp::Bytes bytes) {
    session.on_bytes(now, bytes);
    exchange();
}

void StreamAgainstRaw::pass(Milliseconds span) {
    const TimePoint end = now + span;
    while (now < end) {
        now += kStreamStep;
        session.on_time(now);
        exchange();
    }
}

std::string StreamAgainstRaw::reason() const {
    if (told_lines.empty() || !told_lines.back().starts_with("down ")) return "none";
    return told_lines.back().substr(5);
}

}  // namespace mdd::test
