// One DTLS connection with an endpoint, server side, sans-IO: the handshake on OpenSSL, and after
// it the records that are taken over from OpenSSL. Knows what the conference asks of the endpoint,
// but no tunnel and no other connection.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "dataplane/srtp/keys.h"
#include "tools/dtls_srtp/post_handshake.h"
#include "tools/mdd-kmf/admission.h"
#include "tools/mdd-kmf/endpoint_gate.h"
#include "tools/mdd-kmf/outcome.h"
#include "tools/mdd-kmf/sorting.h"

namespace mdd::kmf {

class Connection {
  public:
    // One datagram to the endpoint. `keys` is set when it carries our Finished, first or repeated,
    // and points to the same hop keys each time: they must travel with it. Valid during the call
    // only.
    using Out = std::function<void(Bytes datagram, const srtp::HopKeys* keys)>;

    enum class State { handshaking, established, ended };

    // Records that may be sealed between two calls of freeze(); a restored connection leaves out
    // as many numbers.
    static constexpr std::uint64_t kReservedRecords = std::uint64_t{1} << 22;

    // Answers the ClientHello that `accepted` holds. `random` is that ClientHello's.
    Connection(std::unique_ptr<EndpointSsl> accepted, const ClientRandom& random,
               Admission admission, std::chrono::milliseconds time_for_handshake, TimePoint now,
               Tally& tally, Out out);
    // Goes on, established, with what freeze() gave before a restart. nullptr: those are not such
    // bytes. Before anything is sent freeze() has to be called and its result kept.
    static std::unique_ptr<Connection> restore(Bytes frozen, Admitted admitted, TimePoint now,
                                               Tally& tally, Out out);
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    // Precondition for all: not called from inside Out. After `ended` they do nothing.
    void receive(Bytes datagram, TimePoint now);
    void expire(TimePoint now);
    // Says close_notify when established, then ends.
    void close();
    // Ends a handshake without a word.
    void abandon(Refusal refusal);

    // Prepares the key for the endpoint; it goes out with the next flush(), and is repeated until
    // it is acknowledged. Between the two freeze() lets the caller keep that this was begun.
    void deliver(const dtls::EktKeyMessage& message, TimePoint now);
    void flush();

    // Everything that restore() needs. Secret. Precondition: established.
    tunnel::SecretBytes freeze();
    // So many records may have been sealed since the last freeze() that the next is due.
    bool wants_freeze() const { return steps_since_freeze_ >= kStepsBetweenFreezes; }

    // When expire() wants to be called; nullopt: not before something else happens.
    std::optional<TimePoint> deadline() const;
    // What became of keys, and how it ended.
    std::optional<dtls::EktServer::Event> next_event();

    State state() const { return state_; }
    // Set when it ended before it was established.
    std::optional<Refusal> refusal() const { return refusal_; }
    // Of the endpoint's certificate; proven once established.
    const Admitted& admitted() const { return admitted_; }
    const ClientRandom& random() const { return random_; }

  private:
    // Far more than one call can seal, times the calls, is what kReservedRecords allows.
    static constexpr std::uint64_t kStepsBetweenFreezes = 4096;

    Connection(dtls::EktServer server, Admitted admitted, Tally& tally, Out out);

    int judge_hello(SSL* ssl);
    bool judge_certificate(const dtls::Fingerprint& fingerprint);
    void send(Bytes datagram);
    bool take_keys();
    void shake_hands(TimePoint now);
    void take_over(TimePoint now);
    void settle(int ssl_result);
    void end(Refusal refusal);
    void update_timer(TimePoint now);
    void pump();

    // What only a handshake needs: some 80 kB, nearly all of it OpenSSL's.
    struct Handshake {
        std::unique_ptr<EndpointSsl> face;
        Admission admission;
        dtls::RecordTap tap;
        TimePoint until{};
        std::optional<TimePoint> retransmit_at;
    };

    std::unique_ptr<Handshake> handshake_;
    std::optional<dtls::EktServer> server_;  // once established
    ClientRandom random_{};
    Admitted admitted_;
    Tally& tally_;
    Out out_;
    State state_ = State::handshaking;
    std::optional<Refusal> refusal_;
    std::uint64_t steps_since_freeze_ = 0;

    // For repeats of our Finished, until the endpoint shows that it has it.
    std::optional<srtp::HopKeys> keys_;
};

}  // namespace mdd::kmf
