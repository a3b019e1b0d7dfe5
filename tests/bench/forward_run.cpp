// Measuring the forwarding loop: see forward_run.h.
#include "tests/bench/forward_run.h"

#include <rte_cycles.h>

#include <stdexcept>

#include "tests/bench/bench_eal.h"
#include "tests/bench/limit.h"
#include "tests/bench/median.h"

namespace mdd::bench {
namespace {

constexpr unsigned kBurst = 32;
constexpr unsigned kMemoryMib = 96;
constexpr unsigned kReceiveBuffers = 4095;

bool start_on_last_cpus() {
    const auto cpus = test::cpus_of_process();
    if (cpus.size() < 2)
        throw std::runtime_error("Two CPUs are needed: one for the worker and one that feeds it.");
    return start_eal("forward_bench", cpus.back(), {cpus[cpus.size() - 2]}, kMemoryMib);
}

// Cycles per packet sent over at least `packets` of them. Only rounds with a whole burst count.
double run_once(FanOut& fan_out, const ColdFeed& feed, unsigned packets) {
    auto& worker = fan_out.worker();
    const auto& counters = worker.counters();
    const auto sent_before = counters.rtp_sent.read();
    std::uint64_t cycles = 0, sent = 0;
    for (; sent < packets; sent = counters.rtp_sent.read() - sent_before) {
        feed.wait_for(kBurst);
        const auto start = rte_rdtsc();
        worker.poll_once();
        cycles += rte_rdtsc() - start;
    }
    fan_out.check_drops();
    return static_cast<double>(cycles) / static_cast<double>(sent);
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
      sink_("net_null_sink", copies_.get(), /*completes_checksums=*/!software_checksums) {
    if (!srtp::aead_own_code())  // as Worker::run() does
        throw std::runtime_error("The cipher's library cannot be mapped a second time.");
}

ForwardResult measure_forward(ForwardLab& lab, const FanOutConfig& setting, unsigned runs,
                              unsigned packets) {
    FanOut fan_out(setting, lab.in().port(), lab.out(), lab.copies());
    ColdFeed feed(fan_out, lab.in());
    feed.open_streams();
    feed.start();
    run_once(fan_out, feed, packets / 4);
    std::vector<double> cycles, ratios, limits, lines;
    for (unsigned run = 0; run < runs; ++run) {
        // The limit beside each run, so that a change of clock hits both.
        limits.push_back(
            measure_cipher(setting.aes_bits, setting.size_bytes, 5).limit(setting.receivers));
        lines.push_back(measure_memory(3));
        cycles.push_back(run_once(fan_out, feed, packets));
        ratios.push_back(limits.back() / cycles.back());
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
    result.line_cycles = median(lines);
    result.stages = stages_of(fan_out.worker());
    return result;
}

}  // namespace mdd::bench
