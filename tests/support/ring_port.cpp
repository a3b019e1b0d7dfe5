// Rings as DPDK ports, and the one EAL of a test process.
#include "tests/support/ring_port.h"

#include <rte_eth_ring.h>
#include <rte_ring.h>
#include <sched.h>

#include <cstring>
#include <stdexcept>

namespace mdd::test {
namespace {

rte_ring* make_ring(const std::string& name, unsigned size) {
    rte_ring* ring =
        rte_ring_create(name.c_str(), size, SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ);
    if (ring == nullptr) throw std::runtime_error("cannot make the ring " + name);
    return ring;
}

void free_ring(rte_ring* ring) {
    void* packet = nullptr;
    while (rte_ring_dequeue(ring, &packet) == 0) {
        auto* mbuf = static_cast<rte_mbuf*>(packet);
        for (rte_mbuf* segment = mbuf; segment != nullptr; segment = segment->next)
            unpoison_room(segment);
        rte_pktmbuf_free(mbuf);
    }
    rte_ring_free(ring);
}

}  // namespace

std::vector<unsigned> cpus_of_process() {
    cpu_set_t allowed;
    CPU_ZERO(&allowed);
    sched_getaffinity(0, sizeof allowed, &allowed);
    std::vector<unsigned> cpus;
    for (unsigned cpu = 0; cpu < CPU_SETSIZE; ++cpu)
        if (CPU_ISSET(cpu, &allowed)) cpus.push_back(cpu);
    return cpus;
}

EalConfig test_eal_config() {
    EalConfig config;
    config.program = "mdd-test";
    config.no_huge_mib = 64;
    config.control_cpus = cpus_of_process();
    config.worker_cpus.clear();
    for (unsigned worker = 0; worker < kTestWorkers; ++worker)
        config.worker_cpus.push_back(config.control_cpus[worker % config.control_cpus.size()]);
    return config;
}

Eal& test_eal(const EalConfig& config) {
    static Eal eal(config);
    return eal;
}

RingPort::RingPort(const std::string& name, std::uint16_t rx_queues, std::uint16_t tx_queues,
                   unsigned ring_size, unsigned pool_count, bool checksums_behind)
    : name_(name) {
    test_eal();
    pool_ = make_packet_pool(name + "-pool", pool_count, SOCKET_ID_ANY);
    for (unsigned queue = 0; queue < rx_queues; ++queue)
        rx_rings_.push_back(make_ring(name + "-rx" + std::to_string(queue), ring_size));
    for (unsigned queue = 0; queue < tx_queues; ++queue)
        tx_rings_.push_back(make_ring(name + "-tx" + std::to_string(queue), ring_size));
    const int id = rte_eth_from_rings(name.c_str(), rx_rings_.data(), rx_queues, tx_rings_.data(),
                                      tx_queues, 0);
    if (id < 0) throw std::runtime_error("cannot make a port of rings");
    ethdev_id_ = static_cast<std::uint16_t>(id);
    PortConfig config;
    config.name = name;
    config.rx_queues = rx_queues;
    config.tx_queues = tx_queues;
    config.checksums_behind = checksums_behind;
    const std::vector<rte_mempool*> pools(rx_queues, pool_.get());
    port_.emplace(Port::adopt(ethdev_id_, config, pools));
}

RingPort::~RingPort() {
    port_.reset();
    rte_eth_dev_info info;
    if (rte_eth_dev_info_get(ethdev_id_, &info) == 0) rte_dev_remove(info.device);
    for (rte_ring* ring : rx_rings_) free_ring(ring);
    for (rte_ring* ring : tx_rings_) free_ring(ring);
}

void RingPort::inject(std::uint16_t queue, srtp::Bytes frame) {
    rte_mbuf* packet = rte_pktmbuf_alloc(pool_.get());
    if (packet == nullptr) throw std::runtime_error("inject: the pool is empty");
    unpoison_room(packet);
    char* room = rte_pktmbuf_append(packet, static_cast<std::uint16_t>(frame.size()));
    if (frame.size() > UINT16_MAX || room == nullptr) {
        rte_pktmbuf_free(packet);
        throw std::runtime_error("inject: the frame is longer than a buffer");
    }
    if (!frame.empty()) std::memcpy(room, frame.data(), frame.size());
    if (rte_ring_enqueue(rx_rings_.at(queue), packet) != 0) {
        rte_pktmbuf_free(packet);
        throw std::runtime_error("inject: the receive ring is full");
    }
}

// The other side of a ring is another thread, which DPDK's inlined functions do not tell the
// compiler: without a barrier a loop around them would go on looking at what it has read once.
unsigned RingPort::offer(std::uint16_t queue, rte_mbuf** packets, unsigned count) {
    rte_compiler_barrier();
    return rte_ring_enqueue_burst(rx_rings_[queue], reinterpret_cast<void**>(packets), count,
                                  nullptr);
}

unsigned RingPort::waiting(std::uint16_t queue) const {
    rte_compiler_barrier();
    return rte_ring_count(rx_rings_[queue]);
}

unsigned RingPort::take_sent(std::uint16_t queue, rte_mbuf** packets, unsigned count) {
    rte_compiler_barrier();
    return rte_ring_dequeue_burst(tx_rings_[queue], reinterpret_cast<void**>(packets), count,
                                  nullptr);
}

unsigned RingPort::in_flight(std::uint16_t queue) const {
    rte_compiler_barrier();
    return rte_ring_count(tx_rings_[queue]);
}

std::vector<std::vector<std::uint8_t>> RingPort::collect(std::uint16_t queue) {
    std::vector<std::vector<std::uint8_t>> frames;
    void* packet = nullptr;
    while (rte_ring_dequeue(tx_rings_.at(queue), &packet) == 0) {
        auto* mbuf = static_cast<rte_mbuf*>(packet);
        const bool whole = mbuf->nb_segs == 1 && mbuf->next == nullptr && RTE_MBUF_DIRECT(mbuf) &&
                           rte_mbuf_refcnt_read(mbuf) == 1;
        if (expected_pool_ != nullptr && (mbuf->pool != expected_pool_ || !whole)) ++unexpected_;
        auto& frame = frames.emplace_back();
        for (rte_mbuf* segment = mbuf; segment != nullptr; segment = segment->next) {
            const auto* bytes = rte_pktmbuf_mtod(segment, const std::uint8_t*);
            frame.insert(frame.end(), bytes, bytes + rte_pktmbuf_data_len(segment));
            unpoison_room(segment);
        }
        rte_pktmbuf_free(mbuf);
    }
    return frames;
}

std::vector<std::vector<std::uint8_t>> RingPort::collect_all() {
    std::vector<std::vector<std::uint8_t>> frames;
    for (std::uint16_t queue = 0; queue < tx_rings_.size(); ++queue)
        for (auto& frame : collect(queue)) frames.push_back(std::move(frame));
    return frames;
}

unsigned RingPort::free_buffers() const {
    return rte_mempool_avail_count(pool_.get());
}

}  // namespace mdd::test
