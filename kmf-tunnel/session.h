// One tunnel of the first dialect, sans-IO, for either end: datagrams, time and messages in;
// datagrams, events and a deadline out. Knows neither sockets nor retries; above it nobody sees a
// DTLS record or an encoded message.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "kmf-tunnel/down.h"
#include "kmf-tunnel/identity.h"
#include "kmf-tunnel/message.h"

namespace mdd::tunnel {

class Secure;
class SecureContext;

using Clock = std::chrono::steady_clock;
using TimePoint = Clock::time_point;
using Milliseconds = std::chrono::milliseconds;

struct Up {
    PeerIdentity peer;
};
struct Received {
    Message message;
};
// MDD only, once per silence: `probes` keepalives in a row without an echo. The session stays
// usable.
struct Silent {};
// MDD only, after Silent: an echo came after all.
struct Alive {};

using Event = std::variant<Up, Received, Down, Silent, Alive>;

// Keepalive: an empty message with zero association id and a nonce for a conference id, echoed by
// the KMF. A foreign KMF may not echo it, so silence counts only where an echo has been seen
// before.
struct Keepalive {
    Milliseconds interval{500};  // between probes; 0 sends none
    int probes = 8;              // this many unanswered in a row make silence
    Milliseconds probe_spacing{
        50};  // least time between probes, however often probe_now() is called
    Milliseconds peer_silence{
        30'000};  // KMF: a peer that has probed and then says nothing for so long is down
};

struct SessionConfig {
    Keepalive keepalive;                    // dtls_v1; a stream has TCP's
    Milliseconds handshake_timeout{5'000};  // rfc9185 at the KMF: until the profiles have come
    std::size_t queue_bytes =
        1 << 20;  // rfc9185: what may wait for a slow peer before DTLS messages are dropped
    Milliseconds peer_timeout{
        3'000};  // rfc9185: a peer that TCP cannot reach for about so long is down
};

struct SessionCounters {
    std::uint64_t messages_in = 0;
    std::uint64_t messages_out = 0;
    std::uint64_t oversize = 0;        // not sent: longer than a DTLS record
    std::uint64_t unencodable = 0;     // not sent: a field does not fit
    std::uint64_t not_in_dialect = 0;  // not sent: dtls_v1 has no Disconnect
    std::uint64_t queue_full = 0;      // rfc9185: DTLS messages dropped, the peer is too slow
    std::uint64_t skipped = 0;         // rfc9185: messages of types that are not assigned yet
    std::uint64_t probes = 0;
    std::uint64_t echoes = 0;
    std::uint64_t impossible = 0;    // datagrams with a record that no peer can have made
    std::uint64_t stray_echoes = 0;  // MDD: a keepalive with a nonce that is not outstanding
    std::array<std::uint64_t, kDecodeReasons> refused{};  // dropped messages, by DecodeReason

    std::uint64_t refused_total() const;
    SessionCounters& operator+=(const SessionCounters& other);
};

// One thread. After each call that changes anything, take next_datagram() and next_event() until
// both are empty.
class Session {
  public:
    // `context` must outlive the session; its role is the session's. An MDD session starts its
    // handshake in start(); a KMF session listens without state until a ClientHello brings back the
    // cookie for its address.
    Session(const SecureContext& context, const SessionConfig& config);
    ~Session();
    Session(const Session&) = delete;
    Session& operator=(const Session&) = delete;

    // MDD: sends the ClientHello. Call once. KMF: nothing to do.
    void start(TimePoint now);
    // One datagram from the peer. `peer` is any stable name of its address; a listening KMF session
    // binds the cookie to it (1 to 64 bytes), others ignore it.
    void on_datagram(TimePoint now, srtp::Bytes datagram, srtp::Bytes peer = {});
    // Call when deadline() has come; harmless earlier. Handshake repeats follow OpenSSL's own wall
    // clock.
    void on_time(TimePoint now);
    // False when not up, or the message cannot be sent (counted). True does not mean that it
    // arrives.
    bool send(const Message& message);
    // MDD: a hint that the peer may be gone (ICMP): asks at once instead of at the next interval.
    void probe_now(TimePoint now);
    // Sends close_notify where the handshake is done; ends with Down{closed_here}.
    void shutdown();

    std::optional<std::vector<std::uint8_t>> next_datagram();
    std::optional<Event> next_event();
    bool has_events() const { return !events_.empty(); }
    // When on_time() wants to be called; nullopt: not before the next datagram.
    std::optional<TimePoint> deadline(TimePoint now) const;

    bool is_listening() const;    // KMF: holds no peer yet
    bool is_handshaking() const;  // a peer, but not up
    bool is_up() const;
    bool is_down() const;
    const SessionCounters& counters() const { return counters_; }
    // MDD: the last keepalive's round trip.
    std::optional<Clock::duration> round_trip() const { return round_trip_; }

  private:
    static constexpr std::size_t kProbesKept = 16;

    void note_up(TimePoint now);
    void note_down();
    void on_record(TimePoint now, srtp::Bytes plaintext, std::vector<Message>& messages);
    void on_message(TimePoint now, Message message);
    void on_keepalive(TimePoint now, const Message& message);
    void on_echo(TimePoint now, std::uint64_t number);
    bool transmit(const Message& message);
    void send_probe(TimePoint now);
    void check_probes(TimePoint now);
    void end(Down down);

    SessionConfig config_;
    Role role_;
    std::unique_ptr<Secure> secure_;
    std::deque<Event> events_;
    SessionCounters counters_;

    std::optional<TimePoint> handshake_until_;
    bool down_ = false;

    ConferenceId nonce_;             // first 8 bytes random per session, last 8 the probe's number
    std::uint64_t probes_sent_ = 0;  // the number of the newest probe
    std::uint64_t last_answered_ = 0;  // the highest number echoed; 0: none yet
    bool silent_ = false;
    std::array<TimePoint, kProbesKept> probe_sent_at_{};
    TimePoint next_probe_{};
    TimePoint last_heard_{};    // KMF: the last authenticated record
    bool peer_probes_ = false;  // KMF: the peer has sent a keepalive
    std::optional<Clock::duration> round_trip_;
};

}  // namespace mdd::tunnel
