// The command line of mdd-load as values. Reads no file.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "tools/mdd-load/search.h"

namespace mdd::load {

enum class Command { run, search, compare, pcap, kmf, conferences };

struct Options {
    Command command = Command::run;
    std::string bed = "bed.toml";
    std::string scenario;
    std::optional<std::uint64_t> seed;
    bool real_handshake = false;

    // run: one of the two.
    std::optional<double> rate_pps;
    std::optional<double> times;
    double seconds = 10;
    std::string json;
    // Of the device, for the rows.
    std::optional<unsigned> workers;
    std::string commit = "unknown";

    // search
    SearchSettings search{.highest_pps = 20e6};
    std::vector<double> latency_at;  // shares of the first goal's rate
    std::string picture;

    // compare
    std::string old_file, new_file;
    double tolerance = 0.05;

    // pcap
    std::uint64_t packets = 0;
    std::string out;

    // conferences
    bool for_kmf = false;
};

// Options, or the exit code when there is nothing to run (help was printed, or what is wrong).
std::variant<Options, int> parse_options(int argc, char** argv);

}  // namespace mdd::load
