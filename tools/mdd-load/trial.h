// The phases of a run, each made of rounds of the poll loop: find mdd, everybody joins, every leg
// is heard once, trials. On the poll core; says nothing to the user.
#pragma once

#include <atomic>
#include <stdexcept>

#include "tools/mdd-load/poll_loop.h"

namespace mdd::load {

// What a phase shows to others while it lasts, and how they end it.
struct Gauges {
    std::atomic<bool> stop{false};
    std::atomic<std::uint32_t> present{0};
    std::atomic<std::uint64_t> legs_heard{0};
    std::atomic<std::uint64_t> sent{0}, received{0};  // media packets of this phase
};

// A phase that did not come to its end; a sentence.
struct PhaseError : std::runtime_error {
    using std::runtime_error::runtime_error;
};
// Gauges::stop was set.
struct Stopped : PhaseError {
    Stopped() : PhaseError("Stopped before the end.") {}
};

// Waits for the link and learns where mdd is.
void find_mdd(PollLoop& loop, Gauges& gauges);
// Until every endpoint has keys. Throws when for ten seconds no other one got any.
void join_all(PollLoop& loop, Gauges& gauges);
// One packet of every stream to all, up to five times: mdd grants SSRCs at the first. Throws,
// saying how many legs stay silent.
void warm_up(PollLoop& loop, Gauges& gauges);

// What there is to know of a trial besides its result.
struct TrialNotes {
    double slipped_seconds = 0;      // that the schedule was longer than it should be
    double longest_gap_seconds = 0;  // in which nobody looked at the receive queue
    double backlog_share = 0;        // of the time in which more came than was taken at once
    std::uint64_t missed = 0;        // that came to our port and that it could not take
    double junk_pps = 0;             // hostile packets that mdd got besides
    double fairness = 1;             // Jain's index over the conferences that are not greedy
};

// Sends for so long at this rate, waits for stragglers, counts. Does not throw; sends for a shorter
// time when told to stop, which the result says.
TrialResult run_trial(PollLoop& loop, Gauges& gauges, double packets_per_second, double seconds,
                      TrialNotes& notes);

// Jain's fairness index of what these got; 1 where nobody got anything.
double fairness(std::span<const std::uint64_t> shares);

}  // namespace mdd::load
