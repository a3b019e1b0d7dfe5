// Outbound packet index: runs of forwarding and their borders. See outbound.h for the law it keeps.
#include "dataplane/srtp/outbound.h"

namespace mdd::srtp {

void OutboundIndex::start_run(std::uint64_t source) {
    // The very first packet of a key keeps the source's sequence where it can: then no OHB is
    // needed. It must lie below 2^15, or a receiver that sees a neighbour across the wrap first
    // would guess ROC -1.
    const std::uint64_t first = next_ == 0 ? (source & 0x7fff) : next_;
    offset_ = first - source;
    run_source_ = source;
    in_run_ = true;
}

OutboundIndex::Placed OutboundIndex::place(std::uint64_t source) {
    if (!in_run_) {
        start_run(source);
    } else if (source < run_source_) {
        return {Verdict::run_old, 0};
    } else if (source + offset_ > next_ - 1 + kMaxJump) {
        start_run(source);
    }
    const std::uint64_t index = source + offset_;
    if (index >= kLimit) return {Verdict::key_exhausted, 0};
    if (index >= next_) next_ = index + 1;
    return {Verdict::accepted, index};
}

}  // namespace mdd::srtp
