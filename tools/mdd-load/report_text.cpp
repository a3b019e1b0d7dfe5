// Results to lines and sentences for a terminal.
#include <cmath>
#include <string_view>

#include <fmt/format.h>

#include "tools/mdd-load/report.h"

namespace mdd::load {
namespace {

// With a comma between thousands, whatever the locale.
std::string grouped(std::uint64_t value) {
    if (value < 1000) return fmt::format("{}", value);
    return fmt::format("{},{:03}", grouped(value / 1000), value % 1000);
}

std::string rate(double pps) {
    return grouped(static_cast<std::uint64_t>(std::llround(pps)));
}

std::string us(std::uint64_t ns) {
    return fmt::format("{:.1f}", static_cast<double>(ns) / 1000);
}

std::string latency_line(const LatencyHistogram& latency) {
    if (latency.count() == 0) return "latency    no packet came back\n";
    return fmt::format("latency    p50 {} us, p99 {} us, p99.9 {} us, max {} us\n",
                       us(latency.p50_ns()), us(latency.p99_ns()), us(latency.p999_ns()),
                       us(latency.max_ns()));
}

constexpr std::string_view kKindColumns =
    "{:<6}{:>16}{:>16}{:>16}{:>12}{:>11}{:>11}{:>9}{:>11}{:>9}\n";

std::string kind_line(std::string_view name, const KindCount& kind) {
    if (kind.sent == 0 && kind.expected == 0 && kind.received == 0 && kind.damaged() == 0)
        return "";
    return fmt::format(kKindColumns, name, grouped(kind.sent), grouped(kind.expected),
                       grouped(kind.received), grouped(kind.lost), grouped(kind.reordered),
                       grouped(kind.duplicated), grouped(kind.bad_tag), grouped(kind.bad_inner),
                       grouped(kind.unknown));
}

std::string run_sentences(const TrialResult& result) {
    std::string text;
    if (result.interrupted) text += "Interrupted: these figures are of the time until then.\n";
    if (result.generator_limited)
        text +=
            "The generator ran behind its schedule: these figures say nothing about the device.\n";
    if (result.refused_by_port > 0)
        text += fmt::format("Our port did not take {} packets that were due; they count as lost.\n",
                            grouped(result.refused_by_port));
    if (const auto damaged = result.total().damaged(); damaged > 0)
        text += fmt::format("{} packets came back that are not what was sent.\n", grouped(damaged));
    return text;
}

std::string goal_name(const Goal& goal) {
    return goal.loss_ratio == 0 ? "no loss" : fmt::format("{:.4g} % lost", goal.loss_ratio * 100);
}

constexpr std::string_view kGoalColumns = "{:<14}{:>14}{:>14}{:>16}{:>10}{:>10}{:>10}{:>10}\n";

std::string goal_line(const Found& found) {
    const auto& at = found.at_lower;
    if (!at)
        return fmt::format(kGoalColumns, goal_name(found.goal), "-", rate(found.upper_pps), "-",
                           "-", "-", "-", "-");
    return fmt::format(kGoalColumns, goal_name(found.goal), rate(found.lower_pps),
                       rate(found.upper_pps), rate(at->received_pps()), us(at->latency.p50_ns()),
                       us(at->latency.p99_ns()), us(at->latency.p999_ns()),
                       us(at->latency.max_ns()));
}

std::string goal_sentences(const Found& found) {
    std::string text;
    const auto say = [&](std::string_view what) {
        text += fmt::format("{}: {}\n", goal_name(found.goal), what);
    };
    if (found.at_max) say("that is the highest rate that was allowed; the device may do more.");
    if (found.generator_limited) say("the generator ends there; the device may do more.");
    if (found.none)
        say(fmt::format("not even {} packets/s, the lowest rate that was allowed.",
                        rate(found.upper_pps)));
    if (found.interrupted)
        say("the search was interrupted, so the bounds are not firm.");
    else if (!found.settled)
        say("the trials contradicted each other to the end, so the bounds are not firm.");
    if (found.at_lower)
        if (const auto damaged = found.at_lower->total().damaged(); damaged > 0)
            say(fmt::format("{} packets came back that are not what was sent.", grouped(damaged)));
    return text;
}

}  // namespace

std::string run_text(const TrialResult& result) {
    const auto total = result.total();
    auto text = fmt::format(
        "offered    {} packets/s into the device for {:.1f} s; the busiest core was busy {:.0f} %\n"
        "came back  {} packets/s\n"
        "lost       {} of {} packets, {:.3g} %\n",
        rate(result.offered_pps), result.seconds, result.busiest_share * 100,
        rate(result.received_pps()), grouped(total.lost), grouped(total.expected),
        result.loss_ratio() * 100);
    text += latency_line(result.latency);
    text += fmt::format(kKindColumns, "", "sent", "expected", "received", "lost", "reordered",
                        "duplicated", "bad tag", "bad inner", "unknown");
    text += kind_line("audio", result.audio);
    text += kind_line("video", result.video);
    text += kind_line("rtcp", result.rtcp);
    return text + run_sentences(result);
}

std::string search_text(const std::vector<Found>& found,
                        const std::vector<LatencyTrial>& latency_trials) {
    auto text = fmt::format(kGoalColumns, "within", "packets/s in", "exceeded at", "packets/s back",
                            "p50 us", "p99 us", "p99.9 us", "max us");
    for (const auto& one : found) text += goal_line(one);
    for (const auto& one : found) text += goal_sentences(one);
    for (const auto& [share, asked_pps, result] : latency_trials)
        text +=
            fmt::format("at {:.4g} % of the first: {} packets/s for {:.1f} s, {:.3g} % lost\n",
                        share * 100, rate(asked_pps), result.seconds, result.loss_ratio() * 100) +
            latency_line(result.latency) + run_sentences(result);
    return text;
}

}  // namespace mdd::load
