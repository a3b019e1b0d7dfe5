// DPDK's start in a benchmark: huge pages where enough are free. Measures nothing.
#pragma once

#include <string>
#include <vector>

#include "tests/support/ring_port.h"

namespace mdd::bench {

// Starts the one EAL of the process with the calling thread on `main_cpu` and one EAL worker,
// pinned, on each of `worker_cpus`. True: `memory_mib` lie in huge pages. Throws
// std::runtime_error, a full sentence.
bool start_eal(const std::string& program, unsigned main_cpu,
               const std::vector<unsigned>& worker_cpus, unsigned memory_mib);

}  // namespace mdd::bench
