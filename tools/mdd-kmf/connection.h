// One DTLS connection with an endpoint, server side, sans-IO, from the accepted ClientHello to its
// end. Knows what the conference asks of the endpoint, but no tunnel and no other connection.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "dataplane/srtp/keys.h"
#include "tools/mdd-kmf/endpoint_gate.h"
#include "tools/mdd-kmf/outcome.h"
#include "tools/mdd-kmf/sorting.h"

namespace mdd::kmf {

using TimePoint = std::chrono::steady_clock::time_point;

// What a conference asks of an endpoint's handshake.
struct Terms {
    srtp::Profile profile = srtp::Profile::double_aes_128_gcm;
    bool mdd_can = false;  // the MDD listed that profile
    std::function<bool(const dtls::Fingerprint&)> admits;
    std::chrono::milliseconds deadline{30'000};  // of the handshake
};

class Connection {
  public:
    // One datagram to the endpoint. `keys` is set when it carries our Finished, first or repeated,
    // and points to the same hop keys each time: they must travel with it. Valid during the call
    // only.
    using Out = std::function<void(Bytes datagram, const srtp::HopKeys* keys)>;

    enum class State { handshaking, established, ended };

    // Answers the ClientHello that `accepted` holds. `random` is that ClientHello's.
    Connection(std::unique_ptr<EndpointSsl> accepted, const ClientRandom& random, Terms terms,
               TimePoint now, Tally& tally, Out out);
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    // Precondition for both: not called from inside Out. After `ended` they do nothing.
    void receive(Bytes datagram, TimePoint now);
    void expire(TimePoint now);
    // Says close_notify when established, then ends.
    void close();

    // When expire() wants to be called; nullopt once the handshake is over.
    std::optional<TimePoint> deadline() const;

    State state() const { return state_; }
    // Set when it ended before it was established.
    std::optional<Refusal> refusal() const { return refusal_; }
    // Of the endpoint's certificate; proven once established.
    const dtls::Fingerprint& fingerprint() const { return fingerprint_; }
    const ClientRandom& random() const { return random_; }
    srtp::Profile profile() const { return terms_.profile; }

  private:
    bool judge_hello(SSL* ssl);
    bool judge_certificate(const dtls::Fingerprint& fingerprint);
    bool hello_offers_profile(SSL* ssl) const;
    void send(Bytes datagram);
    bool take_keys();
    void advance(TimePoint now);
    void shake_hands();
    void read_records();
    void settle(int ssl_result);
    void end(Refusal refusal);
    void update_timer(TimePoint now);
    void resend_flight(TimePoint now);

    std::unique_ptr<EndpointSsl> face_;
    ClientRandom random_;
    Terms terms_;
    Tally& tally_;
    Out out_;
    State state_ = State::handshaking;
    std::optional<Refusal> refusal_;
    dtls::Fingerprint fingerprint_{};
    TimePoint handshake_until_;
    std::optional<TimePoint> retransmit_at_;

    std::optional<srtp::HopKeys> keys_;
    std::vector<std::uint8_t> last_flight_;      // our ChangeCipherSpec and Finished, as first sent
    std::vector<std::uint8_t> client_finished_;  // the client's protected Finished record
    TimePoint flight_sent_at_{};
};

}  // namespace mdd::kmf
