// Sending into nothing: see null_sink.h.
#include "tests/bench/null_sink.h"

#include <stdexcept>
#include <utility>

namespace mdd::bench {

NullSink::NullSink(const std::string& name, rte_mempool* pool, bool completes_checksums)
    : port_(Port::open({.name = name,
                        .device = name,
                        .rx_interrupts = false,
                        .checksums_behind = completes_checksums},
                       {&pool, 1})),
      callback_(rte_eth_add_tx_callback(port_.ethdev_id(), 0, &NullSink::exchange, this)) {
    if (callback_ == nullptr) throw std::runtime_error("DPDK was built without callbacks");
    if (rte_pktmbuf_alloc_bulk(pool, in_flight_.data(), kInFlight) != 0)
        throw std::runtime_error("too few buffers to begin with");
}

NullSink::~NullSink() {
    rte_eth_remove_tx_callback(port_.ethdev_id(), 0, callback_);
    for (auto* packet : in_flight_) rte_pktmbuf_free(packet);
}

std::uint16_t NullSink::exchange(std::uint16_t, std::uint16_t, rte_mbuf** packets,
                                 std::uint16_t count, void* self) {
    auto& sink = *static_cast<NullSink*>(self);
    for (unsigned i = 0; i < count; ++i) {
        std::swap(packets[i], sink.in_flight_[sink.oldest_]);
        sink.oldest_ = (sink.oldest_ + 1) % kInFlight;
    }
    return count;
}

}  // namespace mdd::bench
