// Huge pages or not: see bench_eal.h.
#include "tests/bench/bench_eal.h"

#include <fstream>

namespace mdd::bench {
namespace {

constexpr unsigned kHugePageMib = 2;

bool hugepages_are_free(unsigned memory_mib) {
    std::ifstream file("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages");
    unsigned free = 0;
    return file >> free && free * kHugePageMib >= memory_mib;
}

}  // namespace

bool start_eal(const std::string& program, unsigned main_cpu,
               const std::vector<unsigned>& worker_cpus, unsigned memory_mib) {
    EalConfig eal;
    eal.program = program;
    // In pages of 4 KiB no buffer crosses a page where EAL sees physical addresses: each takes one.
    eal.no_huge_mib = memory_mib * 3 / 2;
    eal.control_cpus = {main_cpu};
    eal.worker_cpus = worker_cpus;
    const bool hugepages = hugepages_are_free(memory_mib);
    if (hugepages) eal.hugepages_mib = {memory_mib};
    test::test_eal(eal);
    return hugepages;
}

}  // namespace mdd::bench
