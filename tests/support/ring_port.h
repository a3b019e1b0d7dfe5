// In-process DPDK ports made of rings: a test pushes frames into chosen receive queues and pops
// what was sent. The real rte_eth_rx_burst()/tx_burst() run in between. Needs neither root nor
// hugepages.
//
//   mdd::test::RingPort ring("media0", 2 /* rx queues */, 2 /* tx queues */);
//   ring.inject(1, frame_bytes);             // arrives on queue 1 with the next rx_burst
//   worker.poll_once(ring.port());
//   auto sent = ring.collect(0);             // vector of frames transmitted on queue 0, oldest
//   first
//
// The first RingPort (or test_eal()) starts the one EAL of the process. Link ring_port_dep; one EAL
// per process, so one test program per EAL set-up.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "dataplane/eal.h"
#include "dataplane/packet_pool.h"
#include "dataplane/port.h"
#include "dataplane/srtp/bytes.h"

namespace mdd::test {

inline constexpr unsigned kTestWorkers = 2;

// The CPUs that this process may use, whatever their numbers.
std::vector<unsigned> cpus_of_process();

// Workers share the CPUs of the process in turn; 64 MiB without hugepages.
EalConfig test_eal_config();

// Starts EAL at the first call, with that call's configuration; lives until the process ends.
Eal& test_eal(const EalConfig& config = test_eal_config());

class RingPort {
  public:
    // `name` at most 20 characters, unique among living RingPorts. `ring_size` is a power of two: a
    // queue holds one less. `pool_count` buffers serve all receive queues and inject(); the port's
    // sent frames stay in them until collected. `checksums_behind`: as in PortConfig.
    RingPort(const std::string& name, std::uint16_t rx_queues, std::uint16_t tx_queues,
             unsigned ring_size = 1024, unsigned pool_count = 4095, bool checksums_behind = false);
    ~RingPort();
    RingPort(const RingPort&) = delete;
    RingPort& operator=(const RingPort&) = delete;

    // Puts a copy of `frame` on a receive queue. Throws std::runtime_error when the ring or the
    // pool is full, or the frame longer than a buffer.
    void inject(std::uint16_t queue, srtp::Bytes frame);
    // Puts mbufs on a receive queue as they are, as many as fit; returns how many, from the front.
    // From one thread.
    unsigned offer(std::uint16_t queue, rte_mbuf** packets, unsigned count);
    // How many packets wait in a receive queue.
    unsigned waiting(std::uint16_t queue) const;
    // Takes the oldest `count` mbufs transmitted on `queue` as they are; returns how many there
    // were. From one thread, which may be the sender's.
    unsigned take_sent(std::uint16_t queue, rte_mbuf** packets, unsigned count);
    // How many are transmitted on `queue` and not taken or collected.
    unsigned in_flight(std::uint16_t queue) const;
    // Everything transmitted on `queue` since the last call, oldest first. Frees the mbufs.
    // Multi-segment mbufs are joined.
    std::vector<std::vector<std::uint8_t>> collect(std::uint16_t queue);
    // The same for all transmit queues, queue 0 first.
    std::vector<std::vector<std::uint8_t>> collect_all();

    // What is collected from now on must be in whole buffers of `pool`, each in one segment and
    // nobody else's: what PortConfig::one_pool_per_tx_queue promises of each queue, here of all.
    void expect_from(const rte_mempool* pool) { expected_pool_ = pool; }
    // How many collected packets were not.
    unsigned unexpected() const { return unexpected_; }

    Port& port() { return *port_; }
    rte_mempool* pool() { return pool_.get(); }
    // Buffers not in use: equal to the pool's size when nothing leaks.
    unsigned free_buffers() const;

  private:
    std::string name_;
    PacketPool pool_;
    std::vector<rte_ring*> rx_rings_;
    std::vector<rte_ring*> tx_rings_;
    std::uint16_t ethdev_id_ = RTE_MAX_ETHPORTS;
    std::optional<Port> port_;
    const rte_mempool* expected_pool_ = nullptr;
    unsigned unexpected_ = 0;
};

}  // namespace mdd::test
