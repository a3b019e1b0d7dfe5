// What the configuration says about one port. Plain values, free of rte_* headers.
#pragma once

#include <cstdint>
#include <string>

namespace mdd {

struct PortConfig {
    std::string name;    // as operators see it, "media0"
    std::string device;  // PCI address or DPDK vdev with arguments: "net_tap0,iface=dtap0"
    std::uint16_t rx_queues = 1;
    std::uint16_t tx_queues = 1;
    std::uint16_t rx_desc = 1024;  // wishes: the device's limits and alignment win
    std::uint16_t tx_desc =
        512;                   // more than 512 in flight overflows L2 and costs a third of the rate
    std::uint16_t mtu = 1500;  // IP bytes
    bool rx_interrupts = true;  // wished; used by idle = "adaptive"
    // Each transmit queue is given buffers of one pool only, in one segment and nobody else's:
    // devices that can give them back together, without a look at each, may.
    bool one_pool_per_tx_queue = false;
    // UDP checksums are completed behind the port, whatever the device says of itself: by a
    // transmit callback that plays a NIC.
    bool checksums_behind = false;
};

}  // namespace mdd
