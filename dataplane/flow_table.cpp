// Open addressing with linear probing, at most half full; an erased place is closed up, so that no
// look-up passes graves.
#include "dataplane/flow_table.h"

#include <bit>

namespace mdd {

FlowTable::FlowTable(std::size_t flows)
    : mask_(std::bit_ceil(2 * flows + 2) - 1), entries_(mask_ + 1) {}

void FlowTable::put(const FlowKey& flow, Member* member, const Endpoint* endpoint) {
    entries_[find_place(flow, start_of(flow))] = {flow, member, endpoint};
}

void FlowTable::erase(const FlowKey& flow) {
    auto hole = find_place(flow, start_of(flow));
    if (entries_[hole].member == nullptr) return;
    // What stands behind the hole moves into it, unless it would come to stand before its start.
    for (auto next = (hole + 1) & mask_; entries_[next].member != nullptr;
         next = (next + 1) & mask_) {
        const auto start = start_of(entries_[next].flow);
        if (((next - start) & mask_) < ((next - hole) & mask_)) continue;
        entries_[hole] = entries_[next];
        hole = next;
    }
    entries_[hole].member = nullptr;
}

}  // namespace mdd
