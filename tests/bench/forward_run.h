// One measurement of the forwarding loop: the real Worker between a ring that another core fills
// and a port that sends into nothing; and beside it, in the same run, the bare loop, which says how
// much of the distance to the limit is the machine's.
#pragma once

#include <optional>
#include <vector>

#include "dataplane/stage_clock.h"
#include "tests/bench/cold_feed.h"
#include "tests/bench/fan_out.h"
#include "tests/bench/null_sink.h"
#include "tests/bench/row.h"

namespace mdd::bench {

// The packets' way through the process: made once, used by every measurement.
class ForwardLab {
  public:
    // `software_checksums`: as on a port without checksum offload. Starts EAL on the last two CPUs
    // of the process: the last for the worker, which runs on the calling thread, the other for the
    // feed. Throws std::runtime_error, a full sentence, where there is only one.
    // `queue_places`: how many packets the receive queue holds.
    explicit ForwardLab(bool software_checksums, unsigned queue_places = 512);

    bool in_hugepages() const { return hugepages_; }
    test::RingPort& in() { return in_; }
    NullSink& out() { return sink_; }
    rte_mempool* copies() { return copies_.get(); }

  private:
    const bool hugepages_;
    test::RingPort in_;
    PacketPool copies_ = make_packet_pool("bench-out", 8191, SOCKET_ID_ANY);
    NullSink sink_;
};

// The bare loop beside the worker's; medians of their own.
struct BareResult {
    double cycles_per_packet;
    double ratio_to_limit;
    double share;  // its cycles to the worker's: what the worker has reached of what it could
};

struct ForwardResult {
    Row row;
    std::optional<BareResult> bare;
    double line_cycles;  // measure_memory() beside the runs
    // Cycles per packet sent of each stage; empty unless the build measures stages.
    std::vector<double> stages;
};

struct ForwardRuns {
    unsigned runs = 5;          // of which medians are taken
    unsigned packets = 200000;  // that each of them sends, at least
    bool bare = true;           // with the bare loop in each of them
};

// Each run measures worker, bare loop and limit in turn. Throws when a loop drops anything, or when
// a receiver could not open what it sends (a burst of each is looked at before).
ForwardResult measure_forward(ForwardLab& lab, const FanOutConfig& setting,
                              const ForwardRuns& runs);

}  // namespace mdd::bench
