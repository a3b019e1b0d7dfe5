// Slices of time in which workers run together: see scaling_run.h.
#include "tests/bench/scaling_run.h"

#include <rte_cycles.h>
#include <rte_pause.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <numeric>
#include <set>
#include <span>

#include "tests/bench/bench_eal.h"
#include "tests/bench/median.h"

namespace mdd::bench {
namespace {

constexpr unsigned kColdPackets = 65535, kWarmPackets = 256;
constexpr unsigned kMemoryMib = 224;  // of each worker: its buffers and rings
constexpr unsigned kHandOffPlaces = 1024;
constexpr unsigned kMostWorkers = 16;  // of two ports each; DPDK has 32

std::filesystem::path cpu_folder(unsigned cpu) {
    return "/sys/devices/system/cpu/cpu" + std::to_string(cpu);
}

// The CPUs of a core, in the kernel's words; of one without a word about it, itself.
std::string core_of(unsigned cpu) {
    std::ifstream file(cpu_folder(cpu) / "topology/thread_siblings_list");
    std::string siblings;
    return file >> siblings ? siblings : std::to_string(cpu);
}

std::string node_of(unsigned cpu) {
    std::error_code ignored;
    for (const auto& entry : std::filesystem::directory_iterator(cpu_folder(cpu), ignored)) {
        const auto name = entry.path().filename().string();
        if (name.rfind("node", 0) == 0) return name;
    }
    return {};
}

struct ScalingSlices {
    unsigned length_ms;  // at most
    bool cold;           // as in ScalingSetting
};

// The common beginning and end of a slice.
class Slice {
  public:
    Slice(unsigned workers, unsigned slice_ms)
        : workers_(workers), length_tsc_(rte_get_tsc_hz() / 1000 * slice_ms) {}

    // Returns to every worker in the same moment, once all are there. Until then it sleeps: one
    // that is not there yet may need this CPU.
    void wait_for_start() {
        if (arrived_.fetch_add(1) + 1 == workers_)
            start_tsc_ = rte_rdtsc() + rte_get_tsc_hz() / 1000;
        while (start_tsc_ == 0) usleep(50);
        while (rte_rdtsc() < start_tsc_) rte_pause();
    }
    bool over() const { return over_.load(std::memory_order_relaxed); }
    // For everybody.
    void end() { over_.store(true, std::memory_order_relaxed); }
    std::uint64_t end_tsc() const { return start_tsc_ + length_tsc_; }

