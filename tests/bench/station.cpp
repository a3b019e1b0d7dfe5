// Ports, conferences and packets of one worker among several: see station.h.
#include "tests/bench/station.h"

#include <immintrin.h>
#include <rte_mbuf.h>

#include <array>

namespace mdd::bench {
namespace {

constexpr unsigned kBatch = 32;
constexpr unsigned kCopyBuffers = 8191;
constexpr std::size_t kLine = 64;

void flush_from_caches(const void* from, std::size_t size_bytes) {
    const auto* bytes = static_cast<const char*>(from);
    for (std::size_t at = 0; at < size_bytes; at += kLine) _mm_clflush(bytes + at);
}

}  // namespace

StationPorts::StationPorts(const std::string& name, unsigned packets)
    : in(name, 1, 1, packets + 1, packets),
      copies(make_packet_pool(name + "-out", kCopyBuffers, SOCKET_ID_ANY)),
      sink(name + "-sink", copies.get(), /*completes_checksums=*/true) {}

Station::Station(const FanOutConfig& config, StationPorts& ports, const WorkerPlace& place)
    : ports_(ports),
      fan_out_(config, ports.in.port(), ports.sink.port(), ports.copies.get(), place),
      writer_(fan_out_) {}

void Station::open_streams() {
    for (std::size_t granted = 0; granted < fan_out_.senders().size();) {
        fill(kBatch, /*cold=*/false);
        worker().poll_once();
        fan_out_.check_drops();
        granted += fan_out_.grant();
    }
}

Station::~Station() {
    std::array<rte_mbuf*, kBatch> left;
    while (const auto count = ports_.in.port().rx_burst(0, left.data(), kBatch))
        rte_pktmbuf_free_bulk(left.data(), count);
}

void Station::fill(unsigned packets, bool cold) {
    std::array<rte_mbuf*, kBatch> batch;
    // A few buffers may wait in the pool's cache of another thread; then the ring holds less.
    while (waiting() + kBatch <= packets &&
           rte_pktmbuf_alloc_bulk(ports_.in.pool(), batch.data(), kBatch) == 0) {
        for (auto* packet : batch) {
            writer_.write(packet);
            if (!cold) continue;
            flush_from_caches(rte_pktmbuf_mtod(packet, void*), packet->data_len);
            flush_from_caches(packet, sizeof *packet);
        }
        const auto taken = ports_.in.offer(0, batch.data(), kBatch);
        rte_pktmbuf_free_bulk(batch.data() + taken, kBatch - taken);
    }
}

}  // namespace mdd::bench
