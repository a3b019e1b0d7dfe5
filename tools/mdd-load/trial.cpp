// Phases.
#include "tools/mdd-load/trial.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

namespace mdd::load {
namespace {

constexpr double kLinkPatience_seconds = 30;
constexpr double kJoinPatience_seconds = 10;
constexpr double kAskAgain_seconds = 0.5;
constexpr double kWarmUpRate_pps = 20'000;
constexpr double kWarmUpPatience_seconds = 10;
constexpr double kProof_seconds = 0.2;  // for mdd's control to act on a proof
// Where there is nothing to do and nothing is measured, others may have the core: on small machines
// mdd's control shares it.
constexpr unsigned kRest_us = 20;
// RFC 2544 §23 waits two seconds for what is under way; mdd's queues are empty long before.
constexpr double kQuiet_seconds = 1, kLongestWait_seconds = 3;
// More of a trial than this behind schedule, and it was another trial than was asked for.
constexpr double kMostSlipped = 0.01;
// For longer than that with a queue that does not get empty, and what it lost was our doing. A core
// that is taken away for a moment now and then stays below.
constexpr double kMostBacklog = 0.25;

class Clock {
  public:
    explicit Clock(const PollLoop& loop)
        : per_second_(static_cast<double>(loop.ticks_per_second())), start_(PollLoop::now()) {}
    double seconds() const { return static_cast<double>(PollLoop::now() - start_) / per_second_; }
    void restart() { start_ = PollLoop::now(); }

