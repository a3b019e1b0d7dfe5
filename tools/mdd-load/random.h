// Numbers that look random and follow from a seed: the same on every machine and with every
// standard library. Nothing secret is made of them.
#pragma once

#include <cstdint>

namespace mdd::load {

// A bijection that spreads every bit over all (the finaliser of SplitMix64).
constexpr std::uint64_t mixed(std::uint64_t x) {
    x += 0x9e3779b97f4a7c15;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
    x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
    return x ^ (x >> 31);
}

// SplitMix64.
class Random {
  public:
    explicit Random(std::uint64_t seed) : state_(seed) {}
    std::uint64_t next() {
        const auto value = mixed(state_);
        state_ += 0x9e3779b97f4a7c15;
        return value;
    }
    // 0 to limit - 1; precondition: limit > 0. Off by less than limit / 2^32.
    std::uint32_t below(std::uint32_t limit) {
        return static_cast<std::uint32_t>(((next() >> 32) * limit) >> 32);
    }
    // 0 to 1, never 0.
    double share() { return (static_cast<double>(next() >> 11) + 1) * 0x1p-53; }

  private:
    std::uint64_t state_;
};

}  // namespace mdd::load
