// Several workers at once: what each of them sends while all of them run, every one on a CPU of its
// own and fed from packets that its own thread has sealed beforehand. Nothing else runs.
#pragma once

#include <memory>
#include <vector>

#include "tests/bench/station.h"

namespace mdd::bench {

// The CPUs that workers are measured on: one of each core, all of one NUMA node; all of them where
// there are two, all but two where there are more, sixteen at most. The last one is first.
std::vector<unsigned> cpus_for_workers();

struct ScalingSetting {
    FanOutConfig fan_out;
    // Packets that wait for each worker, and that lie in no cache, when a slice of time begins;
    // otherwise a few that its own core has just written, and a few more whenever they are used up.
    bool cold = true;
};

struct ScalingResult {
    std::vector<double> mpps;  // sent, by worker
    double cycles_per_packet;  // TSC, mean of the workers
    // All workers together to one of them alone in the same run: the mean of each alone, since not
    // all CPUs of a virtual machine are equally fast.
    double ratio;
};

class ScalingLab {
  public:
    // Starts EAL; the calling thread is the first worker's. Throws std::runtime_error, a full
    // sentence.
    explicit ScalingLab(const std::vector<unsigned>& cpus);

    bool in_hugepages() const { return hugepages_; }
    // For each of `worker_counts`, the medians of `runs` slices of `slice_ms` at most; in every run
    // one slice for each of the counts, and one with each worker alone. Throws when any worker
    // drops anything.
    std::vector<ScalingResult> measure(const ScalingSetting& setting,
                                       const std::vector<unsigned>& worker_counts, unsigned runs,
                                       unsigned slice_ms);

  private:
    using Stations = std::vector<std::unique_ptr<Station>>;
    Stations make_stations(const FanOutConfig& config);

    const bool hugepages_;
    std::vector<std::unique_ptr<StationPorts>> ports_;      // by worker
    std::vector<std::unique_ptr<HandOffQueue>> hand_offs_;  // from * workers + to; nothing passes
};

}  // namespace mdd::bench
