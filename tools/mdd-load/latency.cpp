// Quantiles by nearest rank, as the upper edge of the bucket that holds it.
#include "tools/mdd-load/latency.h"

#include <cmath>

namespace mdd::load {
namespace {

std::uint64_t rank_of(double share, std::uint64_t count) {
    const double rank = std::ceil(std::clamp(share, 0.0, 1.0) * static_cast<double>(count));
    return std::clamp<std::uint64_t>(static_cast<std::uint64_t>(rank), 1, count);
}

}  // namespace

void LatencyHistogram::merge(const LatencyHistogram& other) {
    for (std::size_t i = 0; i < counts_.size(); ++i) counts_[i] += other.counts_[i];
    count_ += other.count_;
    highest_ = std::max(highest_, other.highest_);
}

std::uint64_t LatencyHistogram::quantile_ns(double share) const {
    if (count_ == 0) return 0;
    auto rank = rank_of(share, count_);
    for (std::size_t bucket = 0; bucket + 1 < counts_.size(); ++bucket) {
        if (rank <= counts_[bucket]) return std::min(LatencyBuckets::highest_of(bucket), highest_);
        rank -= counts_[bucket];
    }
    return highest_;  // the last bucket's values may be above the range
}

}  // namespace mdd::load
