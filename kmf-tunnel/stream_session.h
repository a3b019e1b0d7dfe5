// One tunnel of RFC 9185, sans-IO, for either end: bytes of a TCP stream, time and messages in;
// bytes, events and a deadline out. Knows neither sockets nor retries.
#pragma once

#include <deque>
#include <optional>

#include "kmf-tunnel/dialogue.h"
#include "kmf-tunnel/secure_stream.h"
#include "kmf-tunnel/session.h"

namespace mdd::tunnel {

// One thread. After each call that changes anything, take outgoing() and next_event() until both
// are empty. Events are those of Session, without Silent and Alive.
//
// Up comes at the KMF when the profiles have come. At the MDD it comes when the KMF is known to
// have accepted our certificate and version: by anything it says, or by its saying nothing for a
// while after the handshake (RFC 9185 has no word for yes).
class StreamSession {
  public:
    // `context` must outlive the session; its role is the session's. `ours` is what an MDD
    // announces; a KMF ignores it.
    StreamSession(const SecureContext& context, const SessionConfig& config,
                  rfc9185::Announcement ours);

    // The transport is connecting or connected: the handshake's time runs. Call once.
    void start(TimePoint now);
    // The next bytes of the stream, cut anywhere.
    void on_bytes(TimePoint now, srtp::Bytes bytes);
    // The stream has ended, in whatever way; `down` is what an established tunnel is told.
    void on_end(const Down& down);
    // Call when deadline() has come; harmless earlier.
    void on_time(TimePoint now);
    // False when not up, or the message cannot be sent (counted). A message waits in outgoing()
    // until the peer takes it. When SessionConfig::queue_bytes wait, DTLS messages are dropped and
    // counted; keys and disconnects wait still, and a peer that lets very many wait is given up.
    bool send(const Message& message);
    // Says close_notify where the handshake is done; ends with Down{closed_here}.
    void shutdown();

    // What the transport has to send, and how much of it has been taken.
    srtp::Bytes outgoing() const { return secure_.outgoing(); }
    void taken(std::size_t size_bytes) { secure_.taken(size_bytes); }
    std::optional<Event> next_event();
    bool has_events() const { return !events_.empty(); }
    // When on_time() wants to be called; nullopt: not before the next bytes.
    std::optional<TimePoint> deadline() const;

    bool is_up() const { return stage_ == Stage::up; }
    bool is_down() const { return stage_ == Stage::down; }
    const SessionCounters& counters() const { return counters_; }
    // MDD: what the KMF's unsupported_version named.
    std::optional<std::uint8_t> version_named() const { return dialogue_.version_named(); }

  private:
    enum class Stage : std::uint8_t { handshaking, settling, up, down };

    void note_progress(TimePoint now);
    void begin_settling(TimePoint now);
    void come_up();
    void deliver();
    void note_end();
    void end(Down down);
    bool has_room() const { return outgoing().size() < config_.queue_bytes; }
    bool transmit(const Message& message);

    SessionConfig config_;
    Role role_;
    rfc9185::Announcement ours_;
    SecureStream secure_;
    SessionCounters counters_;
    rfc9185::Dialogue dialogue_;
    std::deque<Event> events_;
    Stage stage_ = Stage::handshaking;
    TimePoint started_at_{};
    std::optional<TimePoint> until_;  // of the handshake, or of settling
};

}  // namespace mdd::tunnel
