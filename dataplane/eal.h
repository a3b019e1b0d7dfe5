// The DPDK environment of the process: argv, start, worker threads, end. Free of rte_* headers.
// Devices are Port's business.
#pragma once

#include <functional>
#include <string>
#include <vector>

namespace mdd {

struct EalConfig {
    std::string program = "mdd";
    // Unique per process. Empty: "mdd-<pid>".
    std::string file_prefix;
    // Per NUMA node. Empty or all zero: run without hugepages, with `no_huge_mib` of ordinary
    // memory.
    std::vector<unsigned> hugepages_mib;
    unsigned no_huge_mib = 256;
    // CPUs as the kernel numbers them. The control thread (EAL's main lcore, the caller of Eal's
    // constructor) floats over control_cpus; worker i is pinned to worker_cpus[i]. A CPU may stand
    // in both, or more than once: small machines share.
    std::vector<unsigned> control_cpus = {0};
    std::vector<unsigned> worker_cpus = {0};
    // Devices as named in the configuration. PCI addresses among them are allowed for EAL's probe;
    // with none, PCI is off. vdev strings are ignored here: Port::open() plugs them, so that their
    // errors have a name.
    std::vector<std::string> devices;
    // Appended to EAL's argv untouched.
    std::vector<std::string> extra_args;
};

// "0000:8a:00.0" or "8a:00.0".
bool is_pci_address(const std::string& device);

// EAL's argv for `config`: --in-memory with hugepages, --no-huge --no-shconf without. Pure. Lcore 0
// is control, lcore i + 1 is worker i.
std::vector<std::string> eal_arguments(const EalConfig& config);

// Looks for what would make EAL or a driver abort or fail without a word: CPUs that this process
// may not use, too few free hugepages, PCI devices that are missing. Throws std::runtime_error with
// a full sentence.
void preflight(const EalConfig& config);

// PR_SET_DUMPABLE 0 (no ptrace, no /proc/self/mem for others), RLIMIT_CORE 0, SIGPIPE ignored
// (virtio-user dies of it otherwise). Call first thing in main(), before keys exist. Sanitizer
// builds stay dumpable: the leak check needs ptrace.
void harden_process();

// "DPDK 22.11.6": the library loaded.
std::string dpdk_version();

// One per process and lifetime: EAL cannot start twice. Everything runs on the thread that made it.
class Eal {
  public:
    // Runs preflight(), then EAL. Throws std::runtime_error with a full sentence that quotes EAL's
    // last line. EAL's log goes to stderr from level warning up.
    explicit Eal(const EalConfig& config);
    // Precondition: workers joined, ports and pools gone.
    ~Eal();
    Eal(const Eal&) = delete;
    Eal& operator=(const Eal&) = delete;

    unsigned worker_count() const { return worker_count_; }
    // DPDK's lcore id of a worker (for rte_lcore things), and its NUMA socket (for
    // make_packet_pool()).
    static constexpr unsigned lcore_of(unsigned worker) { return worker + 1; }
    int socket_of(unsigned worker) const;
    // NUMA nodes of this machine that have CPUs.
    unsigned node_count() const;

    // Runs `body` on the worker's thread. Precondition: worker < worker_count(). Throws
    // std::runtime_error if the worker runs already. An exception that leaves `body` ends the
    // process.
    void launch_worker(unsigned worker, std::function<void()> body);
    // Waits until the worker's body has returned; at once if there is none.
    void join(unsigned worker);

  private:
    unsigned worker_count_;
    std::vector<std::function<void()>> bodies_;
};

}  // namespace mdd
