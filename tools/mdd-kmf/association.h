// One association of an MDD: its live connection and, while the endpoint shakes hands anew on the
// same address, the candidate beside it, which replaces it on completion (RFC 6347 §4.2.8).
// Sans-IO.
#pragma once

#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "tools/mdd-kmf/connection.h"

namespace mdd::kmf {

class Association {
  public:
    // A ClientHello has been accepted: starts a handshake, instead of an unfinished one and beside
    // a live one.
    void begin(std::unique_ptr<Connection> connection, Tally& tally);

    // Gives the datagram to whom it concerns. Outcomes are read from live(), is_handshaking() and
    // is_over().
    void receive(Bytes datagram, TimePoint now);
    void expire(TimePoint now);
    // Takes the place of a live connection, which restore() has made.
    void restore(std::unique_ptr<Connection> connection) { live_ = std::move(connection); }
    // close_notify to the endpoint of the live connection; a handshake under way goes on.
    void close_live();
    // Ends the live connection without a word.
    void drop_live() { live_.reset(); }
    // Ends a handshake under way.
    void abandon(Refusal refusal);

    std::optional<TimePoint> deadline() const;

    // Whether a connection of this ClientHello exists: then it is a repeat, not a new start.
    bool knows(const ClientRandom& random) const;
    bool is_handshaking() const { return candidate_ != nullptr; }
    bool is_over() const { return !live_ && !candidate_; }
    // The established connection, or nullptr.
    Connection* live() const { return live_.get(); }
    // What the live connection, or the one that was it, told since the last call.
    std::vector<dtls::EktServer::Event> take_events() { return std::exchange(events_, {}); }

    struct Failure {
        Refusal refusal;
        Admitted shown;  // as far as the handshake got
    };
    // Why the last handshake ended without keys; told once.
    std::optional<Failure> take_failure() { return std::exchange(failure_, std::nullopt); }

  private:
    void promote();
    void look_after_live();

    std::unique_ptr<Connection> live_;
    std::unique_ptr<Connection> candidate_;
    std::optional<Failure> failure_;
    std::vector<dtls::EktServer::Event> events_;
};

}  // namespace mdd::kmf
