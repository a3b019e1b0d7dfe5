// One DPDK ethdev as the configuration names it: opened, masked to what the device can do, polled,
// closed. It knows no protocol.
#pragma once

#include <rte_ethdev.h>

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "dataplane/net/address.h"
#include "dataplane/port_config.h"

namespace mdd {

// What the device agreed to. Where a wish was refused, `fallbacks` says so in a sentence for the
// start-up log.
struct PortFeatures {
    bool tx_udp_checksum =
        false;  // seed_udp_checksum() and mbuf flags suffice; otherwise write_udp_checksum()
    bool rx_ipv4_checksum = false;  // RTE_MBUF_F_RX_IP_CKSUM_GOOD may be believed
    bool rss = false;               // the device spreads IPv4/UDP flows over the receive queues
    bool rx_interrupts = false;     // RxWaiter sleeps on the device instead of a timer
    bool device_mtu = false;        // the device enforces mtu() too; otherwise only the sender does
    std::uint16_t rx_desc = 0;
    std::uint16_t tx_desc = 0;
    std::vector<std::string> fallbacks;
};

struct PortCounters {
    std::uint64_t rx_packets = 0, rx_bytes = 0, tx_packets = 0, tx_bytes = 0;
    std::uint64_t rx_missed = 0;  // no descriptor was free
    std::uint64_t rx_nombuf = 0;  // no mbuf was free
    std::uint64_t rx_errors = 0, tx_errors = 0;
};

struct PortLink {
    bool up = false;
    std::uint32_t mbit_per_second = 0;  // 0: unknown
};

// Move-only owner of one started device. open(), adopt(), stop() and destruction: control thread,
// while no worker polls (memif crashes otherwise). rx_burst()/tx_burst(): one thread per queue. The
// rest: any thread.
class Port {
  public:
    // Plugs the device where EAL has not (vdevs), configures and starts it. `rx_pools` holds one
    // pool per receive queue; a queue takes mbufs from its own only. Throws std::runtime_error with
    // a full sentence.
    static Port open(const PortConfig& config, std::span<rte_mempool* const> rx_pools);
    // The same for an ethdev that exists already; `config.device` is ignored, and the device is
    // left in place when closed.
    static Port adopt(std::uint16_t ethdev_id, const PortConfig& config,
                      std::span<rte_mempool* const> rx_pools);

    Port(Port&& other) noexcept;
    Port& operator=(Port&& other) noexcept;
    ~Port();

    // `capacity` >= what is taken; returns the number of mbufs now owned by the caller.
    std::uint16_t rx_burst(std::uint16_t queue, rte_mbuf** packets, std::uint16_t capacity) const {
        return rte_eth_rx_burst(id_, queue, packets, capacity);
    }
    // Returns how many were taken, from the front; the rest stay the caller's.
    std::uint16_t tx_burst(std::uint16_t queue, rte_mbuf** packets, std::uint16_t count) const {
        return rte_eth_tx_burst(id_, queue, packets, count);
    }

    std::uint16_t ethdev_id() const { return id_; }
    const std::string& name() const { return config_.name; }
    std::uint16_t rx_queues() const { return config_.rx_queues; }
    std::uint16_t tx_queues() const { return config_.tx_queues; }
    std::uint16_t mtu() const { return config_.mtu; }
    // Flows come to each of so many workers without their doing: with fewer queues, or a device
    // that does not hash, some get none.
    bool spreads_flows_over(std::size_t workers) const {
        return features_.rss && config_.rx_queues >= workers;
    }
    const net::MacAddress& mac() const { return mac_; }
    const PortFeatures& features() const { return features_; }
    PortCounters counters() const;
    PortLink link() const;

    // Stops the device; idempotent. rx_burst()/tx_burst() must not be called any more.
    void stop();

  private:
    Port(std::uint16_t ethdev_id, const PortConfig& config);
    void configure(std::span<rte_mempool* const> rx_pools);
    void settle();
    void release() noexcept;

    std::uint16_t id_ = RTE_MAX_ETHPORTS;  // RTE_MAX_ETHPORTS: moved from
    PortConfig config_;
    PortFeatures features_;
    net::MacAddress mac_;
    bool started_ = false;
    bool plugged_here_ = false;  // by open(): unplugged again at the end
    bool adopted_ = false;       // somebody else closes the device
};

}  // namespace mdd
