// Open addressing with linear probing, at most half full; an erased place is closed up, so that no
// look-up passes graves.
#include "dataplane/flow_table.h"

#include <bit>

namespace mdd {

FlowTable::FlowTable(std::size_t flows)
    : mask_(std::bit_ceil(2 * flows + 2) - 1),
      entries_(mask_ + 1),
      begin_mask_(std::bit_ceil(16 * flows + 16) - 1),
      begin_here_(begin_mask_ + 1) {}

void FlowTable::put(const FlowKey& flow, Member* member, const Endpoint* endpoint) {
    const auto flow_hash = hash(flow);
    auto& entry = entries_[find_place(flow, flow_hash & mask_)];
    auto& begin_here = begin_here_[flow_hash & begin_mask_];
    if (entry.member == nullptr && begin_here != kCrowd) ++begin_here;
    entry = {flow, member, endpoint};
}

void FlowTable::erase(const FlowKey& flow) {
    const auto flow_hash = hash(flow);
    auto hole = find_place(flow, flow_hash & mask_);
    if (entries_[hole].member == nullptr) return;
    auto& begin_here = begin_here_[flow_hash & begin_mask_];
    if (begin_here != kCrowd) --begin_here;
    // What stands behind the hole moves into it, unless it would come to stand before its start.
    for (auto next = (hole + 1) & mask_; entries_[next].member != nullptr;
         next = (next + 1) & mask_) {
        const auto start = hash(entries_[next].flow) & mask_;
        if (((next - start) & mask_) < ((next - hole) & mask_)) continue;
        entries_[hole] = entries_[next];
        hole = next;
    }
    entries_[hole].member = nullptr;
}

}  // namespace mdd
