// Associations between endpoints and KMFs: which KMF has an endpoint's keying, when another gets
// it, and how it ends. Reads no DTLS and no keys.
#pragma once

#include "controlplane/membership.h"
#include "controlplane/quarantine.h"
#include "controlplane/tunnels.h"

namespace mdd::control {

// One KMF is authoritative for a conference at a time: the one whose turn it was last, as long as
// it is there; otherwise the first in order of preference that is.
class Associations {
  public:
    // A KMF that shows no sign of life, on any tunnel, for so long after a hello is passed over.
    // Longer than the interval of a tunnel's keepalive.
    static constexpr std::chrono::milliseconds kAnswerWithin{700};
    // A keyed association goes to another KMF when its tunnel has been down for so long.
    static constexpr std::chrono::seconds kMoveAfter{1};

    Associations(State& state, Membership& membership, Tunnels& tunnels)
        : state_(state), membership_(membership), tunnels_(tunnels) {}

    // The KMF that a new association of the endpoint would have; nullopt: none is there.
    std::optional<KmfIndex> choose(const EndpointState& endpoint, TimePoint now) const;
    // Gives the endpoint a new association with that KMF, in place of an older one.
    const Association& begin(EndpointState& endpoint, KmfIndex kmf, TimePoint now);
    // Ends the association, and with it what the endpoint may do. Tells the KMF, unless it was the
    // KMF that said so.
    void end(EndpointState& endpoint, Ending ending, TimePoint now);

    // Gives a datagram to the endpoint's KMF, or to the one that takes its place; or keeps it for
    // when the tunnel is up. accepted or dtls_no_tunnel.
    srtp::Verdict pass_up(EndpointState& endpoint, srtp::Bytes datagram, TimePoint now);
    // The endpoint that a KMF speaks of, on a tunnel on which it may; null: counted.
    EndpointState* addressee(const TunnelName& from, const tunnel::Message& message, TimePoint now);

    void tunnel_up(const TunnelName& name, TimePoint now);
    // Gives handshakes up that do not go on, and goes over to other KMFs.
    void on_time(TimePoint now);

  private:
    struct Search {
        std::vector<KmfIndex> none_of;
        bool silent_too = false;  // also one that has not answered lately
    };
    std::optional<KmfIndex> find(const EndpointState& endpoint, Search search, TimePoint now) const;
    TunnelName tunnel_of(const EndpointState& endpoint) const {
        return tunnels_.name_of(endpoint.association->kmf, endpoint.ref);
    }
    bool say(EndpointState& endpoint, srtp::Bytes datagram);
    void close(EndpointState& endpoint, Ending ending, TimePoint now);
    void fail_over(EndpointState& endpoint, KmfIndex kmf, TimePoint now);
    void move(EndpointState& endpoint, KmfIndex kmf);
    bool find_another_kmf(EndpointState& endpoint, srtp::Bytes datagram, TimePoint now);
    bool is_away(const EndpointState& endpoint, TimePoint now) const;
    bool may_speak(EndpointState& endpoint, const TunnelName& from, TimePoint now);
    void check_answer(EndpointState& endpoint, const std::vector<std::uint64_t>& signs_of_life,
                      TimePoint now);
    void check_tunnel(EndpointState& endpoint, TimePoint now);
    void close_unused_tunnels(TimePoint now);

    State& state_;
    Membership& membership_;
    Tunnels& tunnels_;
    Quarantine ended_;
    TimePoint next_sweep_{};
};

}  // namespace mdd::control
