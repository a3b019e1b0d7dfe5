// Measuring the forwarding loop: see forward_run.h.
#include "tests/bench/forward_run.h"

#include <rte_cycles.h>

#include <algorithm>
#include <stdexcept>

#include "tests/bench/bare_loop.h"
#include "tests/bench/bench_eal.h"
#include "tests/bench/copy_check.h"
#include "tests/bench/limit.h"
#include "tests/bench/median.h"

namespace mdd::bench {
namespace {

constexpr unsigned kMemoryMib = 96;
constexpr unsigned kReceiveBuffers = 4095;

bool start_on_last_cpus() {
    const auto cpus = test::cpus_of_process();
    if (cpus.size() < 2)
        throw std::runtime_error("Two CPUs are needed: one for the worker and one that feeds it.");
    return start_eal("forward_bench", cpus.back(), {cpus[cpus.size() - 2]}, kMemoryMib);
}

// One round of a loop; returns how many packets it has sent.
unsigned round_of(FanOut& fan_out) {
    const auto& sent = fan_out.worker().counters().rtp_sent;
    const auto before = sent.read();
    fan_out.worker().poll_once();
    return static_cast<unsigned>(sent.read() - before);
}
unsigned round_of(BareLoop& bare) {
    return bare.poll_once();
}

void check(const FanOut& fan_out) {
    fan_out.check_drops();
}
void check(const BareLoop& bare) {
    bare.check_losses();
}

// Cycles per packet sent over at least `packets` of them, once every key has been used. Only rounds
// with a whole burst count.
template <typename Loop>
double run_once(Loop& loop, const ColdFeed& feed, const FanOutConfig& setting,
                std::size_t packets) {
    std::uint64_t cycles = 0, sent = 0;
    const auto send = [&](std::uint64_t wanted) {
        for (cycles = sent = 0; sent < wanted;) {
            feed.wait_for(kDefaultBurst);
            const auto start = rte_rdtsc();
            sent += round_of(loop);
            cycles += rte_rdtsc() - start;
        }
    };
    // A group of packets uses the keys of its receivers together.
    send(setting.keys * std::size_t{setting.group});
    send(packets);
    check(loop);
    return static_cast<double>(cycles) / static_cast<double>(sent);
}

// A burst of `loop`, before anything is timed.
template <typename Loop>
void check_copies_of(Loop& loop, ForwardLab& lab, const FanOut& fan_out, ColdFeed& feed) {
    feed.feed_batch();
    check_copies(fan_out, lab.out(), std::min(round_of(loop), NullSink::kInFlight));
    check(loop);
}

// What each of the two loops does not see of a sender must not reach a half of the sequence space.
std::size_t most_packets(const FanOutConfig& setting) {
    constexpr std::size_t kMostUnseen = 8192;
    return kMostUnseen * setting.receivers * setting.conferences();
}

#ifdef MDD_STAGE_CLOCK
// What each stage has taken so far, per packet sent.
std::vector<double> stages_of(const Worker& worker) {
    std::vector<double> stages;
    const auto sent = static_cast<double>(worker.counters().rtp_sent.read());
    for (const auto cycles : worker.clock().cycles())
        stages.push_back(static_cast<double>(cycles) / sent);
    return stages;
}
#else
std::vector<double> stages_of(const Worker&) {
    return {};
}
#endif

}  // namespace

ForwardLab::ForwardLab(bool software_checksums, unsigned queue_places)
    : hugepages_(start_on_last_cpus()),
      in_("bench", 1, 1, queue_places, kReceiveBuffers),
      sink_("sink", copies_.get(), /*completes_checksums=*/!software_checksums) {
    if (!srtp::aead_own_code())  // as Worker::run() does
        throw std::runtime_error("The cipher's library cannot be mapped a second time.");
}

ForwardResult measure_forward(ForwardLab& lab, const FanOutConfig& setting,
                              const ForwardRuns& runs) {
    FanOut fan_out(setting, lab.in().port(), lab.out().port(), lab.copies());
    ColdFeed feed(fan_out, lab.in());
    feed.open_streams();
    std::optional<BareLoop> bare;
    if (runs.bare) bare.emplace(fan_out, lab.in().port(), lab.out().port(), lab.copies());
    check_copies_of(fan_out, lab, fan_out, feed);
    if (bare) check_copies_of(*bare, lab, fan_out, feed);
    const auto packets = std::min<std::size_t>(runs.packets, most_packets(setting));
    feed.start();
    std::vector<double> cycles, ratios, limits, lines, bare_cycles, bare_ratios, shares;
    for (unsigned run = 0; run < runs.runs; ++run) {
        // All of it beside each other, so that a change of clock hits all.
        limits.push_back(
            measure_cipher(setting.aes_bits, setting.size_bytes, 5).limit(setting.receivers));
        lines.push_back(measure_memory(3));
        cycles.push_back(run_once(fan_out, feed, setting, packets));
        ratios.push_back(limits.back() / cycles.back());
        if (!bare) continue;
        bare_cycles.push_back(run_once(*bare, feed, setting, packets));
        bare_ratios.push_back(limits.back() / bare_cycles.back());
        shares.push_back(bare_cycles.back() / cycles.back());
    }
    const double per_packet = median(cycles);
    ForwardResult result;
    result.row = {.bench = "forward",
                  .size_bytes = setting.size_bytes,
                  .receivers = setting.receivers,
                  .group = setting.group,
                  .keys = setting.conferences() * std::size_t{setting.receivers},
                  .aes_bits = setting.aes_bits,
                  .mpps_out = static_cast<double>(rte_get_tsc_hz()) / per_packet / 1e6,
                  .cycles_per_packet = per_packet,
                  .limit_cycles_per_packet = median(limits),
                  .ratio_to_limit = median(ratios)};
    if (bare) result.bare = {median(bare_cycles), median(bare_ratios), median(shares)};
    result.line_cycles = median(lines);
    result.stages = stages_of(fan_out.worker());
    return result;
}

}  // namespace mdd::bench
