// The waiting comes from the scheduler's own books, so that interrupts count as the thread's work:
// see core_time.h.
#include "tests/bench/core_time.h"

#include <chrono>
#include <fstream>

namespace mdd::bench {

double tsc_hz() {
    static const double measured = [] {
        using Clock = std::chrono::steady_clock;
        const auto start = Clock::now();
        const auto first = read_tsc();
        auto now = start;
        while (now - start < std::chrono::milliseconds(50)) now = Clock::now();
        const std::chrono::duration<double> seconds = now - start;
        return static_cast<double>(read_tsc() - first) / seconds.count();
    }();
    return measured;
}

std::uint64_t waited_cycles() {
    std::ifstream file("/proc/thread-self/schedstat");
    std::uint64_t ran_ns = 0, waited_ns = 0;
    file >> ran_ns >> waited_ns;
    return static_cast<std::uint64_t>(static_cast<double>(waited_ns) * tsc_hz() / 1e9);
}

}  // namespace mdd::bench
