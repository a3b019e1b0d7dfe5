// DTLS between endpoints and KMFs: which datagrams go up, in which association, and which come
// down. Reads no more of them than record headers and cookies.
#pragma once

#include "controlplane/associations.h"
#include "controlplane/keying.h"

namespace mdd::control {

class Handshakes {
  public:
    Handshakes(State& state, Membership& membership, Keying& keying, Associations& associations)
        : state_(state), membership_(membership), keying_(keying), associations_(associations) {}

    // A datagram that a worker handed up; counts it as consumed or dropped. The buffer stays the
    // caller's.
    void from_endpoint(const Notice& notice, TimePoint now);
    void from_kmf(const TunnelName& from, tunnel::Message&& message, TimePoint now);
    // The keys of an association are on every worker: what waited for that goes down.
    void installed(EndpointRef ref, const tunnel::AssociationId& id, TimePoint now);

  private:
    static constexpr std::size_t kHeld = 32;  // datagrams that wait for one installation

    srtp::Verdict pass_up(const Notice& notice, srtp::Bytes datagram, TimePoint now);
    srtp::Verdict begin(EndpointState& endpoint, const Notice& notice, srtp::Bytes datagram,
                        TimePoint now);
    srtp::Verdict send_up(EndpointState& endpoint, srtp::Bytes datagram, TimePoint now);
    bool take_keys(EndpointState& endpoint, tunnel::Message& message, TimePoint now);
    void pass_down(EndpointState& endpoint, srtp::Bytes datagram, TimePoint now);

    State& state_;
    Membership& membership_;
    Keying& keying_;
    Associations& associations_;
};

}  // namespace mdd::control
