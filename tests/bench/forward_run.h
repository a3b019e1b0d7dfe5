// One measurement of the forwarding loop: the real Worker between a ring that another core fills
// and a port that sends into nothing.
#pragma once

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
    Port& out() { return sink_.port(); }
    rte_mempool* copies() { return copies_.get(); }

  private:
    const bool hugepages_;
    test::RingPort in_;
    PacketPool copies_ = make_packet_pool("bench-out", 8191, SOCKET_ID_ANY);
    NullSink sink_;
};

struct ForwardResult {
    Row row;
    double line_cycles;  // measure_memory() beside the runs
    // Cycles per packet sent of each stage; empty unless the build measures stages.
    std::vector<double> stages;
};

// Medians of `runs`, each of at least `packets` sent, with the limit measured beside each. Throws
// when the loop drops anything.
ForwardResult measure_forward(ForwardLab& lab, const FanOutConfig& setting, unsigned runs,
                              unsigned packets);

}  // namespace mdd::bench
