// Results as rows of JSON, like those of every benchmark here, and as text. Measures nothing.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "tools/mdd-load/search.h"

namespace mdd::load {

// What was set, and where. What does not apply, or differs between streams, is null in the rows.
struct RowSettings {
    std::string scenario;
    std::uint64_t seed = 0;
    std::optional<std::size_t> size_bytes = {};  // of RTP payload that the outer layer seals
    std::optional<unsigned> receivers = {};      // of each packet
    std::optional<unsigned> group = {};          // packets of one sender that are due together
    std::size_t keys = 0;                        // of receivers
    unsigned aes_bits = 128;
    std::optional<unsigned> workers = {};  // of the device
    std::string cpu, commit;
};

// What was found when the search was over, at a share of the first goal's rate.
struct LatencyTrial {
    double share = 0;  // above 0, to 1
    double asked_pps = 0;
    TrialResult result;
};

// Rates are packets per second into the device, mpps_out millions per second that came back whole.
// Latencies are microseconds in "latency_us", null without samples.
nlohmann::ordered_json run_row(const RowSettings& settings, double asked_pps,
                               const TrialResult& result);

// One row for each goal, with what the trial at lower_pps found ("load_search"), and one for each
// trial ("load_trial"), which says how the search went. What was ended before its time is
// "interrupted". The first goal's row has "latency_trials", if there are any.
std::vector<nlohmann::ordered_json> search_rows(const RowSettings& settings,
                                                const std::vector<Found>& found,
                                                const std::vector<TrialNote>& trials,
                                                const std::vector<LatencyTrial>& latency_trials);

// Lines for a terminal; sentences where a figure needs one.
std::string run_text(const TrialResult& result);
std::string search_text(const std::vector<Found>& found,
                        const std::vector<LatencyTrial>& latency_trials);

}  // namespace mdd::load
