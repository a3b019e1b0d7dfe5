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

using KmfIndex = unsigned;  // index in the configuration

// An endpoint's keying, as the tunnel knows it. It lives as long as the endpoint's 4-tuple does and
// stays with its KMF, over a tunnel's death too, unless that stays away (associations.h).
struct Association {
    static constexpr std::size_t kHello = 4;  // datagrams; browsers split their hello
    tunnel::AssociationId id;
    KmfIndex kmf = 0;
    DtlsBudget budget;
    // The endpoint's hello, until the KMF has answered: for a tunnel that is not up yet, and for
    // another KMF.
    std::vector<std::vector<std::uint8_t>> hello;
    TimePoint asked{};
    std::uint64_t life_before = 0;  // the KMF's signs of life then
    std::vector<KmfIndex> silent;   // KMFs that have not answered this hello
    bool answered = false;
    // Keys from the KMF were refused: what it says to the endpoint stays here.
    bool barred = false;
    // Keys are on their way to the workers: what the KMF says to the endpoint waits, in order.
    unsigned installs_under_way = 0;
    std::vector<std::vector<std::uint8_t>> held;
};

// Why an endpoint has no association; `none`: it has one, or never had.
enum class Ending : std::uint8_t {
    none,
    silent,      // nothing was heard of it for the time configured
    put_out,     // its KMF said so
    unfinished,  // its handshake was given up
    superseded,  // it began another one, from another address or with another KMF
};

struct EndpointState {
    EndpointRef ref;
    std::string id;
    net::SocketAddress address;  // a name tag, not a proof (no ICE)
    std::optional<Place> place;  // from the first admission on
    std::optional<Association> association;
    Ending ended = Ending::none;
    EndpointKeys keys;
    TimePoint heard{};  // when something of it was last heard
};

struct ConferenceState {
    ConferenceState(ConferenceSlot slot_number, tunnel::ConferenceId conference_id,
                    std::size_t members, std::size_t live_ssrcs)
        : slot(slot_number), id(conference_id), ssrcs(members, live_ssrcs) {}
    ConferenceSlot slot;
    tunnel::ConferenceId id;
    std::vector<KmfIndex> kmfs;  // in order of preference
    PayloadTypes audio;
    std::vector<EndpointState> endpoints;  // by MemberSlot
    std::optional<KmfIndex> authority;     // the one that associations went to last
    std::optional<srtp::Profile> profile;  // of the keyed endpoints; one for all of them
    SsrcBook ssrcs;

    bool any_keyed() const;
    // Of the keyed endpoints; above all numbers when there is none.
    std::uint32_t oldest_fresh_start() const;
};

// What the configuration says of a conference.
struct ConferencePlan {
    tunnel::ConferenceId id;
    std::vector<KmfIndex> kmfs;
    PayloadTypes audio;
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
    Association& associate(EndpointState& endpoint, KmfIndex kmf);
    void forget_association(EndpointState& endpoint);

    std::vector<ConferenceState>& all() { return conferences_; }
    const std::vector<ConferenceState>& all() const { return conferences_; }

  private:
    std::vector<ConferenceState> conferences_;
    std::map<net::SocketAddress, EndpointRef> by_address_;
    std::unordered_map<tunnel::AssociationId, EndpointRef> by_association_;
};

}  // namespace mdd::control
