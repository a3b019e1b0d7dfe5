// DTLS between endpoints and KMFs: which datagrams go up, in which association, and which come
// down. Reads no more of them than record headers and cookies.
#pragma once

#include "controlplane/keying.h"
#include "controlplane/membership.h"
#include "controlplane/tunnels.h"

namespace mdd::control {

class Handshakes {
  public:
    Handshakes(State& state, Membership& membership, Keying& keying, Tunnels& tunnels)
        : state_(state), membership_(membership), keying_(keying), tunnels_(tunnels) {}

    // A datagram that a worker handed up; counts it as consumed or dropped. The buffer stays the
    // caller's.
    void from_endpoint(const Notice& notice, TimePoint now);
    void from_kmf(TunnelIndex tunnel, tunnel::Message&& message, TimePoint now);
    // The keys of an association are on every worker: what waited for that goes down.
    void installed(EndpointRef ref, const tunnel::AssociationId& id, TimePoint now);
    // Gives handshakes up that do not go on.
    void on_time(TimePoint now);

  private:
    static constexpr std::size_t kHeld = 32;  // datagrams that wait for one installation

    srtp::Verdict pass_up(const Notice& notice, srtp::Bytes datagram, TimePoint now);
    srtp::Verdict begin(EndpointState& endpoint, const Notice& notice, srtp::Bytes datagram,
                        TimePoint now);
    srtp::Verdict send_up(EndpointState& endpoint, srtp::Bytes datagram, TimePoint now);
    EndpointState* addressee(TunnelIndex tunnel, const tunnel::Message& message);
    void pass_down(EndpointState& endpoint, srtp::Bytes datagram, TimePoint now);

    State& state_;
    Membership& membership_;
    Keying& keying_;
    Tunnels& tunnels_;
};

}  // namespace mdd::control
