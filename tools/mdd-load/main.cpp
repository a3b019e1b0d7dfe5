// mdd-load: options, files, signals, and the subcommand.
#include <csignal>
#include <iostream>

#include "dataplane/eal.h"
#include "dataplane/srtp/aead.h"
#include "tools/mdd-load/commands.h"
#include "tools/mdd-load/compare.h"

namespace mdd::load {
namespace {

constexpr int kFailure = 1;
constexpr int kBadConfig = 78;

volatile std::sig_atomic_t asked_to_stop = 0;

void on_signal(int) {
    asked_to_stop = 1;
}

int compare_command(const Options& options) {
    const auto comparison = compare_files(options.old_file, options.new_file, options.tolerance);
    std::cout << to_text(comparison);
    return comparison.regressed() ? kFailure : 0;
}

template <class T>
std::optional<T> good(std::variant<T, config::ConfigErrors> loaded) {
    if (const auto* errors = std::get_if<config::ConfigErrors>(&loaded)) {
        errors->print(std::cerr);
        return std::nullopt;
    }
    return std::get<T>(std::move(loaded));
}

int act(const Options& options) {
    if (options.command == Command::compare) return compare_command(options);
    auto scenario = good(load_scenario(options.scenario));
    const auto bed = good(load_bed(options.bed));
    if (!scenario || !bed) return kBadConfig;
    if (options.seed) scenario->seed = *options.seed;
    if (const auto sentences = misfits(*scenario, *bed); !sentences.empty()) {
        for (const auto& sentence : sentences) std::cerr << "mdd-load: " << sentence << '\n';
        return kBadConfig;
    }
    if (options.command == Command::conferences)
        return conferences_command(options, *scenario, *bed);
    if (srtp::aead_start() != srtp::AeadStart::ok)
        throw std::runtime_error("This CPU has no AES-NI and PCLMULQDQ instructions.");
    std::signal(SIGINT, on_signal);
    std::signal(SIGTERM, on_signal);
    const IsStopped is_stopped = [] { return asked_to_stop != 0; };
    switch (options.command) {
        case Command::run:
            return run_command(options, *scenario, *bed, is_stopped);
        case Command::search:
            return search_command(options, *scenario, *bed, is_stopped);
        case Command::pcap:
            return pcap_command(options, *scenario, *bed, is_stopped);
        default:
            return kmf_command(*scenario, *bed, is_stopped);
    }
}

}  // namespace
}  // namespace mdd::load

int main(int argc, char** argv) {
    mdd::harden_process();
    const auto parsed = mdd::load::parse_options(argc, argv);
    if (const auto* code = std::get_if<int>(&parsed)) return *code;
    try {
        return mdd::load::act(std::get<mdd::load::Options>(parsed));
    } catch (const std::exception& error) {
        std::cerr << "mdd-load: " << error.what() << '\n';
        return mdd::load::kFailure;
    }
}
