// What two and more workers send beside each other, as a ratio to what one of them sends alone in
// the same run: once from packets that lie in no cache and with thousands of recipient keys, once
// with everything warm and small, so that a cache line that workers share would show.
#include <fmt/format.h>
#include <rte_cycles.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <fstream>
#include <iostream>
#include <numeric>

#include "tests/bench/bench_main.h"
#include "tests/bench/row.h"
#include "tests/bench/scaling_run.h"

namespace mdd::bench {
namespace {

constexpr int kSkipped = 77;

struct Options {
    std::vector<std::size_t> sizes{100, 1200};
    std::vector<unsigned> receivers{1, 10, 50};
    unsigned group = 1, aes_bits = 128, keys = 10000, runs = 9, slice_ms = 100;
    std::string json_file, commit = "unknown";
    bool quick = false;
};

Options parse(int argc, char** argv) {
    CLI::App app{"packets per second of several workers, each on its own CPU"};
    Options options;
    app.add_option("--json", options.json_file, "write the rows to FILE");
    app.add_option("--commit", options.commit, "commit to put into the rows");
    app.add_option("--sizes", options.sizes, "bytes that the outer layer seals")
        ->delimiter(',')
        ->check(CLI::Range(17, 1400));
    app.add_option("--receivers", options.receivers, "receivers of each sender")
        ->delimiter(',')
        ->check(CLI::Range(1, 10000));
    app.add_option("--group", options.group, "packets of a sender that arrive together")
        ->check(CLI::Range(1, 32));
    app.add_option("--aes", options.aes_bits, "key bits")->check(CLI::IsMember({128, 256}));
    app.add_option("--keys", options.keys, "recipient keys of each worker")
        ->check(CLI::Range(1, 60000));
    app.add_option("--runs", options.runs, "runs of which the median is taken")
        ->check(CLI::Range(1, 1000));
    app.add_option("--slice-ms", options.slice_ms, "longest time that workers run at once")
        ->check(CLI::Range(1, 1000));
    app.add_flag("--quick", options.quick, "few rows and short slices; the figures wobble more");
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        std::exit(app.exit(error) == 0 ? 0 : 64);
    }
    if (options.quick) {
        options.receivers = {10};
        options.runs = 5;
        options.slice_ms = 20;
    }
    return options;
}

// 1, 2, 4 and so on, and the most.
std::vector<unsigned> worker_counts(std::size_t most) {
    std::vector<unsigned> counts;
    for (unsigned count = 1; count < most; count *= 2) counts.push_back(count);
    counts.push_back(static_cast<unsigned>(most));
    return counts;
}

Row row_of(const ScalingSetting& setting, const ScalingResult& result) {
    const auto& fan_out = setting.fan_out;
    return {.bench = "scaling",
            .size_bytes = fan_out.size_bytes,
            .receivers = fan_out.receivers,
            .group = fan_out.group,
            .keys = fan_out.conferences() * std::size_t{fan_out.receivers},
            .aes_bits = fan_out.aes_bits,
            .workers = static_cast<unsigned>(result.mpps.size()),
            .mpps_out = std::accumulate(result.mpps.begin(), result.mpps.end(), 0.0),
            .cycles_per_packet = result.cycles_per_packet};
}

void print(const Row& row, const ScalingSetting& setting, const ScalingResult& result) {
    const auto [least, most] = std::minmax_element(result.mpps.begin(), result.mpps.end());
    std::cout << fmt::format(
                     "{:>6} B  N={:<3} G={}  AES-{}  {:>5} keys  {}  {:>2} worker{}  {:7.2f} Mpps "
                     "out  {:7.1f} cycles  ratio to one {:5.2f}  each {:.2f} to {:.2f} Mpps",
                     row.size_bytes, row.receivers, row.group, row.aes_bits, row.keys,
                     setting.cold ? "cold" : "warm", row.workers, row.workers == 1 ? " " : "s",
                     row.mpps_out, row.cycles_per_packet, result.ratio, *least, *most)
              << std::endl;
}

std::vector<ScalingSetting> settings_of(const Options& options) {
    std::vector<ScalingSetting> settings;
    for (const auto size : options.sizes)
        for (const auto receivers : options.receivers)
            settings.push_back(
                {{size, receivers, options.group, options.keys, options.aes_bits}, /*cold=*/true});
    // One conference: its keys, packets and copies stay in each core's own caches.
    for (const auto size : options.sizes)
        settings.push_back({{size, 10, options.group, 10, options.aes_bits}, /*cold=*/false});
    return settings;
}

int run(const Options& options) {
    if (srtp::aead_start() != srtp::AeadStart::ok) {
        std::cerr << "scaling_bench: this CPU has no AES instructions\n";
        return 1;
    }
    const auto cpus = cpus_for_workers();
    if (cpus.size() < 2) {
        std::cerr << "scaling_bench: skipped, two cores are needed, one for each worker\n";
        return kSkipped;
    }
    ScalingLab lab(cpus);
    const auto counts = worker_counts(cpus.size());
    auto rows = nlohmann::json::array();
    for (const auto& setting : settings_of(options))
        for (const auto& result : lab.measure(setting, counts, options.runs, options.slice_ms)) {
            const auto row = row_of(setting, result);
            print(row, setting, result);
            rows.push_back(to_json(row, options.commit));
            rows.back()["hugepages"] = lab.in_hugepages();
            rows.back()["cold"] = setting.cold;
            rows.back()["ratio_to_one_worker"] = result.ratio;
            rows.back()["mpps_by_worker"] = result.mpps;
        }
    if (!options.json_file.empty()) std::ofstream(options.json_file) << rows.dump(2) << '\n';
    return 0;
}

}  // namespace
}  // namespace mdd::bench

int main(int argc, char** argv) {
    return mdd::bench::main_of("scaling_bench",
                               [&] { return mdd::bench::run(mdd::bench::parse(argc, argv)); });
}
