// Rows are the same case when all that was set agrees; figures that were measured are then judged.
#include "tools/mdd-load/compare.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <fstream>
#include <map>
#include <optional>
#include <set>
#include <sstream>
#include <string_view>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace mdd::load {
namespace {

using Json = nlohmann::ordered_json;

// What was set, not measured. Rows that agree in all of these are the same case.
constexpr std::array kSettings{"bench",     "peer",    "scenario", "size_bytes", "receivers",
                               "group",     "keys",    "aes",      "workers",    "goal_loss_ratio",
                               "asked_pps", "dialect", "batch",    "endpoints"};
// How a search went on its way: neither a case nor a result.
constexpr std::string_view kTrialBench = "load_trial";

enum class Better { higher, lower };

struct Figure {
    const char* pointer;  // RFC 6901
    Better better;
    double tolerances;  // a multiple: the further out in the tail, the fewer packets speak
    bool moves_with_clock = false;  // a ratio to the limit is firmer, where both rows have one
};

constexpr std::array kFigures{
    Figure{"/lower_pps", Better::higher, 1},
    Figure{"/ratio_to_limit", Better::higher, 1},
    Figure{"/mpps_out", Better::higher, 1, true},
    Figure{"/cycles_per_packet", Better::lower, 1, true},
    Figure{"/loss_ratio", Better::lower, 1},
    Figure{"/damaged", Better::lower, 1},
    Figure{"/latency_us/p50", Better::lower, 2},
    Figure{"/latency_us/p99", Better::lower, 4},
    Figure{"/latency_us/p999", Better::lower, 8},
    Figure{"/handshakes_per_second", Better::higher, 1},
    Figure{"/sent_per_second", Better::higher, 1},
    Figure{"/received_per_second", Better::higher, 1},
    Figure{"/bytes_per_endpoint", Better::lower, 1},
};

struct Row {
    std::string name;
    Json values;
};

std::string name_of(const Json& row) {
    std::string name = row["bench"].get<std::string>();
    for (const auto* setting : kSettings)
        if (std::string_view(setting) != "bench" && row.contains(setting) &&
            !row[setting].is_null())
            name += fmt::format(
                " {}={}", setting,
                row[setting].is_string() ? row[setting].get<std::string>() : row[setting].dump());
    return name;
}

Json parse(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    if (!file) throw CompareError(fmt::format("{} cannot be opened.", path));
    std::ostringstream text;
    text << file.rdbuf();
    if (text.str().empty()) throw CompareError(fmt::format("{} is empty or no file.", path));
    try {
        return Json::parse(text.str());
    } catch (const Json::parse_error& error) {
        throw CompareError(
            fmt::format("{} is not JSON: it goes wrong at byte {}.", path, error.byte));
    }
}

std::vector<Row> read_rows(const std::string& path) {
    auto list = parse(path);
    if (!list.is_array())
        throw CompareError(fmt::format(
            "{} is not a file of benchmark rows: those are a list, as mdd-load and tools/bench "
            "write it with --json.",
            path));
    std::vector<Row> rows;
    std::set<std::string> names;
    for (std::size_t i = 0; i < list.size(); ++i) {
        auto& row = list[i];
        if (!row.is_object() || !row.contains("bench") || !row["bench"].is_string())
            throw CompareError(
                fmt::format("{}: row {} is none of a benchmark: it has no \"bench\" that names it.",
                            path, i + 1));
        if (row["bench"] == kTrialBench) continue;
        auto name = name_of(row);
        if (!names.insert(name).second)
            throw CompareError(fmt::format(
                "{} has the case \"{}\" twice, so its rows have no single partner.", path, name));
        rows.push_back({std::move(name), std::move(row)});
    }
    if (rows.empty()) throw CompareError(fmt::format("{} has no result in it.", path));
    return rows;
}

std::optional<double> value(const Json& row, const char* pointer) {
    const Json::json_pointer at(pointer);
    if (!row.contains(at) || !row[at].is_number()) return std::nullopt;
    return row[at].get<double>();
}

bool flag(const Json& row, const char* name) {
    return row.contains(name) && row[name].is_boolean() && row[name].get<bool>();
}

std::string text_of(const Json& row, const char* name) {
    return row.contains(name) && row[name].is_string() ? row[name].get<std::string>() : "";
}

Judgement judge(const Figure& figure, double before, double after, double tolerance) {
    const double allowed = tolerance * figure.tolerances;
    const bool more = after > before * (1 + allowed);
    const bool less = after < before * (1 - allowed);
    if (!more && !less) return Judgement::same;
    return more == (figure.better == Better::higher) ? Judgement::better : Judgement::worse;
}

// A generator at its end says what the device does at least, and nothing about how much it lacks.
// What was interrupted says nothing.
bool speaks(const Figure& figure, const Json& before, const Json& after, Judgement judgement) {
    if (figure.moves_with_clock && value(before, "/ratio_to_limit") &&
        value(after, "/ratio_to_limit"))
        return false;
    if (flag(before, "interrupted") || flag(after, "interrupted")) return false;
    const bool old_limited = flag(before, "generator_limited");
    const bool new_limited = flag(after, "generator_limited");
    if (after.contains("lower_pps")) return !(new_limited && judgement == Judgement::worse);
    return !old_limited && !new_limited;
}

std::string figure_name(const Figure& figure) {
    std::string name(figure.pointer + 1);
    std::ranges::replace(name, '/', '.');
    return name;
}

void compare_rows(const Row& before, const Row& after, double tolerance, Comparison& result) {
    for (const auto& figure : kFigures) {
        const auto was = value(before.values, figure.pointer);
        const auto is = value(after.values, figure.pointer);
        if (was && !is)
            result.remarks.push_back(
                fmt::format("{}: {} is missing in the new file.", after.name, figure_name(figure)));
        if (!was || !is) continue;
        auto judgement = judge(figure, *was, *is, tolerance);
        if (judgement != Judgement::same && !speaks(figure, before.values, after.values, judgement))
            judgement = Judgement::not_judged;
        result.changes.push_back({after.name, figure_name(figure), *was, *is, judgement});
    }
    for (const auto& [row, which] : {std::pair{&before, "old"}, std::pair{&after, "new"}}) {
        if (flag(row->values, "generator_limited"))
            result.remarks.push_back(
                fmt::format("{}: the generator was the limit in the {} file.", after.name, which));
        if (flag(row->values, "interrupted"))
            result.remarks.push_back(
                fmt::format("{}: interrupted in the {} file.", after.name, which));
        else if (row->values.contains("settled") && !flag(row->values, "settled"))
            result.remarks.push_back(
                fmt::format("{}: the search was not settled in the {} file.", after.name, which));
    }
}

std::set<std::string> cpus_of(const std::vector<Row>& rows) {
    std::set<std::string> cpus;
    for (const auto& row : rows)
        if (auto cpu = text_of(row.values, "cpu"); !cpu.empty()) cpus.insert(std::move(cpu));
    return cpus;
}

void compare_machines(const std::vector<Row>& before, const std::vector<Row>& after,
                      Comparison& result) {
    const auto old_cpus = cpus_of(before);
    const auto new_cpus = cpus_of(after);
    if (old_cpus != new_cpus)
        result.remarks.push_back(fmt::format(
            "The files were measured on different CPUs ({}; {}): only ratios mean much.",
            fmt::join(old_cpus, ", "), fmt::join(new_cpus, ", ")));
}

// A rate needs all its digits, a ratio three or four.
std::string number(double value) {
    return std::abs(value) >= 1000 ? fmt::format("{:.0f}", value) : fmt::format("{:.4g}", value);
}

std::string change_of(const Change& change) {
    if (change.before == 0) return change.after == 0 ? "" : "from zero";
    return fmt::format("{:+.1f} %", 100 * (change.after / change.before - 1));
}

std::string_view word(Judgement judgement) {
    switch (judgement) {
        case Judgement::worse:
            return "worse";
        case Judgement::better:
            return "better";
        case Judgement::not_judged:
            return "not judged";
        case Judgement::same:
            break;
    }
    return "same";
}

std::size_t count(const Comparison& comparison, Judgement judgement) {
    return static_cast<std::size_t>(
        std::ranges::count(comparison.changes, judgement, &Change::judgement));
}

std::string table(const Comparison& comparison) {
    std::size_t row_width = 0, figure_width = 0;
    for (const auto& change : comparison.changes) {
        if (change.judgement == Judgement::same) continue;
        row_width = std::max(row_width, change.row.size());
        figure_width = std::max(figure_width, change.figure.size());
    }
    std::string text;
    for (const auto judgement : {Judgement::worse, Judgement::better, Judgement::not_judged})
        for (const auto& change : comparison.changes)
            if (change.judgement == judgement)
                text +=
                    fmt::format("{:<10}  {:<{}}  {:<{}}  {:>10} -> {:<10}  {}\n", word(judgement),
                                change.row, row_width, change.figure, figure_width,
                                number(change.before), number(change.after), change_of(change));
    return text;
}

}  // namespace

