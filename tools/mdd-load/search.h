// The highest rate that a device carries within a loss ratio, for several loss ratios at once, in
// the manner of MLRsearch (draft-ietf-bmwg-mlrsearch). Knows no device: it is told how to run a
// trial.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "tools/mdd-load/trial_result.h"

namespace mdd::load {

// A rate is within a goal when, of at least `final_trials` trials of full length at that rate, no
// more than `exceed_ratio` of them lose more than `loss_ratio`.
struct Goal {
    double loss_ratio = 0;      // 0 to below 1; 0 is the no-drop rate
    double final_seconds = 60;  // a trial of full length
    double exceed_ratio = 0;    // 0 to below 1
    unsigned final_trials = 1;  // at most 1000
};

struct SearchSettings {
    std::vector<Goal> goals{Goal{}};
    double lowest_pps = 1000;
    double highest_pps = 0;    // what the port or the generator may do at most
    double width = 0.005;      // of what is found, relative to its upper bound
    double first_seconds = 1;  // shortest trials, which only point the way
    unsigned most_full_trials =
        24;  // for each goal and final trial; only contradictions need that many
};

// One trial that was run, in order.
struct TrialNote {
    double pps = 0;  // this and seconds: as asked for
    double seconds = 0;
    double offered_pps = 0;
    bool full_length = false;
    double loss_ratio = 0;
    bool generator_limited = false;
    std::uint64_t p50_ns = 0, p99_ns = 0, p999_ns = 0, max_ns = 0;
};

// Both bounds were tried at full length, but for one where the generator ended.
struct Found {
    Goal goal;
    double lower_pps = 0;  // the highest rate within the goal; 0 when there is none
    double upper_pps = 0;  // the lowest rate beyond it, or the highest that was allowed
    std::optional<TrialResult> at_lower = {};  // the last full trial there that met the loss ratio
    unsigned full_trials = 0;                  // at lower_pps, that decided it
    bool at_max = false;             // highest_pps is within the goal: the device may do more
    bool none = false;               // not even lowest_pps is within the goal
    bool generator_limited = false;  // the device may do more than lower_pps, the generator cannot
    bool settled = false;      // false: trials contradicted each other until the most were run, or:
    bool interrupted = false;  // the search was, perhaps before a bound was tried at full length
};

using Trial = std::function<TrialResult(double pps, double seconds)>;
using Progress = std::function<void(const TrialNote&)>;  // after each trial; may be empty

// Throws std::invalid_argument with a sentence when the settings make no sense.
void check(const SearchSettings& settings);

// In the order of the goals. Trials that the generator limited are run once more and then say only
// that the generator ends there. A trial that was interrupted counts for nothing and ends the
// search. Throws as check() does; what `trial` throws passes through.
std::vector<Found> search(const SearchSettings& settings, const Trial& trial,
                          const Progress& progress);

}  // namespace mdd::load
