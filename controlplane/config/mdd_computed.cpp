// Fills in what mdd.toml leaves open, and writes down why each value is what it is. Judges nothing
// the file says.
#include <fmt/format.h>
#include <algorithm>
#include <bit>
#include <iterator>

#include "controlplane/config/mdd_finish.h"

namespace mdd::config {
namespace {

constexpr unsigned kMostWorkersUnasked = 8;

bool contains(const std::vector<unsigned>& cores, unsigned core) {
    return std::find(cores.begin(), cores.end(), core) != cores.end();
}

std::string listed(const std::vector<unsigned>& numbers) {
    return fmt::format("[{}]", fmt::join(numbers, ", "));
}

struct Computer {
    MddConfig& config;
    const Reader& reader;
    const Machine& machine;

    bool open(const std::string& path) const { return !reader.given(path); }
    void because(std::string sentence) { config.derivations.push_back(std::move(sentence)); }

    void control();
    void workers();
    void queues();
    void names();
    void profiles();
    void conferences();
    void pool();
    void hugepages();
};

void Computer::control() {
    if (!open("cpu.control")) return;
    unsigned core = machine.available_cores.front();
    for (const unsigned candidate : machine.available_cores)
        if (!contains(machine.isolated_cores, candidate) &&
            !contains(config.cpu.workers, candidate)) {
            core = candidate;
            break;
        }
    config.cpu.control = {core};
    because(
        fmt::format("cpu.control = [{}]: the first core of this process that is neither isolated "
                    "nor a worker.",
                    core));
}

void Computer::workers() {
    if (!open("cpu.workers")) return;
    auto& workers = config.cpu.workers;
    std::vector<unsigned> isolated;
    std::set_intersection(machine.isolated_cores.begin(), machine.isolated_cores.end(),
                          machine.available_cores.begin(), machine.available_cores.end(),
                          std::back_inserter(isolated));
    const auto& candidates = isolated.empty() ? machine.available_cores : isolated;
    for (const unsigned core : candidates)
        if (!contains(config.cpu.control, core)) workers.push_back(core);
    if (workers.empty()) {
        workers = {config.cpu.control.front()};
        because(
            fmt::format("cpu.workers = {}: this process has no core besides cpu.control, so they "
                        "share one.",
                        listed(workers)));
        return;
    }
    if (isolated.empty() && workers.size() > kMostWorkersUnasked)
        workers.resize(kMostWorkersUnasked);
    because(fmt::format(
        "cpu.workers = {}: {}.", listed(workers),
        isolated.empty() ? fmt::format("no core is isolated, so the cores of this process besides "
                                       "cpu.control, at most {}",
                                       kMostWorkersUnasked)
                         : "the cores that the kernel keeps isolated, without cpu.control"));
}

void Computer::names() {
    for (std::size_t i = 0; i < config.ports.size(); ++i)
        if (open(fmt::format("port[{}].name", i))) {
            config.ports[i].name = fmt::format("port{}", i);
            because(
                fmt::format("port[{}].name = \"{}\": by its position.", i, config.ports[i].name));
        }
    for (std::size_t i = 0; i < config.kmf.size(); ++i)
        if (open(fmt::format("kmf[{}].name", i))) {
            config.kmf[i].name = fmt::format("kmf-{}", i + 1);
            because(fmt::format("kmf[{}].name = \"{}\": by its position.", i, config.kmf[i].name));
        }
}

void Computer::queues() {
    const auto workers = static_cast<unsigned>(config.cpu.workers.size());
    for (std::size_t i = 0; i < config.ports.size(); ++i) {
        PortConfig& port = config.ports[i];
        if (open(fmt::format("port[{}].rx_queues", i))) {
            port.rx_queues = workers;
            because(
                fmt::format("port \"{}\": rx_queues = {}: one per worker.", port.name, workers));
        }
        if (open(fmt::format("port[{}].tx_queues", i))) {
            port.tx_queues = workers;
            because(
                fmt::format("port \"{}\": tx_queues = {}: one per worker.", port.name, workers));
        }
    }
}

void Computer::profiles() {
    if (!open("media.profiles")) return;
    using enum srtp::Profile;
    config.media.profiles = {double_aes_128_gcm, double_aes_256_gcm};
    if (config.media.allow_plain)
        config.media.profiles.insert(config.media.profiles.end(),
                                     {aead_aes_128_gcm, aead_aes_256_gcm});
    because(fmt::format("media.profiles = both DOUBLE profiles{}: allow_plain is {}.",
                        config.media.allow_plain ? ", then both SRTP_AEAD profiles" : "",
                        config.media.allow_plain));
}

void Computer::conferences() {
    std::vector<std::string> all;
    for (const KmfConfig& kmf : config.kmf) all.push_back(kmf.name);
    for (std::size_t i = 0; i < config.conferences.size(); ++i) {
        ConferenceConfig& conference = config.conferences[i];
        if (!open(fmt::format("conference[{}].kmf", i))) continue;
        conference.kmf = all;
        because(fmt::format("conference {}: kmf = [{}]: every [[kmf]], in their order.",
                            to_string(conference.id), fmt::join(all, ", ")));
    }
}

void Computer::pool() {
    if (!open("pool.mbufs_per_numa")) return;
    constexpr std::uint64_t kMostMbufs = 16777215;
    const std::uint64_t queued = mbufs_in_queues(config.ports);
    const std::uint64_t spare = kSpareMbufsPerWorker * config.cpu.workers.size();
    const std::uint64_t rounded = std::bit_ceil(queued + spare + 1) - 1;
    config.pool.mbufs_per_numa = static_cast<unsigned>(std::min(rounded, kMostMbufs));
    because(fmt::format(
        "pool.mbufs_per_numa = {}: all queues hold {} (rx_queues x rx_desc + tx_queues "
        "x tx_desc of every port), {} workers get {} each for packets in work, "
        "rounded up to 2^n - 1.",
        config.pool.mbufs_per_numa, queued, config.cpu.workers.size(), kSpareMbufsPerWorker));
}

void Computer::hugepages() {
    if (!open("eal.hugepages_mib")) return;
    constexpr std::uint64_t kMbufBytes =
        2560;  // mbuf, headroom, 2 KiB of data and the pool's own header
    constexpr std::uint64_t kBaseMib = 128;  // EAL, ports, rings and tables
    const std::uint64_t needed = kBaseMib + config.pool.mbufs_per_numa * kMbufBytes / (1 << 20);
    const bool enough = machine.free_hugepages_mib >= needed;
    config.eal.hugepages_mib = {enough ? static_cast<unsigned>(needed) : 0};
    because(
        fmt::format("eal.hugepages_mib = [{}]: {} mbufs and DPDK itself need about {} MiB, and {} "
                    "MiB of hugepages are free{}.",
                    config.eal.hugepages_mib.front(), config.pool.mbufs_per_numa, needed,
                    machine.free_hugepages_mib, enough ? "" : ", so mdd runs without hugepages"));
}

}  // namespace

std::uint64_t mbufs_in_queues(const std::vector<PortConfig>& ports) {
    std::uint64_t mbufs = 0;
    for (const PortConfig& port : ports)
        mbufs += std::uint64_t{port.rx_queues} * port.rx_desc +
                 std::uint64_t{port.tx_queues} * port.tx_desc;
    return mbufs;
}

void compute_defaults(MddConfig& config, const Reader& reader, const Machine& machine) {
    Computer computer{config, reader, machine};
    computer.names();
    computer.control();
    computer.workers();
    computer.queues();
    computer.profiles();
    computer.conferences();
    computer.pool();
    computer.hugepages();
}

}  // namespace mdd::config