bool Comparison::regressed() const {
    return count(*this, Judgement::worse) > 0;
}

Comparison compare_files(const std::string& old_path, const std::string& new_path,
                         double tolerance) {
    if (!(tolerance >= 0 && tolerance < 1))
        throw CompareError("The tolerance must be from 0 to below 1; 0.05 is 5 %.");
    const auto before = read_rows(old_path);
    const auto after = read_rows(new_path);
    Comparison result;
    compare_machines(before, after, result);
    std::map<std::string_view, const Row*> partners;
    for (const auto& row : before) partners.emplace(row.name, &row);
    for (const auto& row : after) {
        const auto partner = partners.find(row.name);
        if (partner == partners.end()) {
            result.only_new.push_back(row.name);
            continue;
        }
        compare_rows(*partner->second, row, tolerance, result);
        partners.erase(partner);
    }
    for (const auto& row : before)
        if (partners.contains(row.name)) result.only_old.push_back(row.name);
    if (partners.size() == before.size())
        throw CompareError(fmt::format("{} and {} have no case in common (\"{}\"; \"{}\").",
                                       old_path, new_path, before[0].name, after[0].name));
    return result;
}

std::string to_text(const Comparison& comparison) {
    auto text = table(comparison);
    for (const auto& row : comparison.only_old)
        text += fmt::format("only in the old file: {}\n", row);
    for (const auto& row : comparison.only_new)
        text += fmt::format("only in the new file: {}\n", row);
    for (const auto& remark : comparison.remarks) text += remark + "\n";
    return text +
           fmt::format("{} figures compared: {} worse, {} better, {} the same, {} not judged\n",
                       comparison.changes.size(), count(comparison, Judgement::worse),
                       count(comparison, Judgement::better), count(comparison, Judgement::same),
                       count(comparison, Judgement::not_judged));
}

}  // namespace mdd::load
