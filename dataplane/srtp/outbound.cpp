// Outbound packet index: runs of forwarding and their borders. See outbound.h for the law it keeps.
#include "dataplane/srtp/outbound.h"

namespace mdd::srtp {
namespace {

constexpr std::uint64_t kFirstOfRoc1 = std::uint64_t{1} << 16;

}  // namespace

void OutboundIndex::start_run(std::uint64_t source) {
    // The very first packet of a key keeps the source's sequence where it can: then no OHB is
    // needed. It must lie below 2^15, or a receiver that sees a neighbour across the wrap first
    // would guess ROC -1.
    const std::uint64_t first = next_ == 0 ? (source & 0x7fff) : next_;
    offset_ = first - source;
    run_source_ = source;
}

OutboundIndex::Placed OutboundIndex::place_elsewhere(std::uint64_t source) {
    if (run_source_ == kNone) {
        start_run(source);
    } else if (source < run_source_) {
        return {Verdict::run_old, 0};
    } else if (source + offset_ > next_ - 1 + kMaxJump) {
        start_run(source);
    }
    std::uint64_t index = source + offset_;
    if (index >= used_.from && index < used_.to) {
        // Late packets have no place there; the others go on behind it.
        if (index < next_) return {Verdict::run_old, 0};
        next_ = used_.to;
        start_run(source);
        index = next_;
    }
    if (index >= kLimit) return {Verdict::key_exhausted, 0};
    if (index >= next_) next_ = index + 1;
    lowest_ = std::min(lowest_, index);
    return {Verdict::accepted, index};
}

void OutboundIndex::start_over() {
    if (lowest_ == kNone) {
        *this = {};
    } else if (lowest_ >= kFirstOfRoc1 && used_.from == kNone) {
        used_ = {lowest_, next_};
        next_ = lowest_ = 0;
        end_run();
    }
}

}  // namespace mdd::srtp
