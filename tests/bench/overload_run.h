// Loads on one worker, one after the other, and what becomes of them.
#pragma once

#include "tests/bench/departures.h"
#include "tests/bench/forward_run.h"
#include "tests/bench/open_feed.h"

namespace mdd::bench {

// Shares are from 0 to 1; of all conferences but the greedy one where nothing else is said.
struct Outcome {
    double offered_pps = 0;    // of all kinds
    double forwarded_pps = 0;  // media packets that went to their receivers, the greedy one's too
    double audio_lost = 0, video_lost = 0, greedy_lost = 0;
    double jain = 0;         // over the shares that conferences got through
    std::uint64_t lost = 0;  // packets, at the port or shed
};

class OverloadRun {
  public:
    // Precondition: `setting` has audio, and sheds.
    OverloadRun(ForwardLab& lab, const FanOutConfig& setting);

    Outcome carry(const Load& load, double seconds);
    // TSC cycles of the worker for a packet of a load, full bursts only.
    double cycles_per_packet(const Load& load, double seconds);
    // The highest rate at which nothing is lost, within a hundredth; from trials of `seconds`.
    double no_drop_rate(double seconds);

  private:
    template <typename Round>
    void feed(const Load& load, double seconds, Round round);
    Outcome judge(bool has_greedy, double seconds);
    std::uint64_t shed() const;

    FanOut fan_out_;
    test::RingPort& in_;
    OpenFeed feed_;
    Departures departures_;
};

}  // namespace mdd::bench
