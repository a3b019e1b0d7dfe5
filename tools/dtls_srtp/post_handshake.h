// A DTLS 1.2 association after its handshake, either role, sans-IO: alerts, close_notify, ekt_key
// with its ACK (RFC 8870 §5), repeats of the last flight. No sockets, no clock, no conference.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <optional>
#include <variant>
#include <vector>

#include "tools/dtls_srtp/ekt_message.h"
#include "tools/dtls_srtp/handshake_message.h"
#include "tools/dtls_srtp/record_layer.h"

namespace mdd::dtls {

using TimePoint = std::chrono::steady_clock::time_point;

// A datagram to send. `resends_flight`: it is our stored last flight, byte for byte, because the
// peer has not had it; a KMF sends the media keys with it again.
struct Outgoing {
    Datagram datagram;
    bool resends_flight = false;
};

// The association is over: the peer said close_notify (and was answered).
struct Closed {};
// The association is over: a fatal alert came (`alert`, `from_peer`), one had to be sent (`alert`),
// or no record can be sealed any more (no `alert`).
struct Failed {
    std::optional<std::uint8_t> alert;
    bool from_peer = false;
};
// The client has acknowledged the key with this SPI. Once for each SPI.
struct Acknowledged {
    std::uint16_t spi;
};
// The client cannot process the key with this SPI, the newest it was sent, which is not repeated
// any more. After a fatal alert the association is over and this is the last event.
struct Refused {
    std::uint16_t spi;
    std::uint8_t alert;
    bool fatal;
};
// The key with this SPI was repeated EktTimers::repeats times without an answer, and is no longer.
// The association stays: deliver() tries anew.
struct Unanswered {
    std::uint16_t spi;
};

// Records and alerts of one association, which both roles share. Use EktServer and EktClient.
class Protected {
  public:
    enum class State : std::uint8_t { open, closed, failed };
    State state() const { return state_; }

    // Datagrams to send, oldest first. At most kOutbox wait; more are dropped, as a network would.
    std::optional<Outgoing> next_datagram();
    static constexpr std::size_t kOutbox = 16;

    // Says close_notify and ends; fail() says a fatal alert and ends. No event follows. The
    // datagram still has to be fetched.
    void close();
    void fail(std::uint8_t alert);

  protected:
    explicit Protected(RecordLayer records) : records_(std::move(records)) {}

    struct Alert {
        bool fatal;
        std::uint8_t description;
    };
    static std::optional<Alert> parse_alert(srtp::Bytes plaintext);
    static bool is_close_notify(const Alert& alert);
    // Answers a hello of either kind with the warning no_renegotiation.
    void refuse_renegotiation(const HandshakeFragment& fragment);
    // One record. Empty, and failed, when nothing can be sealed any more.
    Datagram seal(std::uint8_t content_type, srtp::Bytes plaintext);
    void send(std::uint8_t content_type, srtp::Bytes plaintext);
    void send_alert(const Alert& alert);
    void queue(Outgoing outgoing);
    // The association is over, without a word to the peer.
    void end(State state) { state_ = state; }
    // True once after seal() came to its end.
    bool take_exhaustion();

    RecordLayer records_;

  private:
    std::deque<Outgoing> outbox_;
    State state_ = State::open;
    bool exhausted_ = false;
};

struct EktTimers {
    std::chrono::milliseconds first_repeat{250};
    std::chrono::milliseconds longest_repeat{4'000};  // doubled up to this
    unsigned repeats = 12;                            // after the first transmission
    std::chrono::milliseconds flight_interval{100};   // a flight is not repeated sooner
};

// What a restart leaves out, so that nothing is used twice: at least as much as may have been sent
// since the frozen bytes were stored. `messages` stays below 2^15 and may be 0 when they are stored
// after each deliver() and before its datagram goes out.
struct Skip {
    std::uint64_t records = 0;
    std::uint16_t messages = 0;
};

// The KMF's end. With EKT or without: a server that never calls deliver() sends no ekt_key.
class EktServer : public Protected {
  public:
    using Event = std::variant<Acknowledged, Refused, Unanswered, Closed, Failed>;

