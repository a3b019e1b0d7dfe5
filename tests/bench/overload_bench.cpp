// What a worker does with more than it can forward: an open loop at multiples of its no-drop rate,
// one conference that sends ten times its share, forged packets, strangers. Everything is relative
// to the no-drop rate of the same run.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <fstream>
#include <iostream>

#include "tests/bench/bench_main.h"
#include "tests/bench/core_distance.h"
#include "tests/bench/overload_run.h"
#include "tools/mdd-load/cpu_name.h"

namespace mdd::bench {
namespace {

// One greedy conference beside so many others.
constexpr unsigned kConferences = 51;
constexpr unsigned kGreedyTimes = 10;
// As deep as a network card's, for the milliseconds in which a virtual machine does not run.
constexpr unsigned kQueuePlaces = 2048;

struct Options {
    std::vector<std::size_t> sizes{100, 1200};
    std::vector<unsigned> receivers{1, 10, 50};
    double seconds = 1, search_seconds = 0.25;
    std::string json_file, commit = "unknown";
    bool quick = false;
};

Options parse(int argc, char** argv) {
    CLI::App app{"goodput, fairness and who comes first when a worker is offered too much"};
    Options options;
    app.add_option("--json", options.json_file, "write the rows to FILE");
    app.add_option("--commit", options.commit, "commit to put into the rows");
    app.add_option("--sizes", options.sizes, "bytes that the outer layer seals")
        ->delimiter(',')
        ->check(CLI::Range(17, 1400));
    app.add_option("--receivers", options.receivers, "receivers of each sender")
        ->delimiter(',')
        ->check(CLI::Range(1, 1000));
    app.add_option("--seconds", options.seconds, "of each load")->check(CLI::Range(0.05, 600.0));
    app.add_flag("--quick", options.quick, "few rows and short loads; the figures wobble more");
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        std::exit(app.exit(error) == 0 ? 0 : 64);
    }
    if (options.quick) {
        options.sizes = {100};
        options.receivers = {10};
        options.seconds = options.search_seconds = 0.1;
    }
    return options;
}

struct Scene {
    std::string name;
    double times;  // of the no-drop rate
    Load load;     // without its rate
};

// The good half of a flood of forged packets is what the worker carries anyway.
const std::vector<Scene>& scenes() {
    static const std::vector<Scene> all{
        {"at the no-drop rate", 1, {}},
        {"twice the no-drop rate", 2, {}},
        {"four times", 4, {}},
        {"one sends ten times its share, 1.1 in all", 1.1, {.greedy_times = kGreedyTimes}},
        {"one sends ten times its share, 2 in all", 2, {.greedy_times = kGreedyTimes}},
        {"half of it with bad tags", 1, {.bad_tags_share = 0.5}},
        {"half of it from strangers", 1, {.strangers_share = 0.5}},
    };
    return all;
}

void print(const Scene& scene, const Outcome& outcome, double ndr) {
    const auto good = 1 - scene.load.bad_tags_share - scene.load.strangers_share;
    std::cout << fmt::format(
        "  {:<42} offered {:5.2f}  forwarded {:5.3f} of what {}  lost: audio {:5.2f} %, other "
        "{:5.2f} %{}  Jain {:.4f}\n",
        scene.name, outcome.offered_pps / ndr,
        outcome.forwarded_pps / ndr / std::min(1.0, good * scene.times),
        good < 1 ? "is good" : "was free", 100 * outcome.audio_lost, 100 * outcome.video_lost,
        scene.load.greedy_times > 1
            ? fmt::format(", the greedy one's {:.0f} %", 100 * outcome.greedy_lost)
            : "",
        outcome.jain);
}

nlohmann::json to_json(const FanOutConfig& setting, const Scene& scene, const Outcome& outcome,
                       double ndr, const std::string& commit) {
    return {{"bench", "overload"},
            {"commit", commit},
            {"cpu", load::cpu_name()},
            {"size_bytes", setting.size_bytes},
            {"receivers", setting.receivers},
            {"scene", scene.name},
            {"no_drop_pps_in", ndr},
            {"offered_to_no_drop", outcome.offered_pps / ndr},
            {"forwarded_to_no_drop", outcome.forwarded_pps / ndr},
            {"audio_lost", outcome.audio_lost},
            {"other_lost", outcome.video_lost},
            {"greedy_lost", outcome.greedy_lost},
            {"jain", outcome.jain}};
}

// TSC cycles of a packet, of each kind.
struct Costs {
    double forward, stranger, bad_tag;
    // A stranger's in bursts that are half strangers': what the others cost more beside it as well.
    double stranger_among_others;
    double between_cores;  // from the one that feeds to the worker's
};

Costs costs_of(OverloadRun& run, double ndr, double seconds) {
    const auto cycles = [&](const Load& load) { return run.cycles_per_packet(load, seconds); };
    const auto forward = cycles({.pps = ndr});
    return {.forward = forward,
            .stranger = cycles({.pps = ndr, .strangers_share = 1}),
            .bad_tag = cycles({.pps = ndr, .bad_tags_share = 1}),
            .stranger_among_others = 2 * cycles({.pps = ndr, .strangers_share = 0.5}) - forward,
            .between_cores = cycles_between_cores()};
}

void print(const Costs& costs) {
    const auto percent = [&](double cycles) { return 100 * cycles / costs.forward; };
    std::cout << fmt::format(
        "  a packet that is forwarded costs {:.0f} cycles, a stranger's {:.0f} ({:.1f} %), with "
        "as many others {:.0f} ({:.1f} %), one with a bad tag {:.0f} ({:.1f} %); what the other "
        "core writes is here after {:.0f}\n\n",
        costs.forward, costs.stranger, percent(costs.stranger), costs.stranger_among_others,
        percent(costs.stranger_among_others), costs.bad_tag, percent(costs.bad_tag),
        costs.between_cores);
}

nlohmann::json to_json(const FanOutConfig& setting, const Costs& costs, const std::string& commit) {
    return {{"bench", "overload_cost"},
            {"commit", commit},
            {"cpu", load::cpu_name()},
            {"size_bytes", setting.size_bytes},
            {"receivers", setting.receivers},
            {"forward_cycles", costs.forward},
            {"stranger_cycles", costs.stranger},
            {"stranger_among_others_cycles", costs.stranger_among_others},
            {"bad_tag_cycles", costs.bad_tag},
            {"between_cores_cycles", costs.between_cores}};
}

void measure(ForwardLab& lab, const FanOutConfig& setting, const Options& options,
             nlohmann::json& rows) {
    OverloadRun run(lab, setting);
    const auto ndr = run.no_drop_rate(options.search_seconds);
    std::cout << fmt::format("{} B  N={}  no-drop rate {:.0f} packets/s in, {:.2f} Mpps out\n",
                             setting.size_bytes, setting.receivers, ndr,
                             ndr * setting.receivers / 1e6);
    for (const auto& scene : scenes()) {
        auto load = scene.load;
        load.pps = ndr * scene.times;
        const auto outcome = run.carry(load, options.seconds);
        print(scene, outcome, ndr);
        rows.push_back(to_json(setting, scene, outcome, ndr, options.commit));
    }
    const auto costs = costs_of(run, ndr, options.search_seconds);
    print(costs);
    rows.push_back(to_json(setting, costs, options.commit));
}

int run(const Options& options) {
    if (srtp::aead_start() != srtp::AeadStart::ok) {
        std::cerr << "overload_bench: this CPU has no AES instructions\n";
        return 1;
    }
    ForwardLab lab(/*software_checksums=*/false, kQueuePlaces);
    auto rows = nlohmann::json::array();
    for (const auto size : options.sizes)
        for (const auto receivers : options.receivers)
            measure(lab,
                    {.size_bytes = size,
                     .receivers = receivers,
                     .keys = kConferences * receivers,
                     .audio = true,
                     .sheds = true},
                    options, rows);
    if (!options.json_file.empty()) std::ofstream(options.json_file) << rows.dump(2) << '\n';
    return 0;
}

}  // namespace
}  // namespace mdd::bench

int main(int argc, char** argv) {
    return mdd::bench::main_of("overload_bench",
                               [&] { return mdd::bench::run(mdd::bench::parse(argc, argv)); });
}
