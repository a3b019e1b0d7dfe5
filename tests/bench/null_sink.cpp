// Sending into nothing: see null_sink.h.
#include "tests/bench/null_sink.h"

#include <algorithm>
#include <array>
#include <stdexcept>

namespace mdd::bench {
namespace {

// Room for all that is in flight and for a burst on top; the port receives nothing.
constexpr unsigned kRingPlaces = 2 * NullSink::kInFlight, kReceiveBuffers = 31;

}  // namespace

NullSink::NullSink(const std::string& name, rte_mempool* pool, bool completes_checksums)
    : ring_(name, 1, 1, kRingPlaces, kReceiveBuffers, completes_checksums),
      pool_(pool),
      callback_(rte_eth_add_tx_callback(port().ethdev_id(), 0, &NullSink::land, this)) {
    if (callback_ == nullptr) throw std::runtime_error("DPDK was built without callbacks");
}

NullSink::~NullSink() {
    rte_eth_remove_tx_callback(port().ethdev_id(), 0, callback_);
}

std::uint16_t NullSink::land(std::uint16_t, std::uint16_t, rte_mbuf**, std::uint16_t count,
                             void* self) {
    auto& sink = *static_cast<NullSink*>(self);
    std::array<rte_mbuf*, kInFlight> landed;
    const auto then = sink.ring_.in_flight(0) + count;
    if (then <= kInFlight) return count;
    const auto landing = std::min(then - kInFlight, kInFlight);
    const auto taken = sink.ring_.take_sent(0, landed.data(), landing);
    rte_mempool_put_bulk(sink.pool_, reinterpret_cast<void**>(landed.data()), taken);
    return count;
}

std::vector<rte_mbuf*> NullSink::sent(unsigned count) {
    std::vector<rte_mbuf*> all(ring_.in_flight(0));
    ring_.take_sent(0, all.data(), static_cast<unsigned>(all.size()));
    for (const auto* packet : all)
        if (packet->pool != pool_)
            throw std::runtime_error("a buffer of another pool was sent: " +
                                     std::string(packet->pool->name));
    port().tx_burst(0, all.data(), static_cast<std::uint16_t>(all.size()));
    std::reverse(all.begin(), all.end());
    all.resize(std::min<std::size_t>(all.size(), count));
    return all;
}

}  // namespace mdd::bench
