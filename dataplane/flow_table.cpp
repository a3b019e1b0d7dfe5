// Open addressing with linear probing, at most half full; an erased place is closed up, so that no
// look-up passes graves.
#include "dataplane/flow_table.h"

#include <bit>

namespace mdd {

FlowTable::FlowTable(std::size_t flows)
    : mask_(std::bit_ceil(2 * flows + 2) - 1), entries_(mask_ + 1) {}

void FlowTable::put(const Flow& flow, Member* member) {
    auto place = start_of(flow);
    while (entries_[place].member != nullptr && entries_[place].flow != flow)
        place = (place + 1) & mask_;
    entries_[place] = {flow, member};
}

void FlowTable::erase(const Flow& flow) {
    auto hole = start_of(flow);
    while (entries_[hole].member != nullptr && entries_[hole].flow != flow)
        hole = (hole + 1) & mask_;
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
