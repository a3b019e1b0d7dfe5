// Devices with a known capacity, to search on: no packets, only counts, and noise from a fixed
// seed.
#pragma once

#include <algorithm>
#include <cmath>
#include <functional>
#include <set>

#include "tools/mdd-load/search.h"

namespace mdd::load::test {

// What `carried(pps, second)` packets of each second's `pps` come through.
using Carried = std::function<double(double pps, unsigned second)>;

class SimulatedDevice {
  public:
    explicit SimulatedDevice(Carried carried, double generator_pps = 1e12)
        : carried_(std::move(carried)), generator_pps_(generator_pps) {}

    TrialResult trial(double pps, double seconds) {
        const bool hiccup = hiccups_.contains(++trials_);
        TrialResult result;
        result.offered_pps = std::min(pps, generator_pps_);
        result.seconds = seconds;
        result.generator_limited = hiccup || pps > generator_pps_;
        result.interrupted = trials_ == interrupted_;
        for (unsigned second = 0; second < seconds; ++second) {
            const double share = std::min(1.0, seconds - second);
            const auto due = static_cast<std::uint64_t>(std::llround(result.offered_pps * share));
            const double through =
                std::clamp(carried_(result.offered_pps, second), 0.0, result.offered_pps);
            const auto came = static_cast<std::uint64_t>(std::floor(through * share + 0.5));
            result.audio.sent += due;
            result.audio.expected += due;
            result.audio.received += std::min(came, due);
        }
        result.audio.lost = result.audio.expected - result.audio.received;
        seconds_ += seconds;
        return result;
    }

    Trial as_trial() {
        return [this](double pps, double seconds) { return trial(pps, seconds); };
    }
    // The generator falls behind in the trials with these numbers, from 1.
    void hiccup_in(std::set<unsigned> trials) { hiccups_ = std::move(trials); }
    // The trial with this number, from 1, and what it found, is one that was cut short.
    void interrupt(unsigned trial) { interrupted_ = trial; }

    unsigned trials() const { return trials_; }
    double seconds() const { return seconds_; }

  private:
    Carried carried_;
    double generator_pps_;
    std::set<unsigned> hiccups_;
    unsigned trials_ = 0, interrupted_ = 0;
    double seconds_ = 0;
};

}  // namespace mdd::load::test
