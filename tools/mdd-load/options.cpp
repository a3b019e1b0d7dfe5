// The command line, with CLI11.
#include "tools/mdd-load/options.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <iostream>
#include <stdexcept>

namespace mdd::load {
namespace {

constexpr int kUsage = 64;

void add_place(CLI::App& command, Options& options) {
    command.add_option("--scenario", options.scenario, "what is to happen: a scenario file")
        ->required()
        ->type_name("FILE");
    command.add_option("--bed", options.bed, "ports and addresses: a bed file")
        ->capture_default_str()
        ->type_name("FILE");
    command.add_option("--seed", options.seed, "instead of the scenario's")->type_name("N");
}

void add_real_handshake(CLI::App& command, Options& options) {
    command.add_flag("--real-handshake", options.real_handshake,
                     "whole DTLS handshakes with mdd's real KMF, instead of being that KMF");
}

void add_results(CLI::App& command, Options& options) {
    command.add_option("--json", options.json, "write rows of results there")->type_name("FILE");
    command.add_option("--workers", options.workers, "of the device, for the rows")->type_name("N");
    command.add_option("--commit", options.commit, "of the device, for the rows")
        ->type_name("NAME");
}

// CLI::Range would let nan through.
CLI::Validator between(double lowest, double highest, const char* name) {
    return CLI::Validator(
        [lowest, highest](std::string& text) -> std::string {
            double value = 0;
            if (CLI::detail::lexical_cast(text, value) && value >= lowest && value <= highest)
                return {};
            return fmt::format("{} is not a number from {} to {}", text, lowest, highest);
        },
        name);
}

const auto kPositive = between(1e-3, 1e12, "a number above 0");
const auto kShare = between(1e-3, 1, "above 0 to 1");

// What all goals of a search have in common is in `goal`.
void add_search(CLI::App& command, Options& options, Goal& goal, std::vector<double>& loss_ratios) {
    auto& search = options.search;
    add_place(command, options);
    command
        .add_option("--loss-ratio", loss_ratios,
                    "a goal: this share of packets may be lost, 0 to below 1; repeatable (0)")
        ->type_name("R");
    command
        .add_option("--exceed-ratio", goal.exceed_ratio,
                    "share of the trials at a rate that may lose more than that, 0 to below 1")
        ->capture_default_str()
        ->type_name("R");
    command
        .add_option("--final-trials", goal.final_trials,
                    "how many trials of full length decide a rate, 1 to 1000")
        ->capture_default_str()
        ->type_name("N");
    command.add_option("--trial-seconds", goal.final_seconds, "of a trial of full length")
        ->capture_default_str()
        ->type_name("N")
        ->check(kPositive);
    command
        .add_option("--first-seconds", search.first_seconds,
                    "of the shortest trials, which only point the way; left out where full ones "
                    "are not twice as long")
        ->capture_default_str()
        ->type_name("N")
        ->check(kPositive);
    command
        .add_option("--width", search.width,
                    "how far the bounds of what is found may be apart, as a share of the upper "
                    "one: above 0 and below 0.25")
        ->capture_default_str()
        ->type_name("R");
    command.add_option("--lowest", search.lowest_pps, "packets per second to begin with")
        ->capture_default_str()
        ->type_name("PPS")
        ->check(kPositive);
    command.add_option("--highest", search.highest_pps, "packets per second that are never passed")
        ->capture_default_str()
        ->type_name("PPS")
        ->check(kPositive);
    command
        .add_option("--latency-at", options.latency_at,
                    "when all is found, one more trial of full length at this share of the first "
                    "goal's rate, for its latency; repeatable")
        ->type_name("R")
        ->check(kShare);
    command.add_option("--picture", options.picture, "draw the search there, as SVG")
        ->type_name("FILE");
    add_real_handshake(command, options);
    add_results(command, options);
}

// Throws std::invalid_argument, as check() does.
void set_goals(SearchSettings& search, const Goal& goal, const std::vector<double>& loss_ratios) {
    search.goals.assign(std::max<std::size_t>(loss_ratios.size(), 1), goal);
    for (std::size_t i = 0; i < loss_ratios.size(); ++i)
        search.goals[i].loss_ratio = loss_ratios[i];
    check(search);
}

}  // namespace

std::variant<Options, int> parse_options(int argc, char** argv) {
    Options options;
    CLI::App app("Load for mdd: thousands of endpoints with valid packets, on DPDK ports.",
                 "mdd-load");
    app.set_version_flag("--version", "mdd-load " MDD_VERSION);
    app.require_subcommand(1);

    auto& run = *app.add_subcommand("run", "one trial at one rate, and what came back");
    add_place(run, options);
    auto* rate = run.add_option("--rate", options.rate_pps, "packets per second into mdd")
                     ->type_name("PPS")
                     ->check(kPositive);
    run.add_option("--times", options.times, "as many times the scenario's own rate (1.0)")
        ->type_name("X")
        ->check(kPositive)
        ->excludes(rate);
    run.add_option("--seconds", options.seconds, "how long it sends")
        ->capture_default_str()
        ->type_name("N")
        ->check(kPositive);
    add_real_handshake(run, options);
    add_results(run, options);

    auto& search = *app.add_subcommand("search", "the highest rate within each loss ratio");
    Goal goal;
    std::vector<double> loss_ratios;
    add_search(search, options, goal, loss_ratios);

    auto& compare =
        *app.add_subcommand("compare", "two files of rows; exit 1 when something got worse");
    compare.add_option("OLD", options.old_file)->required();
    compare.add_option("NEW", options.new_file)->required();
    compare.add_option("--tolerance", options.tolerance, "how much worse still counts as the same")
        ->capture_default_str()
        ->type_name("R")
        ->check(CLI::Range(0.0, 1.0));

    auto& pcap = *app.add_subcommand(
        "pcap", "valid packets in a file, for pktgen, TRex and tcpreplay; keys from the seed");
    add_place(pcap, options);
    pcap.add_option("--packets", options.packets, "of media, behind everybody's ClientHello")
        ->required()
        ->type_name("N")
        ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{1} << 40));
    pcap.add_option("--out", options.out, "the file")->required()->type_name("FILE");

    auto& kmf = *app.add_subcommand(
        "kmf", "be the KMF that makes mdd accept the packets of such a file, until a signal");
    add_place(kmf, options);

    auto& conferences = *app.add_subcommand(
        "conferences", "print what mdd.toml needs for a scenario: limits and conferences");
    add_place(conferences, options);
    conferences.add_flag("--kmf", options.for_kmf,
                         "what kmf.toml needs for --real-handshake; makes the certificates");

    try {
        app.parse(argc, argv);
        set_goals(options.search, goal, loss_ratios);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? 0 : kUsage;
    } catch (const std::invalid_argument& error) {
        std::cerr << "mdd-load: " << error.what() << '\n';
        return kUsage;
    }
    const std::array<std::pair<CLI::App*, Command>, 6> commands{
        {{&run, Command::run},
         {&search, Command::search},
         {&compare, Command::compare},
         {&pcap, Command::pcap},
         {&kmf, Command::kmf},
         {&conferences, Command::conferences}}};
    for (const auto& [command, name] : commands)
        if (command->parsed()) options.command = name;
    return options;
}

}  // namespace mdd::load
