// Who is in which conference: the endpoints of the configuration, where they are, which association
// they have, their keys and SSRCs. State and look-ups only, no I/O; the rules stand with their
// subjects.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "controlplane/dtls_budget.h"
#include "controlplane/endpoint_keys.h"
#include "controlplane/ssrc_book.h"
#include "kmf-tunnel/ids.h"

namespace mdd::control {

using TunnelIndex = unsigned;  // index of a KMF in the configuration

// An endpoint's keying, as the tunnel knows it. It lives as long as the endpoint's 4-tuple does and
// stays with its tunnel, over that tunnel's death too.
struct Association {
    tunnel::AssociationId id;
    TunnelIndex tunnel = 0;
    DtlsBudget budget;
    // Keys are on their way to the workers: what the KMF says to the endpoint waits, in order.
    unsigned installs_under_way = 0;
    std::vector<std::vector<std::uint8_t>> held;
};

struct EndpointState {
    EndpointRef ref;
    std::string id;
    net::SocketAddress address;  // a name tag, not a proof (no ICE)
    std::optional<Place> place;  // from the first admission on
    std::optional<Association> association;
    EndpointKeys keys;
    TimePoint heard{};  // when something of it was last heard
};

struct ConferenceState {
    ConferenceState(ConferenceSlot slot_number, tunnel::ConferenceId conference_id,
                    std::size_t members, std::size_t live_ssrcs)
        : slot(slot_number), id(conference_id), ssrcs(members, live_ssrcs) {}
    ConferenceSlot slot;
    tunnel::ConferenceId id;
    std::vector<TunnelIndex> tunnels;      // in order of preference
    std::vector<EndpointState> endpoints;  // by MemberSlot
    std::optional<srtp::Profile> profile;  // of the keyed endpoints; one for all of them
    SsrcBook ssrcs;

    bool any_keyed() const;
    // Of the keyed endpoints; above all numbers when there is none.
    std::uint32_t oldest_fresh_start() const;
};

// What the configuration says of a conference.
struct ConferencePlan {
    tunnel::ConferenceId id;
    std::vector<TunnelIndex> tunnels;
    struct Seat {
        std::string id;
        net::SocketAddress address;
    };
    std::vector<Seat> endpoints;
};

class Conferences {
  public:
    Conferences(const std::vector<ConferencePlan>& plans, std::size_t live_ssrcs);

    // Null when there is none.
    EndpointState* find(EndpointRef ref);
    EndpointState* find(const net::SocketAddress& address);
    EndpointState* find(const tunnel::AssociationId& id);
    ConferenceState& conference_of(const EndpointState& endpoint) {
        return conferences_[endpoint.ref.conference];
    }

    // Gives `endpoint` a new association; an older one is forgotten.
    Association& associate(EndpointState& endpoint, TunnelIndex tunnel);
    void forget_association(EndpointState& endpoint);

    std::vector<ConferenceState>& all() { return conferences_; }
    const std::vector<ConferenceState>& all() const { return conferences_; }

  private:
    std::vector<ConferenceState> conferences_;
    std::map<net::SocketAddress, EndpointRef> by_address_;
    std::unordered_map<tunnel::AssociationId, EndpointRef> by_association_;
};

}  // namespace mdd::control
