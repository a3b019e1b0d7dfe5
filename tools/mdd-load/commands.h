// What each subcommand does, but for compare, which needs no scenario. Prints and writes files.
#pragma once

#include <functional>

#include "tools/mdd-load/bed.h"
#include "tools/mdd-load/options.h"

namespace mdd::load {

// Somebody has asked us to end (SIGINT, SIGTERM). A command then ends what it is at, writes down
// what it has, and throws Stopped; but kmf_command, which has no other end, returns.
using IsStopped = std::function<bool()>;

// Each returns an exit code, and throws std::runtime_error, a sentence, when something goes wrong.
// Precondition: misfits(scenario, bed) is empty; srtp::aead_start() succeeded.
int run_command(const Options& options, const Scenario& scenario, const Bed& bed,
                const IsStopped& is_stopped);
int search_command(const Options& options, const Scenario& scenario, const Bed& bed,
                   const IsStopped& is_stopped);
int pcap_command(const Options& options, const Scenario& scenario, const Bed& bed,
                 const IsStopped& is_stopped);
int kmf_command(const Scenario& scenario, const Bed& bed, const IsStopped& is_stopped);
int conferences_command(const Options& options, const Scenario& scenario, const Bed& bed);

}  // namespace mdd::load
