// The command line, with CLI11.
#include "tools/mdd-load/options.h"

#include <CLI/CLI.hpp>
#include <array>

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

const auto kPositive = CLI::Range(1e-3, 1e12, "a number above 0");

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
    add_place(search, options);
    search
        .add_option("--loss-ratio", options.loss_ratios,
                    "a goal: this share of packets may be lost; repeatable (0)")
        ->type_name("R")
        ->check(CLI::Range(0.0, 0.999999));
    search.add_option("--trial-seconds", options.trial_seconds, "of a trial that counts")
        ->capture_default_str()
        ->type_name("N")
        ->check(kPositive);
    search.add_option("--lowest", options.lowest_pps, "packets per second to begin with")
        ->capture_default_str()
        ->type_name("PPS")
        ->check(kPositive);
    search.add_option("--highest", options.highest_pps, "packets per second that are never passed")
        ->capture_default_str()
        ->type_name("PPS")
        ->check(kPositive);
    search.add_option("--picture", options.picture, "draw the search there, as SVG")
        ->type_name("FILE");
    add_real_handshake(search, options);
    add_results(search, options);

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
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? 0 : kUsage;
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
    if (options.loss_ratios.empty()) options.loss_ratios = {0};
    return options;
}

}  // namespace mdd::load
