// Results to rows of JSON.
#include "tools/mdd-load/report.h"

namespace mdd::load {
namespace {

using Json = nlohmann::ordered_json;

template <typename Value>
Json or_null(const std::optional<Value>& value) {
    return value ? Json(*value) : Json(nullptr);
}

// The fields of every benchmark's row, in their order.
Json settings_row(const char* bench, const RowSettings& settings, Json mpps_out) {
    return {{"bench", bench},
            {"scenario", settings.scenario},
            {"seed", settings.seed},
            {"size_bytes", or_null(settings.size_bytes)},
            {"receivers", or_null(settings.receivers)},
            {"group", or_null(settings.group)},
            {"keys", settings.keys},
            {"aes", settings.aes_bits},
            {"workers", or_null(settings.workers)},
            {"mpps_out", std::move(mpps_out)},
            {"cycles_per_packet", nullptr},
            {"limit_cycles_per_packet", nullptr},
            {"ratio_to_limit", nullptr},
            {"peer", nullptr},
            {"ratio_to_peer", nullptr},
            {"cpu", settings.cpu},
            {"commit", settings.commit}};
}

double microseconds(std::uint64_t ns) {
    return static_cast<double>(ns) / 1000;
}

Json latency_report(const LatencyHistogram& latency) {
    if (latency.count() == 0) return nullptr;
    return {{"p50", microseconds(latency.p50_ns())},
            {"p99", microseconds(latency.p99_ns())},
            {"p999", microseconds(latency.p999_ns())},
            {"max", microseconds(latency.max_ns())},
            {"samples", latency.count()}};
}

Json kind_report(const KindCount& kind) {
    return {
        {"sent", kind.sent},       {"expected", kind.expected},   {"received", kind.received},
        {"lost", kind.lost},       {"reordered", kind.reordered}, {"duplicated", kind.duplicated},
        {"bad_tag", kind.bad_tag}, {"bad_inner", kind.bad_inner}, {"unknown", kind.unknown}};
}

// What one trial found; a row of a search has it of the trial at lower_pps.
void add_measured(Json& row, const TrialResult& result) {
    row["offered_pps"] = result.offered_pps;
    row["seconds"] = result.seconds;
    row["refused_by_port"] = result.refused_by_port;
    row["damaged"] = result.total().damaged();
    row["busiest_share"] = result.busiest_share;
    row["latency_us"] = latency_report(result.latency);
    row["kinds"] = {{"audio", kind_report(result.audio)},
                    {"video", kind_report(result.video)},
                    {"rtcp", kind_report(result.rtcp)}};
}

// A trial that was no step of a search.
void add_trial(Json& row, double asked_pps, const TrialResult& result) {
    row["asked_pps"] = asked_pps;
    row["loss_ratio"] = result.loss_ratio();
    row["generator_limited"] = result.generator_limited;
    row["interrupted"] = result.interrupted;
    add_measured(row, result);
}

Json goal_row(const RowSettings& settings, const Found& found, std::size_t trials) {
    auto row = settings_row("load_search", settings,
                            found.at_lower ? Json(found.at_lower->received_pps() / 1e6) : Json());
    row["goal_loss_ratio"] = found.goal.loss_ratio;
    row["goal_seconds"] = found.goal.final_seconds;
    row["goal_trials"] = found.goal.final_trials;
    row["goal_exceed_ratio"] = found.goal.exceed_ratio;
    row["trials"] = trials;
    row["full_trials_at_lower"] = found.full_trials;
    row["lower_pps"] = found.lower_pps;
    row["upper_pps"] = found.upper_pps;
    row["at_max"] = found.at_max;
    row["none"] = found.none;
    row["generator_limited"] = found.generator_limited;
    row["settled"] = found.settled;
    row["interrupted"] = found.interrupted;
    // Within the goal by definition, so no figure to compare.
    row["loss_ratio_at_lower"] = found.at_lower ? Json(found.at_lower->loss_ratio()) : Json();
    if (found.at_lower) add_measured(row, *found.at_lower);
    return row;
}

Json trial_row(const RowSettings& settings, const TrialNote& trial) {
    Json latency = nullptr;
    if (trial.max_ns > 0)
        latency = {{"p50", microseconds(trial.p50_ns)},
                   {"p99", microseconds(trial.p99_ns)},
                   {"p999", microseconds(trial.p999_ns)},
                   {"max", microseconds(trial.max_ns)}};
    return {{"bench", "load_trial"},           {"scenario", settings.scenario},
            {"asked_pps", trial.pps},          {"offered_pps", trial.offered_pps},
            {"seconds", trial.seconds},        {"full_length", trial.full_length},
            {"loss_ratio", trial.loss_ratio},  {"generator_limited", trial.generator_limited},
            {"latency_us", std::move(latency)}};
}

}  // namespace

Json run_row(const RowSettings& settings, double asked_pps, const TrialResult& result) {
    auto row = settings_row("load_run", settings, result.received_pps() / 1e6);
    add_trial(row, asked_pps, result);
    return row;
}

std::vector<Json> search_rows(const RowSettings& settings, const std::vector<Found>& found,
                              const std::vector<TrialNote>& trials,
                              const std::vector<LatencyTrial>& latency_trials) {
    std::vector<Json> rows;
    rows.reserve(found.size() + trials.size());
    for (const auto& one : found) rows.push_back(goal_row(settings, one, trials.size()));
    for (const auto& [share, asked_pps, result] : latency_trials) {
        Json row{{"share", share}};
        add_trial(row, asked_pps, result);
        rows.front()["latency_trials"].push_back(std::move(row));
    }
    for (const auto& trial : trials) rows.push_back(trial_row(settings, trial));
    return rows;
}

}  // namespace mdd::load
