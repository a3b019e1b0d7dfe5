// Sums and their two texts.
#include "controlplane/totals.h"

#include <fmt/format.h>
#include <fmt/ostream.h>

#include <nlohmann/json.hpp>
#include <ostream>

namespace mdd::control {
namespace {

void add(Totals& totals, const Counters& counters) {
    totals.received += counters.received.read();
    totals.consumed += counters.consumed.read();
    totals.planned += counters.planned.read();
    totals.originated += counters.originated.read();
    totals.sent += counters.sent.read();
    for (std::size_t i = 0; i < totals.drops.size(); ++i)
        totals.drops[i] += counters.drops[i].read();
    totals.rtp_received += counters.rtp_received.read();
    totals.rtp_sent += counters.rtp_sent.read();
    totals.rtcp_received += counters.rtcp_received.read();
    totals.rtcp_sent += counters.rtcp_sent.read();
    totals.rtcp_parts_held += counters.rtcp_parts_held.read();
}

std::uint64_t dropped_where(const Totals& totals, bool on_leg) {
    std::uint64_t count = 0;
    for (std::size_t i = 0; i < totals.drops.size(); ++i)
        if (srtp::kVerdictTexts[i].on_leg == on_leg) count += totals.drops[i];
    return count;
}

nlohmann::json drops_json(const Totals& totals, bool on_leg) {
    auto json = nlohmann::json::object();
    for (std::size_t i = 0; i < totals.drops.size(); ++i) {
        const auto& text = srtp::kVerdictTexts[i];
        if (text.on_leg == on_leg && totals.drops[i] != 0)
            json[std::string(text.name)] = totals.drops[i];
    }
    return json;
}

nlohmann::json refusals_json(const Statistics& statistics) {
    auto json = nlohmann::json::object();
    for (std::size_t i = 0; i < statistics.key_refusals.size(); ++i)
        if (statistics.key_refusals[i] != 0)
            json[std::string(text_of(static_cast<KeyRefusal>(i)).name)] =
                statistics.key_refusals[i];
    return json;
}

nlohmann::json tunnels_json(const Totals& totals) {
    auto json = nlohmann::json::array();
    for (const auto& report : totals.tunnels) {
        const auto& counters = report.counters;
        json.push_back({{"kmf", report.kmf},
                        {"protocol", tunnel::to_string(report.protocol)},
                        {"up", report.up()},
                        {"tunnels", report.tunnels},
                        {"tunnels_up", report.tunnels_up},
                        {"attempts", counters.attempts},
                        {"reconnects", report.reconnects},
                        {"disconnects_sent", report.disconnects_sent},
                        {"disconnects_received", report.disconnects_received},
                        {"messages_in", counters.session.messages_in},
                        {"messages_out", counters.session.messages_out},
                        {"refused", counters.session.refused_total()},
                        {"oversize", counters.session.oversize},
                        {"queue_full", counters.session.queue_full},
                        {"not_up", counters.not_up}});
    }
    return json;
}

nlohmann::json hellos_json(const Statistics& statistics) {
    auto json = nlohmann::json::object();
    for (std::size_t i = 0; i < statistics.hellos.size(); ++i)
        json[std::string(Admission::to_string(static_cast<Admission::Ruling>(i)))] =
            statistics.hellos[i];
    return json;
}

nlohmann::json workers_json(const Totals& totals) {
    auto json = nlohmann::json::array();
    for (const auto& load : totals.workers)
        json.push_back({{"busy_cycles", load.busy_cycles},
                        {"idle_cycles", load.idle_cycles},
                        {"busy_ratio", load.busy_ratio()},
                        {"received", load.received},
                        {"handed_over", load.handed_over},
                        {"forwarded", load.forwarded}});
    return json;
}

nlohmann::json kmf_to_endpoint_json(const Statistics& statistics) {
    return {{"passed", statistics.down_passed},
            {"empty", statistics.down_empty},
            {"not_dtls", statistics.down_not_dtls},
            {"too_long", statistics.down_too_long},
            {"rate", statistics.down_rate},
            {"amplification", statistics.down_amplification},
            {"no_buffer", statistics.down_no_buffer},
            {"barred", statistics.down_barred},
            {"ended_association", statistics.ended_association},
            {"unknown_association", statistics.unknown_association},
            {"foreign_association", statistics.foreign_association},
            {"wrong_conference", statistics.wrong_conference}};
}

}  // namespace

double WorkerLoad::busy_ratio() const {
    const auto all = busy_cycles + idle_cycles;
    return all == 0 ? 0 : static_cast<double>(busy_cycles) / static_cast<double>(all);
}

std::uint64_t Totals::dropped() const {
    return dropped_where(*this, /*on_leg=*/false);
}

std::uint64_t Totals::leg_dropped() const {
    return dropped_where(*this, /*on_leg=*/true);
}

bool Totals::conserves() const {
    return received == consumed + dropped() && planned + originated == sent + leg_dropped();
}

Totals sum(std::span<const Counters* const> workers, const Counters& control) {
    Totals totals;
    for (const auto* counters : workers) {
        add(totals, *counters);
        totals.workers.push_back({.busy_cycles = counters->busy_cycles.read(),
                                  .idle_cycles = counters->idle_cycles.read(),
                                  .received = counters->received.read(),
                                  .handed_over = counters->handed_over.read(),
                                  .forwarded = counters->rtp_sent.read()});
    }
    add(totals, control);
    return totals;
}

void print(std::ostream& out, const Totals& totals) {
    const auto line = [&out](std::string_view name, std::uint64_t value) {
        fmt::print(out, "  {:<28}{:>14}\n", name, value);
    };
    fmt::print(out, "mdd {} ran for {:.1f} s\n", MDD_VERSION, totals.seconds);
    line("received", totals.received);
    line("  consumed", totals.consumed);
    line("  dropped", totals.dropped());
    line("legs planned", totals.planned);
    line("packets of our own", totals.originated);
    line("  sent", totals.sent);
    line("  dropped on a leg", totals.leg_dropped());
    fmt::print(out, "  {:<28}{:>14}\n", "conservation", totals.conserves() ? "holds" : "BROKEN");
    line("RTP verified", totals.rtp_received);
    line("RTP forwarded", totals.rtp_sent);
    line("RTCP verified", totals.rtcp_received);
    line("RTCP forwarded", totals.rtcp_sent);
    line("endpoints keyed", totals.statistics.handshakes);
    line("re-keys", totals.statistics.rekeys);
    for (std::size_t i = 0; i < totals.drops.size(); ++i)
        if (totals.drops[i] != 0)
            fmt::print(out, "  drop {:<23}{:>14}  {}\n", srtp::kVerdictTexts[i].name,
                       totals.drops[i], srtp::kVerdictTexts[i].help);
    for (const auto& report : totals.tunnels)
        fmt::print(out, "  tunnel {:<21}{:>14}\n", report.kmf, report.up() ? "up" : "down");
    for (std::size_t i = 0; i < totals.workers.size(); ++i)
        fmt::print(out, "  worker {:<21}{:>13.1f}% busy\n", i,
                   100 * totals.workers[i].busy_ratio());
}

std::string to_json(const Totals& totals) {
    const auto& statistics = totals.statistics;
    const nlohmann::json json = {
        {"mdd_version", MDD_VERSION},
        {"seconds", totals.seconds},
        {"received", totals.received},
        {"consumed", totals.consumed},
        {"dropped", totals.dropped()},
        {"drops", drops_json(totals, /*on_leg=*/false)},
        {"legs_planned", totals.planned},
        {"originated", totals.originated},
        {"sent", totals.sent},
        {"leg_dropped", totals.leg_dropped()},
        {"leg_drops", drops_json(totals, /*on_leg=*/true)},
        {"conservation", totals.conserves()},
        {"rtp", {{"received", totals.rtp_received}, {"forwarded", totals.rtp_sent}}},
        {"rtcp",
         {{"received", totals.rtcp_received},
          {"forwarded", totals.rtcp_sent},
          {"parts_held", totals.rtcp_parts_held}}},
        {"handshakes", statistics.handshakes},
        {"handshakes_expired", statistics.expired},
        {"hellos", hellos_json(statistics)},
        {"failovers", statistics.failovers},
        {"moves", statistics.moves},
        {"put_out", statistics.put_out},
        {"rekeys", statistics.rekeys},
        {"restarts", statistics.restarts},
        {"departures", statistics.departures},
        {"keys_repeated", statistics.keys_repeated},
        {"key_refusals", refusals_json(statistics)},
        {"ssrcs", {{"granted", statistics.ssrcs_granted}, {"refused", statistics.ssrcs_refused}}},
        {"kmf_to_endpoint", kmf_to_endpoint_json(statistics)},
        {"tunnels", tunnels_json(totals)},
        {"workers", workers_json(totals)}};
    return json.dump(2);
}

}  // namespace mdd::control
