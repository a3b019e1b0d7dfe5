// One worker's tables: look-ups and the few changes that commands make. No packet logic.
#include "dataplane/table.h"

#include <boost/container_hash/hash.hpp>

namespace mdd {

std::size_t FlowHash::operator()(const Flow& flow) const {
    const auto pack = [](const net::SocketAddress& a) {
        return static_cast<std::uint64_t>(a.ip) << 16 | static_cast<std::uint64_t>(a.port);
    };
    std::size_t seed = 0;
    boost::hash_combine(seed, pack(flow.remote));
    boost::hash_combine(seed, pack(flow.local));
    return seed;
}

Table::Table(std::size_t conferences, std::size_t flows) : conferences_(conferences) {
    flows_.reserve(flows);
}

Member* Table::find(const Flow& flow) const {
    const auto found = flows_.find(flow);
    return found == flows_.end() ? nullptr : found->second;
}

Member* Table::find(ConferenceSlot conference, MemberSlot member) const {
    if (conference >= conferences_.size() || !conferences_[conference]) return nullptr;
    const auto& members = conferences_[conference]->members;
    return member < members.size() ? members[member].get() : nullptr;
}

void Table::add(std::unique_ptr<Member> member) {
    flows_[Flow{member->remote, member->local}] = member.get();
    auto& place = conferences_[member->conference]->members[member->slot];
    place = std::move(member);
}

std::unique_ptr<Member> Table::remove(ConferenceSlot conference, MemberSlot member) {
    if (find(conference, member) == nullptr) return nullptr;
    auto removed = std::move(conferences_[conference]->members[member]);
    flows_.erase(Flow{removed->remote, removed->local});
    return removed;
}

}  // namespace mdd
