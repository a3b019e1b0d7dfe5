// How long packets took, in buckets that widen with the value. Fixed memory and no clock.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace mdd::load {

// 128 buckets for each doubling: a bucket is at most 1/128 of its values wide. Below 256 each value
// has its own.
struct LatencyBuckets {
    static constexpr unsigned kStepBits = 7;

    static constexpr std::size_t of(std::uint64_t ns) {
        const auto bits = static_cast<unsigned>(std::bit_width(ns));
        const unsigned shift = std::max(bits, kStepBits + 1) - (kStepBits + 1);
        return (std::size_t{shift} << kStepBits) + static_cast<std::size_t>(ns >> shift);
    }
    static constexpr std::uint64_t highest_of(std::size_t bucket) {
        const std::size_t shift = std::max<std::size_t>(bucket >> kStepBits, 1) - 1;
        const std::uint64_t first = (bucket - (shift << kStepBits)) << shift;
        return first + (std::uint64_t{1} << shift) - 1;
    }
};

// Nanoseconds. One thread; histograms of several threads are merged afterwards.
class LatencyHistogram {
  public:
    static constexpr std::uint64_t kHighestNs = 10'000'000'000;

    // A few cycles and no branch that depends on the value. What is above kHighestNs is counted, in
    // the last bucket, and the highest value stays exact.
    void add(std::uint64_t ns) {
        ++counts_[LatencyBuckets::of(std::min(ns, kHighestNs))];
        ++count_;
        highest_ = std::max(highest_, ns);
    }

    void merge(const LatencyHistogram& other);

    std::uint64_t count() const { return count_; }
    std::uint64_t max_ns() const { return highest_; }  // exact; 0 without samples

    // The smallest value that at least `share` (0 to 1) of the samples do not exceed; 0 without
    // samples. Never below the exact one, and within the range at most 1 % above it.
    std::uint64_t quantile_ns(double share) const;
    std::uint64_t p50_ns() const { return quantile_ns(0.5); }
    std::uint64_t p99_ns() const { return quantile_ns(0.99); }
    std::uint64_t p999_ns() const { return quantile_ns(0.999); }

  private:
    std::array<std::uint64_t, LatencyBuckets::of(kHighestNs) + 1> counts_{};
    std::uint64_t count_ = 0;
    std::uint64_t highest_ = 0;
};

}  // namespace mdd::load
