// A word that goes to and fro: see core_distance.h.
#include "tests/bench/core_distance.h"

#include <rte_cycles.h>

#include <atomic>

#include "tests/support/ring_port.h"

namespace mdd::bench {
namespace {

constexpr unsigned kEalWorker = 0;
constexpr unsigned kRounds = 20000;

// Each on a line of its own that no other is fetched with.
struct Words {
    alignas(128) std::atomic<unsigned> there{0};
    alignas(128) std::atomic<unsigned> back{0};
};

void wait_for(const std::atomic<unsigned>& word, unsigned round) {
    while (word.load(std::memory_order_acquire) != round) {
    }
}

}  // namespace

double cycles_between_cores() {
    Words words;
    test::test_eal().launch_worker(kEalWorker, [&words] {
        for (unsigned round = 1; round <= kRounds; ++round) {
            wait_for(words.there, round);
            words.back.store(round, std::memory_order_release);
        }
    });
    std::uint64_t start = 0;
    for (unsigned round = 1; round <= kRounds; ++round) {
        words.there.store(round, std::memory_order_release);
        wait_for(words.back, round);
        // The first one waits for the worker to begin.
        if (round == 1) start = rte_rdtsc();
    }
    const auto cycles = static_cast<double>(rte_rdtsc() - start);
    test::test_eal().join(kEalWorker);
    return cycles / (2.0 * (kRounds - 1));
}

}  // namespace mdd::bench
