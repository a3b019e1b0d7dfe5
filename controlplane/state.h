// What the parts of control share: settings, conferences, the way to the workers, and the counters.
// One thread. Each rule stands in one part: admission to a seat in membership.h, DTLS in
// handshakes.h, keys in keying.h.
#pragma once

#include <vector>

#include "controlplane/admission.h"
#include "controlplane/conference.h"
#include "controlplane/courier.h"
#include "controlplane/key_ledger.h"
#include "controlplane/neighbours.h"
#include "controlplane/statistics.h"
#include "dataplane/counters.h"

struct rte_mempool;

namespace mdd::control {

struct Settings {
    std::vector<ConferencePlan> conferences;
    std::vector<PortFacts> ports;         // by PortIndex
    std::vector<srtp::Profile> profiles;  // offered to the KMF, in order of preference
    std::chrono::milliseconds endpoint_timeout{30'000};
    AdmissionLimits limits;
    std::size_t ssrcs_per_endpoint = 16;
    rte_mempool* pool = nullptr;  // control's own
};

struct State {
    State(Settings the_settings, std::vector<WorkerDoor> doors,
          std::function<void(const Command&)> returned)
        : settings(std::move(the_settings)),
          conferences(settings.conferences, settings.ssrcs_per_endpoint),
          publisher(homes_of(doors)),
          courier(std::move(doors), std::move(returned)),
          admission(settings.limits) {}

    static Homes homes_of(const std::vector<WorkerDoor>& doors) {
        std::vector<srtp::NumaNode> nodes;
        for (const auto& door : doors) nodes.push_back(door.node);
        return Homes(std::move(nodes));
    }

    const Settings settings;
    Conferences conferences;
    Publisher publisher;
    Courier courier;
    KeyLedger ledger;
    Neighbours neighbours;
    Admission admission;
    Counters counters;  // control's share of the packet counters: DTLS datagrams handed up
    Statistics statistics;
};

}  // namespace mdd::control
