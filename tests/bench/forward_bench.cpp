// What the worker's loop costs per packet sent, as a ratio to AES-GCM alone in the same run: the
// real Worker, fed through a ring with packets that another core has just written, thousands of
// recipient keys in shuffled memory, sending into a port that holds 512 buffers in flight.
#include <rte_cycles.h>

#include <fmt/format.h>
#include <CLI/CLI.hpp>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>

#include "tests/bench/cold_feed.h"
#include "tests/bench/fan_out.h"
#include "tests/bench/limit.h"
#include "tests/bench/median.h"
#include "tests/bench/null_sink.h"

namespace mdd::bench {
namespace {

constexpr unsigned kBurst = 32;
constexpr unsigned kMemoryMib = 96;

struct Options {
    std::vector<std::size_t> sizes{100, 500, 1200};
    std::vector<unsigned> receivers{1, 2, 5, 10, 50, 200}, groups{1, 8}, aes{128, 256};
    unsigned keys = 10000, runs = 5, packets = 200000;
    std::string json_file, commit = "unknown";
    bool quick = false, hugepages = false, software_checksums = false;
};

// The packets' way through the process: made once, used by every row.
struct Lab {
    explicit Lab(bool software_checksums)
        : sink("net_null_sink", copies.get(), /*completes_checksums=*/!software_checksums) {}

    test::RingPort in{"bench", 1, 1, 512, 4095};
    PacketPool copies = make_packet_pool("bench-out", 8191, SOCKET_ID_ANY);
    NullSink sink;
};

// Nothing may be dropped: a loop that loses packets is not the one to be measured.
void check_drops(const Counters& counters) {
    for (std::size_t v = 1; v < srtp::kVerdictTexts.size(); ++v)
        if (const auto count = counters.drops[v].read(); count != 0)
            throw std::runtime_error(
                fmt::format("the loop lost {} packets: {}", count, srtp::kVerdictTexts[v].name));
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
        check_drops(counters);
    }
    return static_cast<double>(cycles) / static_cast<double>(sent);
}

// Every sender has been heard, and its SSRC granted.
void open_streams(FanOut& fan_out, ColdFeed& feed) {
    std::size_t granted = 0;
    while (granted < fan_out.senders().size()) {
        feed.feed_batch();
        fan_out.worker().poll_once();
        check_drops(fan_out.worker().counters());
        granted += fan_out.grant();
    }
}

std::string cpu_name() {
    std::ifstream file("/proc/cpuinfo");
    for (std::string line; std::getline(file, line);)
        if (line.rfind("model name", 0) == 0) return line.substr(line.find(':') + 2);
    return "unknown";
}

nlohmann::json measure(const FanOutConfig& setting, Lab& lab, const Options& options) {
    FanOut fan_out(setting, lab.in.port(), lab.sink.port(), lab.copies.get());
    ColdFeed feed(fan_out, lab.in);
    open_streams(fan_out, feed);
    feed.start();
    run_once(fan_out, feed, options.packets / 4);
    std::vector<double> cycles, ratios, limits;
    for (unsigned run = 0; run < options.runs; ++run) {
        // The limit beside each run, so that a change of clock hits both.
        const auto limit =
            measure_cipher(setting.aes_bits, setting.size_bytes, 5).limit(setting.receivers);
        cycles.push_back(run_once(fan_out, feed, options.packets));
        limits.push_back(limit);
        ratios.push_back(limit / cycles.back());
    }
    const double per_packet = median(cycles);
    return {{"bench", "forward"},
            {"size_bytes", setting.size_bytes},
            {"receivers", setting.receivers},
            {"group", setting.group},
            {"keys", setting.conferences() * setting.receivers},
            {"aes", setting.aes_bits},
            {"workers", 1},
            {"mpps_out", static_cast<double>(rte_get_tsc_hz()) / per_packet / 1e6},
            {"cycles_per_packet", per_packet},
            {"limit_cycles_per_packet", median(limits)},
            {"ratio_to_limit", median(ratios)},
            {"peer", nullptr},
            {"ratio_to_peer", nullptr},
            {"cpu", cpu_name()},
            {"commit", options.commit}};
}

void print(const nlohmann::json& row) {
    std::cout << fmt::format(
                     "{:>6} B  N={:<4} G={}  AES-{}  {:8.1f} cycles  limit {:7.1f}  ratio {:.2f}  "
                     "{:6.2f} Mpps out\n",
                     row["size_bytes"].get<std::size_t>(), row["receivers"].get<unsigned>(),
                     row["group"].get<unsigned>(), row["aes"].get<unsigned>(),
                     row["cycles_per_packet"].get<double>(),
                     row["limit_cycles_per_packet"].get<double>(),
                     row["ratio_to_limit"].get<double>(), row["mpps_out"].get<double>())
              << std::flush;
}

Options parse(int argc, char** argv) {
    CLI::App app{"cycles per packet sent of the open-route-seal loop, as a ratio to AES-GCM alone"};
    Options options;
    app.add_option("--json", options.json_file, "write the rows to FILE");
    app.add_option("--commit", options.commit, "commit to put into the rows");
    app.add_option("--sizes", options.sizes, "bytes that the outer layer seals")->delimiter(',');
    app.add_option("--receivers", options.receivers, "receivers of each sender")->delimiter(',');
    app.add_option("--groups", options.groups, "packets of a sender that arrive together")
        ->delimiter(',');
    app.add_option("--aes", options.aes, "key bits")
        ->delimiter(',')
        ->check(CLI::IsMember({128, 256}));
    app.add_option("--keys", options.keys, "recipient keys")->check(CLI::Range(1, 60000));
    app.add_option("--runs", options.runs, "runs of which the median is taken")
        ->check(CLI::Range(1, 1000));
    app.add_flag("--hugepages", options.hugepages, "packets in hugepages, as on a server");
    app.add_flag("--software-checksums", options.software_checksums,
                 "as on a port without checksum offload");
    app.add_flag("--quick", options.quick, "few rows and packets; the figures wobble more");
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        std::exit(app.exit(error) == 0 ? 0 : 64);
    }
    if (options.quick) {
        options.sizes = {100, 1200};
        options.receivers = {1, 10, 200};
        options.aes = {128};
        options.packets = 40000;
    }
    return options;
}

