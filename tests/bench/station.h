// What one of several workers of a benchmark has for itself, as in mdd: a queue to receive from
// with buffers of its own, buffers for copies, and a queue to send by. Each queue is a port of its
// own: DPDK's software ports count the packets of neighbouring queues in one cache line, which NICs
// do not.
#pragma once

#include <memory>

#include "tests/bench/null_sink.h"
#include "tests/bench/packet_writer.h"
#include "tests/support/ring_port.h"

namespace mdd::bench {

struct StationPorts {
    // `name` is unique in the process and at most 15 characters. `packets` fit into the receive
    // ring: a power of two, less one.
    StationPorts(const std::string& name, unsigned packets);

    test::RingPort in;
    PacketPool copies;
    NullSink sink;
};

// A worker at its ports, with conferences of its own and packets that its senders have sealed
// beforehand.
class alignas(64) Station {
  public:
    Station(const FanOutConfig& config, StationPorts& ports, const WorkerPlace& place);
    // Empties the receive ring. Precondition: the worker polls no more.
    ~Station();
    Station(const Station&) = delete;
    Station& operator=(const Station&) = delete;

    // Control's part: every sender has been heard afterwards, and its SSRC granted. Throws when the
    // worker drops anything.
    void open_streams();
    // Tops the receive ring up to about `packets` from the calling thread; `cold`: they lie in no
    // cache afterwards.
    void fill(unsigned packets, bool cold);
    unsigned waiting() const { return ports_.in.waiting(0); }
    FanOut& fan_out() { return fan_out_; }
    Worker& worker() { return fan_out_.worker(); }

  private:
    StationPorts& ports_;
    FanOut fan_out_;
    PacketWriter writer_;
};

}  // namespace mdd::bench
