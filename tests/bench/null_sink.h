// A port that sends into nothing but holds buffers back as a NIC's transmit ring does: the last 512
// stay in flight, so that fresh copies do not always come from the same few warm buffers. They go
// back to their pool together, as from a NIC that has been promised buffers of one pool.
#pragma once

#include <vector>

#include "tests/support/ring_port.h"

namespace mdd::bench {

class NullSink {
  public:
    static constexpr unsigned kInFlight = 512;
    // `name` is at most 20 characters and unique in the process. `pool` is the one that everything
    // sent here comes from.
    NullSink(const std::string& name, rte_mempool* pool, bool completes_checksums);
    // Frees what is in flight. Precondition: nobody sends any more.
    ~NullSink();
    NullSink(const NullSink&) = delete;
    NullSink& operator=(const NullSink&) = delete;

    Port& port() { return ring_.port(); }
    // The last `count` packets, the last one first, which stay in flight; fewer when there are not
    // so many. Throws std::runtime_error where one is not of the pool. Precondition: count <=
    // kInFlight; nobody sends meanwhile.
    std::vector<rte_mbuf*> sent(unsigned count);

  private:
    // rte_eth_add_tx_callback(): makes room in the flight for what is sent.
    static std::uint16_t land(std::uint16_t, std::uint16_t, rte_mbuf** packets, std::uint16_t count,
                              void* self);

    test::RingPort ring_;
    rte_mempool* pool_;
    const rte_eth_rxtx_callback* callback_;
};

}  // namespace mdd::bench