  private:
    const unsigned workers_;
    const std::uint64_t length_tsc_;
    std::atomic<unsigned> arrived_{0};
    std::atomic<std::uint64_t> start_tsc_{0};
    alignas(64) std::atomic<bool> over_{false};
};

// What one worker did in a slice. Each on lines of its own.
struct alignas(64) Share {
    std::uint64_t cycles = 0;
    std::uint64_t sent = 0;
    double cycles_per_packet() const {
        return static_cast<double>(cycles) / static_cast<double>(sent);
    }
    double mpps() const {
        return static_cast<double>(rte_get_tsc_hz()) / cycles_per_packet() / 1e6;
    }
};

// Only rounds with a whole burst count. The first worker whose cold packets come to an end ends the
// slice, so that all the time that is counted all workers run.
Share work(Station& station, Slice& slice, bool cold) {
    auto& worker = station.worker();
    if (!srtp::aead_own_code())  // as Worker::run() does
        throw std::runtime_error("The cipher's library cannot be copied for a worker.");
    station.fill(cold ? kColdPackets : kWarmPackets, cold);
    const auto before = worker.counters().rtp_sent.read();
    Share share;
    slice.wait_for_start();
    const auto end = slice.end_tsc();
    while (!slice.over()) {
        if (station.waiting() < kDefaultBurst) {
            if (cold) break;
            station.fill(kWarmPackets, cold);
        }
        const auto start = rte_rdtsc();
        worker.poll_once();
        const auto now = rte_rdtsc();
        share.cycles += now - start;
        if (now > end) break;
    }
    slice.end();
    share.sent = worker.counters().rtp_sent.read() - before;
    return share;
}

// So many workers run together, from the worker `first` on, each on its own CPU: the calling
// thread's is worker 0's.
std::vector<Share> run_slice(std::vector<std::unique_ptr<Station>>& stations, unsigned first,
                             unsigned workers, const ScalingSlices& slices) {
    Slice slice(workers, slices.length_ms);
    std::vector<Share> shares(workers);
    auto& eal = test::test_eal();
    const auto run = [&](unsigned worker) {
        shares[worker - first] = work(*stations[worker], slice, slices.cold);
    };
    const auto end = first + workers;
    for (unsigned worker = std::max(first, 1u); worker < end; ++worker)
        eal.launch_worker(worker - 1, [run, worker] { run(worker); });
    if (first == 0) run(0);
    for (unsigned worker = std::max(first, 1u); worker < end; ++worker) eal.join(worker - 1);
    for (unsigned worker = first; worker < end; ++worker) stations[worker]->fan_out().check_drops();
    return shares;
}

double mean(std::span<const double> values) {
    return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

double total_mpps(const std::vector<Share>& shares) {
    return std::accumulate(shares.begin(), shares.end(), 0.0,
                           [](double sum, const Share& share) { return sum + share.mpps(); });
}

// The slices of one number of workers.
struct Runs {
    std::vector<std::vector<double>> mpps;  // by worker
    std::vector<double> cycles, ratios;

    void add(const std::vector<Share>& shares, double mpps_alone) {
        mpps.resize(shares.size());
        double all_cycles = 0;
        for (std::size_t worker = 0; worker < shares.size(); ++worker) {
            mpps[worker].push_back(shares[worker].mpps());
            all_cycles += shares[worker].cycles_per_packet();
        }
        cycles.push_back(all_cycles / static_cast<double>(shares.size()));
        ratios.push_back(total_mpps(shares) / mpps_alone);
    }
    ScalingResult medians() const {
        ScalingResult result{{}, median(cycles), median(ratios)};
        for (const auto& of_worker : mpps) result.mpps.push_back(median(of_worker));
        return result;
    }
};

}  // namespace

std::vector<unsigned> cpus_for_workers() {
    auto all = test::cpus_of_process();
    std::reverse(all.begin(), all.end());
    std::vector<unsigned> cpus;
    std::set<std::string> cores;
    for (const auto cpu : all)
        if (node_of(cpu) == node_of(all.front()) && cores.insert(core_of(cpu)).second)
            cpus.push_back(cpu);
    if (cpus.size() > 2) cpus.resize(std::clamp<std::size_t>(cpus.size() - 2, 2, kMostWorkers));
    return cpus;
}

ScalingLab::ScalingLab(const std::vector<unsigned>& cpus)
    : hugepages_(start_eal("scaling_bench", cpus.front(), {cpus.begin() + 1, cpus.end()},
                           static_cast<unsigned>(cpus.size()) * kMemoryMib)) {
    for (std::size_t worker = 0; worker < cpus.size(); ++worker)
        ports_.push_back(
            std::make_unique<StationPorts>("station" + std::to_string(worker), kColdPackets));
    for (std::size_t pair = 0; pair < cpus.size() * cpus.size(); ++pair)
        hand_offs_.push_back(std::make_unique<HandOffQueue>(kHandOffPlaces));
}

ScalingLab::Stations ScalingLab::make_stations(const FanOutConfig& config) {
    const auto workers = ports_.size();
    Stations stations;
    for (std::size_t worker = 0; worker < workers; ++worker) {
        WorkerPlace place{.index = static_cast<WorkerIndex>(worker)};
        for (std::size_t other = 0; other < workers; ++other) {
            const bool self = other == worker;
            place.to_worker.push_back(self ? nullptr : hand_offs_[worker * workers + other].get());
            place.from_worker.push_back(self ? nullptr
                                             : hand_offs_[other * workers + worker].get());
        }
        stations.push_back(std::make_unique<Station>(config, *ports_[worker], place));
        stations.back()->open_streams();
    }
    return stations;
}

std::vector<ScalingResult> ScalingLab::measure(const ScalingSetting& setting,
                                               const std::vector<unsigned>& worker_counts,
                                               unsigned runs, unsigned slice_ms) {
    auto stations = make_stations(setting.fan_out);
    const auto workers = static_cast<unsigned>(stations.size());
    const ScalingSlices slices{slice_ms, setting.cold};
    run_slice(stations, 0, workers, slices);
    std::vector<Runs> results(worker_counts.size());
    for (unsigned run = 0; run < runs; ++run) {
        std::vector<double> alone;
        for (unsigned worker = 0; worker < workers; ++worker)
            alone.push_back(total_mpps(run_slice(stations, worker, 1, slices)));
        for (std::size_t i = 0; i < worker_counts.size(); ++i) {
            const auto count = worker_counts[i];
            results[i].add(run_slice(stations, 0, count, slices),
                           mean(std::span(alone).first(count)));
        }
    }
    std::vector<ScalingResult> medians;
    for (const auto& result : results) medians.push_back(result.medians());
    return medians;
}

}  // namespace mdd::bench
