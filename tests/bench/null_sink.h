// A port that sends into nothing but holds buffers back as a NIC's transmit ring does: the last 512
// stay in flight, so that fresh copies do not always come from the same few warm buffers.
#pragma once

#include <array>

#include "dataplane/port.h"

namespace mdd::bench {

// Its worker writes to it with every packet, and shares no cache line of it.
class alignas(64) NullSink {
  public:
    static constexpr unsigned kInFlight = 512;
    // `name` is unique in the process. `pool` gives the buffers that are in flight at the
    // beginning.
    NullSink(const std::string& name, rte_mempool* pool, bool completes_checksums);
    // Frees what is in flight. Precondition: nobody sends any more.
    ~NullSink();
    NullSink(const NullSink&) = delete;
    NullSink& operator=(const NullSink&) = delete;

    Port& port() { return port_; }
    // What was sent `ago` packets before the last one. Precondition: ago < kInFlight.
    const rte_mbuf* sent(unsigned ago) const {
        return in_flight_[(oldest_ + 2 * kInFlight - 1 - ago) % kInFlight];
    }

  private:
    // rte_eth_add_tx_callback(): exchanges what is sent for what has been in flight longest.
    static std::uint16_t exchange(std::uint16_t, std::uint16_t, rte_mbuf** packets,
                                  std::uint16_t count, void* self);

    std::array<rte_mbuf*, kInFlight> in_flight_{};
    std::size_t oldest_ = 0;
    Port port_;
    const rte_eth_rxtx_callback* callback_;
};

}  // namespace mdd::bench