int run(const Options& options) {
    if (srtp::aead_start() != srtp::AeadStart::ok) {
        std::cerr << "this CPU has no AES instructions\n";
        return 1;
    }
    const auto cpus = test::cpus_of_process();
    if (cpus.size() < 2) {
        std::cerr << "two CPUs are needed: one for the worker and one that feeds it\n";
        return 1;
    }
    EalConfig eal;
    eal.program = "forward_bench";
    eal.no_huge_mib = kMemoryMib;
    eal.control_cpus = {cpus.back()};
    eal.worker_cpus = {cpus.front()};
    if (options.hugepages) eal.hugepages_mib = {kMemoryMib};
    test::test_eal(eal);
    Lab lab(options.software_checksums);
    auto rows = nlohmann::json::array();
    for (const auto aes : options.aes)
        for (const auto size : options.sizes)
            for (const auto receivers : options.receivers)
                for (const auto group : options.groups) {
                    rows.push_back(
                        measure({size, receivers, group, options.keys, aes}, lab, options));
                    print(rows.back());
                }
    if (!options.json_file.empty()) std::ofstream(options.json_file) << rows.dump(2) << '\n';
    return 0;
}

}  // namespace
}  // namespace mdd::bench

int main(int argc, char** argv) {
    try {
        return mdd::bench::run(mdd::bench::parse(argc, argv));
    } catch (const std::exception& error) {
        std::cerr << "forward_bench: " << error.what() << '\n';
        return 1;
    }
}