    // Precondition: association.is_server. `now`: when the last flight was sent.
    EktServer(TakenOver association, TimePoint now, const EktTimers& timers = {});

    // Sends the key and repeats it until it is acknowledged, refused, or kept unanswered. Keys
    // given before that are not acknowledged are superseded: they get no Unanswered and no timer of
    // their own, but go with it, in front, because a client that takes messages strictly in order
    // would wait for them (kInFlight at the most). Does nothing once the association is over.
    void deliver(const EktKeyMessage& message, TimePoint now);
    static constexpr std::size_t kInFlight = 4;

    // Any bytes. Epoch-0 records are left alone: a ClientHello is a new handshake, and unprotected
    // alerts can be written by anybody.
    void receive(srtp::Bytes datagram, TimePoint now);
    // Repeats what is due.
    void expire(TimePoint now);
    // When expire() wants to be called; nullopt: not before something else happens.
    std::optional<TimePoint> deadline() const;

    std::optional<Event> next_event();
    // The newest key waits for its acknowledgement.
    bool is_delivering() const;

    // The whole association with the keys under way, for a restart; see RecordLayer about secrecy
    // and about thawing twice. Datagrams and events not yet fetched are not in it. Precondition:
    // state() is open.
    tunnel::SecretBytes freeze() const;
    // The repeats of keys under way begin at `now`.
    static std::optional<EktServer> thaw(srtp::Bytes frozen, const Skip& skip, TimePoint now,
                                         const EktTimers& timers = {});

  private:
    struct InFlight {
        std::uint16_t spi;
        bool superseded;
        tunnel::SecretBytes message;           // with its handshake header
        std::vector<std::uint64_t> sequences;  // of the records that carried it
    };

    void on_record(const tunnel::Record& record, TimePoint now);
    void on_handshake(srtp::Bytes plaintext, TimePoint now);
    void on_ack(srtp::Bytes plaintext);
    void on_alert(srtp::Bytes plaintext);
    void refused(const Alert& alert);
    void resend_flight(TimePoint now);
    void start_repeats(TimePoint now);
    void transmit();

    EktTimers timers_;
    std::vector<Datagram> last_flight_;
    Datagram client_finished_;
    std::uint16_t finished_message_;
    std::uint16_t next_message_;
    TimePoint flight_sent_at_;

    std::deque<InFlight> in_flight_;  // oldest first; the last is the key that counts
    TimePoint repeat_at_{};
    std::chrono::milliseconds repeat_after_{};
    unsigned repeats_left_ = 0;
    std::deque<Event> events_;
};

// The endpoint's end.
class EktClient : public Protected {
  public:
    // A key arrives once for each SPI, and never after one that the server sent later.
    using Event = std::variant<EktKeyMessage, Closed, Failed>;

    // Precondition: !association.is_server. `cipher`: as negotiated by extension 39; nullopt: it
    // was not, and an ekt_key is then answered with unexpected_message.
    EktClient(TakenOver association, std::optional<EktCipher> cipher);

    // Any bytes. Every copy of an ekt_key is acknowledged; one that cannot be processed is answered
    // with a fatal alert (decode_error or illegal_parameter), which ends the association.
    void receive(srtp::Bytes datagram);

    std::optional<Event> next_event();

  private:
    void on_record(const tunnel::Record& record);
    void on_handshake(srtp::Bytes plaintext, const RecordNumber& record);
    void on_ekt_key(const HandshakeFragment& fragment, const RecordNumber& record);
    void on_message(const Reassembly::Message& message);
    void on_alert(srtp::Bytes plaintext);
    void refuse(std::uint8_t alert);

    static constexpr std::size_t kSpisRemembered = 16;
    static constexpr std::size_t kNumbersInAck = 64;

    std::optional<EktCipher> cipher_;
    Reassembly reassembly_;
    std::uint16_t newest_message_;
    std::deque<std::uint16_t> delivered_spis_;
    std::vector<RecordNumber> to_acknowledge_;
    std::deque<Event> events_;
};

}  // namespace mdd::dtls