  private:
    double per_second_;
    Tsc start_;
};

void round(PollLoop& loop, Gauges& gauges) {
    if (!loop.round()) usleep(kRest_us);
    if (gauges.stop.load(std::memory_order_relaxed)) throw Stopped();
}

// Until nothing is missing any more, or nothing has come for a while.
template <class IsMissing>
void wait_for_stragglers(PollLoop& loop, IsMissing is_missing) {
    const Clock since_begin(loop);
    Clock quiet(loop);
    while (is_missing() && quiet.seconds() < kQuiet_seconds &&
           since_begin.seconds() < kLongestWait_seconds)
        if (loop.round())
            quiet.restart();
        else
            usleep(kRest_us);
}

std::uint64_t received_media(const Verifier& verifier) {
    return verifier.tally().audio.received + verifier.tally().video.received;
}

// As endpoints do before their first datagram: so mdd knows where its answers go.
void announce_addresses(PollLoop& loop, Gauges& gauges) {
    constexpr double kPerSecond = 5000;
    const auto interval =
        static_cast<Tsc>(static_cast<double>(loop.ticks_per_second()) / kPerSecond);
    const auto& plan = loop.world().plan();
    net::Be32 last{};
    for (EndpointIndex endpoint = 0; endpoint < plan.endpoints(); ++endpoint) {
        const auto ip = plan.address_of(endpoint).ip;
        if (ip == std::exchange(last, ip)) continue;
        const auto next = PollLoop::now() + interval;
        loop.ask_for_next_hop(ip);
        while (PollLoop::now() < next) round(loop, gauges);
    }
}

// mdd may know these endpoints from a run before. What they send first under their new keys proves
// that they have started over, so that what is sent to them starts over too.
void report_once(PollLoop& loop, Gauges& gauges) {
    const auto interval =
        static_cast<Tsc>(static_cast<double>(loop.ticks_per_second()) / kWarmUpRate_pps);
    for (EndpointIndex endpoint = 0; endpoint < loop.world().plan().endpoints(); ++endpoint) {
        const auto next = PollLoop::now() + interval;
        loop.send_report(endpoint);
        while (PollLoop::now() < next) round(loop, gauges);
    }
    const Clock waited(loop);
    while (waited.seconds() < kProof_seconds) round(loop, gauges);
}

}  // namespace

void find_mdd(PollLoop& loop, Gauges& gauges) {
    const Clock waited(loop);
    Clock asked(loop);
    bool ask = true;
    while (!loop.next_hop()) {
        if (waited.seconds() > kLinkPatience_seconds)
            throw PhaseError(fmt::format(
                "Nobody answers ARP for mdd's address within {:.0f} s; is the other end of the "
                "port up, and mdd.address right?",
                kLinkPatience_seconds));
        if (ask || asked.seconds() > kAskAgain_seconds) {
            loop.ask_for_next_hop(loop.world().plan().address_of(0).ip);
            asked.restart();
            ask = false;
        }
        round(loop, gauges);
    }
    loop.use_next_hop();
}

void join_all(PollLoop& loop, Gauges& gauges) {
    announce_addresses(loop, gauges);
    loop.joins().start(PollLoop::now());
    Clock last_news(loop);
    std::uint32_t present = 0;
    while (!loop.joins().all_present()) {
        round(loop, gauges);
        if (loop.joins().present() != present) last_news.restart();
        present = loop.joins().present();
        gauges.present = present;
        if (last_news.seconds() > kJoinPatience_seconds)
            throw PhaseError(fmt::format(
                "{} of {} endpoints have keys, and no other one got any for {:.0f} s ({} hellos, "
                "{} repeated). Is mdd's tunnel up, does its configuration have these conferences, "
                "and do its [limits] allow joins.per_second?",
                present, loop.world().plan().endpoints(), kJoinPatience_seconds,
                loop.joins().counts().hellos, loop.joins().counts().repeats));
    }
}

void warm_up(PollLoop& loop, Gauges& gauges) {
    if (loop.world().scenario().rtcp.interval.count() > 0) report_once(loop, gauges);
    auto& world = loop.world();
    const auto& plan = world.plan();
    std::vector<StreamIndex> streams;
    for (EndpointIndex endpoint = 0; endpoint < plan.endpoints(); ++endpoint)
        for (const auto kind : {MediaKind::audio, MediaKind::video})
            if (const auto stream = plan.stream_of(endpoint, kind)) streams.push_back(*stream);
    const auto wanted = std::uint64_t{streams.size()} * (plan.members() - 1);
    const auto interval =
        static_cast<Tsc>(static_cast<double>(loop.ticks_per_second()) / kWarmUpRate_pps);
    Clock last_news(loop);
    std::uint64_t heard = 0;
    while (heard < wanted && last_news.seconds() < kWarmUpPatience_seconds) {
        for (const auto stream : streams) {
            const auto next = PollLoop::now() + interval;
            loop.send_one(stream);
            while (PollLoop::now() < next) round(loop, gauges);
        }
        wait_for_stragglers(loop, [&] { return loop.verifier().legs_heard() < wanted; });
        const auto before = std::exchange(heard, loop.verifier().legs_heard());
        if (heard != before) last_news.restart();
        gauges.legs_heard = heard;
    }
    if (heard < wanted)
        throw PhaseError(fmt::format(
            "{} of {} legs stay silent: mdd does not forward there. Its drop counters say why.",
            wanted - heard, wanted));
}

double fairness(std::span<const std::uint64_t> shares) {
    double sum = 0, squares = 0;
    for (const auto share : shares) {
        sum += static_cast<double>(share);
        squares += static_cast<double>(share) * static_cast<double>(share);
    }
    return squares == 0 ? 1 : sum * sum / (static_cast<double>(shares.size()) * squares);
}

TrialResult run_trial(PollLoop& loop, Gauges& gauges, double packets_per_second, double seconds,
                      TrialNotes& notes) {
    gauges.sent = gauges.received = 0;
    const auto ticks = static_cast<double>(loop.ticks_per_second());
    const auto& verifier = loop.verifier();
    loop.reset_counts(PollLoop::now());
    loop.joins().begin_unrest(PollLoop::now());
    loop.report(true);
    loop.set_hostile(true);
    const auto missed_before = loop.missed();
    const Clock trial(loop);
    loop.start_sending(packets_per_second, PollLoop::now());
    TrialResult result;
    for (double spent = 0; spent < seconds; spent = trial.seconds()) {
        if (gauges.stop) {
            result.interrupted = true;
            break;
        }
        for (int i = 0; i < 64; ++i) loop.round();
        gauges.sent = loop.sent().due;
        gauges.received = received_media(verifier);
        gauges.present = loop.joins().present();
    }
    result.seconds = trial.seconds();
    notes.slipped_seconds = static_cast<double>(loop.pacer()->slipped()) / ticks;
    const auto core_time = loop.core_time();
    loop.stop_sending();
    loop.report(false);
    loop.set_hostile(false);
    loop.joins().end_unrest();
    const auto& sent = loop.sent();
    const auto is_missing = [](const KindCount& out, const KindCount& back) {
        return back.received < out.expected;
    };
    wait_for_stragglers(loop, [&] {
        const auto& tally = verifier.tally();
        return is_missing(sent.audio, tally.audio) || is_missing(sent.video, tally.video) ||
               is_missing(sent.rtcp, tally.rtcp);
    });
    const auto& tally = verifier.tally();
    const auto joined = [](const KindCount& out, const KindCount& back) {
        KindCount count = back;
        count.sent = out.sent;
        count.expected = out.expected;
        count.lost = out.expected - std::min(out.expected, back.received);
        return count;
    };
    result.audio = joined(sent.audio, tally.audio);
    result.video = joined(sent.video, tally.video);
    result.rtcp = joined(sent.rtcp, tally.rtcp);
    result.rtcp.unknown += tally.astray;
    result.refused_by_port = sent.refused;
    result.offered_pps = static_cast<double>(sent.due) / result.seconds;
    result.busiest_share = core_time.all == 0 ? 0
                                              : static_cast<double>(core_time.busy) /
                                                    static_cast<double>(core_time.all);
    result.latency = tally.latency;
    notes.longest_gap_seconds = static_cast<double>(core_time.longest_gap) / ticks;
    notes.missed = loop.missed() - missed_before;
    notes.backlog_share = static_cast<double>(core_time.behind) /
                          static_cast<double>(std::max<Tsc>(core_time.all, 1));
    result.generator_limited = notes.slipped_seconds > kMostSlipped * result.seconds ||
                               notes.missed > 0 || notes.backlog_share > kMostBacklog;
    notes.junk_pps = static_cast<double>(sent.junk) / result.seconds;
    const auto greedy = loop.world().scenario().greedy.conferences;
    notes.fairness = fairness(std::span(tally.by_conference).subspan(greedy));
    return result;
}

}  // namespace mdd::load
