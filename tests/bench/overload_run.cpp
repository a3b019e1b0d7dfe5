// Loads and their outcomes: see overload_run.h.
#include "tests/bench/overload_run.h"

#include <rte_cycles.h>

#include <algorithm>

namespace mdd::bench {
namespace {

// Beyond what any core forwards.
constexpr double kTooMuch_pps = 1e7;
constexpr double kWidth = 0.01;

// What was due, and what of it got through.
struct Passed {
    double due = 0, got = 0;

    void add(const Passed& other) {
        due += other.due;
        got += other.got;
    }
    double share() const { return due == 0 ? 1 : std::min(1.0, got / due); }
};

double jain(const std::vector<Passed>& conferences) {
    double sum = 0, squares = 0, count = 0;
    for (const auto& passed : conferences) {
        if (passed.due == 0) continue;
        sum += passed.share();
        squares += passed.share() * passed.share();
        ++count;
    }
    return squares == 0 ? 0 : sum * sum / (count * squares);
}

}  // namespace

OverloadRun::OverloadRun(ForwardLab& lab, const FanOutConfig& setting)
    : fan_out_(setting, lab.in().port(), lab.out().port(), lab.copies()),
      in_(lab.in()),
      feed_(fan_out_, lab.in()),
      departures_(fan_out_, lab.out().port()) {
    ColdFeed(fan_out_, lab.in()).open_streams();
}

std::uint64_t OverloadRun::shed() const {
    const auto& drops = fan_out_.worker().counters().drops;
    return drops[static_cast<std::size_t>(srtp::Verdict::shed)].read();
}

template <typename Round>
void OverloadRun::feed(const Load& load, double seconds, Round round) {
    feed_.start(load);
    const auto end =
        rte_rdtsc() + static_cast<std::uint64_t>(seconds * static_cast<double>(rte_get_tsc_hz()));
    while (rte_rdtsc() < end) round();
    feed_.stop();
    while (fan_out_.worker().poll_once()) {
    }
}

Outcome OverloadRun::carry(const Load& load, double seconds) {
    departures_.clear();
    const auto shed_before = shed();
    feed(load, seconds, [this] { fan_out_.worker().poll_once(); });
    auto outcome = judge(load.greedy_times > 1, seconds);
    outcome.lost = feed_.refused() + shed() - shed_before;
    return outcome;
}

Outcome OverloadRun::judge(bool has_greedy, double seconds) {
    Passed audio, video, greedy, all;
    std::vector<Passed> conferences(fan_out_.config().conferences());
    const auto& senders = fan_out_.senders();
    for (std::size_t i = 0; i < senders.size(); ++i) {
        const Passed passed{static_cast<double>(feed_.due()[i]),
                            static_cast<double>(departures_.of(senders[i]))};
        const auto conference = senders[i].conference;
        all.add(passed);
        if (has_greedy && conference == OpenFeed::kGreedy) {
            greedy.add(passed);
            continue;
        }
        conferences[conference].add(passed);
        (senders[i].payload_type == FanOut::kAudioType ? audio : video).add(passed);
    }
    return {.offered_pps = feed_.pps(),
            .forwarded_pps = all.got / seconds,
            .audio_lost = 1 - audio.share(),
            .video_lost = 1 - video.share(),
            .greedy_lost = 1 - greedy.share(),
            .jain = jain(conferences)};
}

double OverloadRun::cycles_per_packet(const Load& load, double seconds) {
    auto& worker = fan_out_.worker();
    const auto before = worker.counters().received.read();
    std::uint64_t cycles = 0, received = 0;
    feed(load, seconds, [&] {
        if (in_.waiting(0) < kDefaultBurst) return;
        const auto start = rte_rdtsc();
        worker.poll_once();
        cycles += rte_rdtsc() - start;
        received = worker.counters().received.read() - before;
    });
    return received == 0 ? 0 : static_cast<double>(cycles) / static_cast<double>(received);
}

double OverloadRun::no_drop_rate(double seconds) {
    // So short that no sender loses 2^15 packets in a row, after which a receiver cannot tell its
    // index (RFC 3711 §3.3.1) and nothing of it would pass any more.
    constexpr double kFloodSeconds = 0.05;
    double lower = 0, upper = 1.2 * carry({.pps = kTooMuch_pps}, kFloodSeconds).forwarded_pps;
    for (double next = upper * 0.75; upper - lower > upper * kWidth; next = (lower + upper) / 2) {
        const auto outcome = carry({.pps = next}, seconds);
        (outcome.lost == 0 ? lower : upper) = next;
    }
    return lower;
}

}  // namespace mdd::bench
