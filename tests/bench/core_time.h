// Time that a thread has its core for, in cycles of the TSC: what it waited while something else
// had the core does not count. For programs without DPDK.
#pragma once

#include <cstdint>

namespace mdd::bench {

inline std::uint64_t read_tsc() {
    return __builtin_ia32_rdtsc();
}

// Cycles of the TSC per second, measured against the clock once, in a twentieth of a second.
double tsc_hz();

// Cycles that the calling thread has stood ready to run without a core; 0 where the kernel does not
// tell. Counted when it gets the core back. Asking takes some microseconds.
std::uint64_t waited_cycles();

// Counts from its construction. Of one thread, which may not sleep in between.
class CoreTime {
  public:
    CoreTime() : waited_(waited_cycles()), start_(read_tsc()) {}
    std::uint64_t cycles() const {
        const auto elapsed = read_tsc() - start_;
        return elapsed - (waited_cycles() - waited_);
    }

  private:
    std::uint64_t waited_;
    std::uint64_t start_;
};

}  // namespace mdd::bench
