// One worker's tables: look-ups and the few changes that commands make. No packet logic.
#include "dataplane/table.h"

namespace mdd {

Table::Table(std::size_t conferences, std::size_t flows)
    : conferences_(conferences), flows_(flows) {}

Member* Table::find(ConferenceSlot conference, MemberSlot member) const {
    if (conference >= conferences_.size() || !conferences_[conference]) return nullptr;
    const auto& members = conferences_[conference]->members;
    return member < members.size() ? members[member].get() : nullptr;
}

void Table::add(std::unique_ptr<Member> member, const Recipient& recipient) {
    flows_.put(Flow{member->remote, member->local}, member.get(), member->endpoint.get());
    auto& conference = *conferences_[member->conference];
    conference.recipients[member->slot] = recipient;
    member->recipients = conference.recipients;
    auto& place = conference.members[member->slot];
    place = std::move(member);
}

std::unique_ptr<Member> Table::remove(ConferenceSlot conference, MemberSlot slot) {
    if (find(conference, slot) == nullptr) return nullptr;
    auto removed = std::move(conferences_[conference]->members[slot]);
    conferences_[conference]->recipients[slot] = {};
    flows_.erase(Flow{removed->remote, removed->local});
    return removed;
}

}  // namespace mdd
