// What happened, summed over workers and control: the conservation check, a table for people, and
// JSON. Reads counters; changes nothing.
#pragma once

#include <array>
#include <cstdint>
#include <iosfwd>
#include <span>
#include <string>
#include <vector>

#include "controlplane/statistics.h"
#include "controlplane/tunnels.h"
#include "dataplane/counters.h"

namespace mdd::control {

struct WorkerLoad {
    std::uint64_t busy_cycles = 0;
    std::uint64_t idle_cycles = 0;
    std::uint64_t received = 0;     // frames taken from ports
    std::uint64_t handed_over = 0;  // of those, given to the workers that own their endpoints
    std::uint64_t forwarded = 0;    // copies made and sent, RTP
    // Of all cycles; the one load figure of a polling core.
    double busy_ratio() const;
};

struct Totals {
    double seconds = 0;
    std::uint64_t received = 0, consumed = 0;
    std::uint64_t planned = 0, originated = 0, sent = 0;
    std::array<std::uint64_t, static_cast<std::size_t>(srtp::Verdict::count_)> drops{};
    std::uint64_t rtp_received = 0, rtp_sent = 0;
    std::uint64_t rtcp_received = 0, rtcp_sent = 0, rtcp_parts_held = 0;
    std::vector<WorkerLoad> workers;
    Statistics statistics;
    std::vector<TunnelReport> tunnels;

    std::uint64_t dropped() const;      // on receive
    std::uint64_t leg_dropped() const;  // on a leg
    // Exact once the queues are empty: received = consumed + dropped, and
    // legs planned + originated = sent + dropped on a leg.
    bool conserves() const;
};

// `workers` in the order of WorkerIndex.
Totals sum(std::span<const Counters* const> workers, const Counters& control);

void print(std::ostream& out, const Totals& totals);
std::string to_json(const Totals& totals);

}  // namespace mdd::control
