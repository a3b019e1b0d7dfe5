// Look-ups of conferences and endpoints.
#include "controlplane/conference.h"

#include <algorithm>
#include <limits>

namespace mdd::control {

bool ConferenceState::any_keyed() const {
    return std::ranges::any_of(endpoints, [](const auto& e) { return e.keys.keyed(); });
}

std::uint32_t ConferenceState::oldest_fresh_start() const {
    auto oldest = std::numeric_limits<std::uint32_t>::max();
    for (const auto& endpoint : endpoints)
        if (endpoint.keys.keyed()) oldest = std::min(oldest, endpoint.keys.fresh_start());
    return oldest;
}

Conferences::Conferences(const std::vector<ConferencePlan>& plans, std::size_t live_ssrcs) {
    for (const auto& plan : plans) {
        const auto slot = static_cast<ConferenceSlot>(conferences_.size());
        auto& conference =
            conferences_.emplace_back(slot, plan.id, plan.endpoints.size(), live_ssrcs);
        conference.kmfs = plan.kmfs;
        conference.audio = plan.audio;
        conference.endpoints.resize(plan.endpoints.size());
        for (std::size_t i = 0; i < plan.endpoints.size(); ++i) {
            auto& endpoint = conference.endpoints[i];
            endpoint.ref = {slot, static_cast<MemberSlot>(i)};
            endpoint.id = plan.endpoints[i].id;
            endpoint.address = plan.endpoints[i].address;
            by_address_[endpoint.address] = endpoint.ref;
        }
    }
}

EndpointState* Conferences::find(EndpointRef ref) {
    if (ref.conference >= conferences_.size()) return nullptr;
    auto& endpoints = conferences_[ref.conference].endpoints;
    return ref.member < endpoints.size() ? &endpoints[ref.member] : nullptr;
}

EndpointState* Conferences::find(const net::SocketAddress& address) {
    const auto found = by_address_.find(address);
    return found == by_address_.end() ? nullptr : find(found->second);
}

EndpointState* Conferences::find(const tunnel::AssociationId& id) {
    const auto found = by_association_.find(id);
    return found == by_association_.end() ? nullptr : find(found->second);
}

Association& Conferences::associate(EndpointState& endpoint, KmfIndex kmf) {
    forget_association(endpoint);
    endpoint.association.emplace();
    endpoint.association->id = tunnel::random_association_id();
    endpoint.association->kmf = kmf;
    endpoint.ended = Ending::none;
    by_association_[endpoint.association->id] = endpoint.ref;
    return *endpoint.association;
}

void Conferences::forget_association(EndpointState& endpoint) {
    if (!endpoint.association) return;
    by_association_.erase(endpoint.association->id);
    endpoint.association.reset();
}

}  // namespace mdd::control
