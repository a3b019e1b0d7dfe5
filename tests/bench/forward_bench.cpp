// What the worker's loop costs per packet sent, as a ratio to AES-GCM alone in the same run:
// packets that another core has just written, thousands of recipient keys in shuffled memory, 512
// buffers in flight. Beside it the bare loop, and which share of its speed the worker's has. Built
// with the stage clock it tells where the cycles go.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <fstream>
#include <iostream>

#include "tests/bench/bench_main.h"
#include "tests/bench/forward_run.h"

namespace mdd::bench {
namespace {

struct Options {
    std::vector<std::size_t> sizes{100, 500, 1200};
    std::vector<unsigned> receivers{1, 2, 5, 10, 50, 200}, groups{1, 8}, aes{128, 256};
    unsigned keys = 10000;
    ForwardRuns runs;
    std::string json_file, commit = "unknown";
    bool quick = false, no_bare = false, software_checksums = false;
};

Options parse(int argc, char** argv) {
    CLI::App app{"cycles per packet sent of the open-route-seal loop, as a ratio to AES-GCM alone"};
    Options options;
    app.add_option("--json", options.json_file, "write the rows to FILE");
    app.add_option("--commit", options.commit, "commit to put into the rows");
    app.add_option("--sizes", options.sizes, "bytes that the outer layer seals")
        ->delimiter(',')
        ->check(CLI::Range(17, 1400));
    app.add_option("--receivers", options.receivers, "receivers of each sender")
        ->delimiter(',')
        ->check(CLI::Range(1, 10000));
    app.add_option("--groups", options.groups, "packets of a sender that arrive together")
        ->delimiter(',')
        ->check(CLI::Range(1, 32));
    app.add_option("--aes", options.aes, "key bits")
        ->delimiter(',')
        ->check(CLI::IsMember({128, 256}));
    app.add_option("--keys", options.keys, "recipient keys")->check(CLI::Range(1, 60000));
    app.add_option("--runs", options.runs.runs, "runs of which the median is taken")
        ->check(CLI::Range(1, 1000));
    app.add_flag("--no-bare", options.no_bare, "without the bare loop beside the worker's");
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
        options.runs.packets = 40000;
    }
    options.runs.bare = !options.no_bare;
    return options;
}

void print(const ForwardResult& result) {
    const auto& row = result.row;
    std::cout << fmt::format(
        "{:>6} B  N={:<4} G={}  AES-{}  {:8.1f} cycles  limit {:7.1f}  ratio {:.2f}  {:6.2f} Mpps "
        "out  memory {:.0f} cycles/line",
        row.size_bytes, row.receivers, row.group, row.aes_bits, row.cycles_per_packet,
        *row.limit_cycles_per_packet, *row.ratio_to_limit, row.mpps_out, result.line_cycles);
    if (const auto& bare = result.bare)
        std::cout << fmt::format("  bare {:.1f} cycles, ratio {:.2f}, share {:.2f}",
                                 bare->cycles_per_packet, bare->ratio_to_limit, bare->share);
    static constexpr std::array kNames{"receive", "classify", "gather", "open", "copy", "send"};
    for (std::size_t stage = 0; stage < result.stages.size(); ++stage)
        std::cout << fmt::format("  {} {:.0f}", kNames[stage], result.stages[stage]);
    std::cout << std::endl;
}

int run(const Options& options) {
    if (srtp::aead_start() != srtp::AeadStart::ok) {
        std::cerr << "forward_bench: this CPU has no AES instructions\n";
        return 1;
    }
    ForwardLab lab(options.software_checksums);
    std::cout << (lab.in_hugepages() ? "Packets lie in huge pages.\n"
                                     : "Packets lie in ordinary pages, 96 MiB of huge pages are "
                                       "not free: expect less than on a server "
                                       "(sysctl vm.nr_hugepages=64).\n");
    auto rows = nlohmann::json::array();
    for (const auto aes : options.aes)
        for (const auto size : options.sizes)
            for (const auto receivers : options.receivers)
                for (const auto group : options.groups) {
                    const auto result = measure_forward(
                        lab, {size, receivers, group, options.keys, aes}, options.runs);
                    print(result);
                    rows.push_back(to_json(result.row, options.commit));
                    if (const auto& bare = result.bare) {
                        rows.back()["bare_cycles_per_packet"] = bare->cycles_per_packet;
                        rows.back()["bare_ratio_to_limit"] = bare->ratio_to_limit;
                        rows.back()["share_of_bare"] = bare->share;
                    }
                    rows.back()["memory_cycles_per_line"] = result.line_cycles;
                    rows.back()["hugepages"] = lab.in_hugepages();
                    rows.back()["software_checksums"] = options.software_checksums;
                }
    if (!options.json_file.empty()) std::ofstream(options.json_file) << rows.dump(2) << '\n';
    return 0;
}

}  // namespace
}  // namespace mdd::bench

int main(int argc, char** argv) {
    return mdd::bench::main_of("forward_bench",
                               [&] { return mdd::bench::run(mdd::bench::parse(argc, argv)); });
}
