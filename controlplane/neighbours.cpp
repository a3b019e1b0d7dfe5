// Next hops and the questions about them.
#include "controlplane/neighbours.h"

namespace mdd::control {

std::optional<net::Be32> next_hop(const PortFacts& port, net::Be32 destination) {
    if (port.address.contains(destination)) return destination;
    return port.gateway;
}

void Neighbours::use(NextHop hop) {
    entries_[hop].in_use = true;
}

bool Neighbours::learn(NextHop hop, const net::MacAddress& mac) {
    auto found = entries_.find(hop);
    if (found == entries_.end()) {
        if (entries_.size() >= kCapacity) return false;
        found = entries_.emplace(hop, Entry{}).first;
    }
    auto& entry = found->second;
    entry.asked = 0;
    if (entry.mac == mac) return false;
    entry.mac = mac;
    return true;
}

std::optional<net::MacAddress> Neighbours::find(NextHop hop) const {
    const auto found = entries_.find(hop);
    return found == entries_.end() ? std::nullopt : found->second.mac;
}

std::vector<NextHop> Neighbours::due(TimePoint now) {
    std::vector<NextHop> ask;
    for (auto& [hop, entry] : entries_) {
        if (!entry.in_use || now < entry.ask_at) continue;
        const bool seldom = entry.mac.has_value() || entry.asked >= kRetries;
        // The first question about an address learnt already can wait as well.
        if (!(entry.mac && entry.ask_at == TimePoint{})) {
            ask.push_back(hop);
            ++entry.asked;
        }
        entry.ask_at = now + (seldom ? kRefresh : kRetry);
    }
    return ask;
}

}  // namespace mdd::control
