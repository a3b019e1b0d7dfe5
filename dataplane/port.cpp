// Opening a device: find it, mask every wish with what it reports, start it.
#include "dataplane/port.h"

#include <net/if.h>
#include <rte_dev.h>
#include <rte_errno.h>

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace mdd {
namespace {

constexpr std::uint16_t kNoDevice = RTE_MAX_ETHPORTS;

[[noreturn]] void fail(const PortConfig& config, const std::string& reason) {
    throw std::runtime_error("port \"" + config.name + "\": " + reason + ".");
}

void check(int result, const PortConfig& config, const std::string& what) {
    if (result < 0) fail(config, what + " failed: " + rte_strerror(-result));
}

// The name under which ethdev knows a device: the vdev's or the PCI address's text before the first
// comma.
std::string ethdev_name(const std::string& device) {
    return device.substr(0, device.find(','));
}

std::string device_argument(const std::string& device, const std::string& key) {
    const std::size_t at = device.find("," + key + "=");
    if (at == std::string::npos) return "";
    const std::size_t value_at = at + key.size() + 2;
    return device.substr(value_at, device.find(',', value_at) - value_at);
}

// The packet-socket drivers say only "No such device" when their interface is missing.
void check_interface(const PortConfig& config) {
    const std::string driver = ethdev_name(config.device);
    if (!driver.starts_with("net_af_packet") && !driver.starts_with("net_af_xdp")) return;
    const std::string interface = device_argument(config.device, "iface");
    if (interface.empty()) fail(config, "device \"" + config.device + "\" names no iface=");
    if (if_nametoindex(interface.c_str()) == 0)
        fail(config, "there is no network interface \"" + interface + "\" (device \"" +
                         config.device + "\")");
}

std::string known_devices() {
    std::string names;
    std::uint16_t id;
    RTE_ETH_FOREACH_DEV(id) {
        char name[RTE_ETH_NAME_MAX_LEN];
        if (rte_eth_dev_get_name_by_port(id, name) == 0)
            names += (names.empty() ? "" : ", ") + std::string(name);
    }
    return names.empty() ? "none" : names;
}

std::string probe_error(int result) {
    // EAL's odd word for a name that no driver and no bus claims.
    if (result == -EFAULT) return "no driver has that name";
    return result < 0 ? rte_strerror(-result) : "probed, but no port appeared";
}

// The offloads and hash types that we know how to use, as far as the device has them.
rte_eth_conf masked_conf(const PortConfig& config, const rte_eth_dev_info& info,
                         PortFeatures& features) {
    rte_eth_conf conf{};
    conf.rxmode.mtu = config.mtu;
    conf.rxmode.offloads = RTE_ETH_RX_OFFLOAD_IPV4_CKSUM & info.rx_offload_capa;
    conf.txmode.offloads = RTE_ETH_TX_OFFLOAD_UDP_CKSUM & info.tx_offload_capa;
    features.rx_ipv4_checksum = conf.rxmode.offloads != 0;
    features.tx_udp_checksum = conf.txmode.offloads != 0 || config.checksums_behind;
    if (config.one_pool_per_tx_queue)
        conf.txmode.offloads |= RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE & info.tx_offload_capa;
    if (!features.rx_ipv4_checksum)
        features.fallbacks.push_back("IPv4 header checksums are verified in software");
    if (!features.tx_udp_checksum)
        features.fallbacks.push_back("UDP checksums are computed in software");

    if (config.rx_queues > 1) {
        conf.rx_adv_conf.rss_conf.rss_hf =
            RTE_ETH_RSS_NONFRAG_IPV4_UDP & info.flow_type_rss_offloads;
        features.rss = conf.rx_adv_conf.rss_conf.rss_hf != 0;
        if (features.rss)
            conf.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
        else
            features.fallbacks.push_back("the device does not hash IPv4/UDP flows over its queues");
    }
    return conf;
}

// One log line less for every device that has no interrupts: asking is not an error.
bool has_rx_interrupts(std::uint16_t ethdev_id) {
    const int level = rte_log_get_level(static_cast<std::uint32_t>(rte_eth_dev_logtype));
    rte_log_set_level(static_cast<std::uint32_t>(rte_eth_dev_logtype), RTE_LOG_EMERG);
    const int descriptor = rte_eth_dev_rx_intr_ctl_q_get_fd(ethdev_id, 0);
    rte_log_set_level(static_cast<std::uint32_t>(rte_eth_dev_logtype),
                      static_cast<std::uint32_t>(level));
    return descriptor >= 0;
}

void set_up_queues(std::uint16_t id, const PortConfig& config, const rte_eth_dev_info& info,
                   const rte_eth_conf& conf, const PortFeatures& features,
                   std::span<rte_mempool* const> rx_pools) {
    const int socket = rte_eth_dev_socket_id(id);
    const auto node = static_cast<unsigned>(socket);  // SOCKET_ID_ANY stays what it is
    rte_eth_rxconf rx = info.default_rxconf;
    rx.offloads = conf.rxmode.offloads;
    for (std::uint16_t queue = 0; queue < config.rx_queues; ++queue)
        check(rte_eth_rx_queue_setup(id, queue, features.rx_desc, node, &rx, rx_pools[queue]),
              config, "setting up receive queue " + std::to_string(queue));
    rte_eth_txconf tx = info.default_txconf;
    tx.offloads = conf.txmode.offloads;
    for (std::uint16_t queue = 0; queue < config.tx_queues; ++queue)
        check(rte_eth_tx_queue_setup(id, queue, features.tx_desc, node, &tx), config,
              "setting up transmit queue " + std::to_string(queue));
}

void check_limits(const PortConfig& config, const rte_eth_dev_info& info,
                  std::span<rte_mempool* const> rx_pools) {
    const auto check_queues = [&config](unsigned wanted, unsigned limit, const char* direction) {
        if (wanted == 0 || wanted > limit)
            fail(config, std::to_string(wanted) + " " + direction +
                             " queues are configured, but the device has " + std::to_string(limit));
    };
    check_queues(config.rx_queues, info.max_rx_queues, "receive");
    check_queues(config.tx_queues, info.max_tx_queues, "transmit");
    if (config.mtu < info.min_mtu || config.mtu > info.max_mtu)
        fail(config, "mtu " + std::to_string(config.mtu) + " is configured, but the device takes " +
                         std::to_string(info.min_mtu) + " to " + std::to_string(info.max_mtu));
    if (rx_pools.size() != config.rx_queues)
        fail(config, std::to_string(rx_pools.size()) + " buffer pools for " +
                         std::to_string(config.rx_queues) + " receive queues");
    // Without scatter a frame must fit one buffer: Ethernet header and one VLAN tag around the MTU.
    constexpr std::size_t kFrameOverheadBytes = 18;
    for (rte_mempool* pool : rx_pools)
        if (rte_pktmbuf_data_room_size(pool) <
            RTE_PKTMBUF_HEADROOM + kFrameOverheadBytes + config.mtu)
            fail(config, "mtu " + std::to_string(config.mtu) +
                             " does not fit the buffers of pool " + pool->name);
}

}  // namespace

Port::Port(std::uint16_t ethdev_id, const PortConfig& config) : id_(ethdev_id), config_(config) {}

Port Port::open(const PortConfig& config, std::span<rte_mempool* const> rx_pools) {
    check_interface(config);
    const std::string name = ethdev_name(config.device);
    std::uint16_t id = kNoDevice;
    const bool known = rte_eth_dev_get_port_by_name(name.c_str(), &id) == 0;
    if (!known) {
        const int result = rte_dev_probe(config.device.c_str());
        if (result < 0 || rte_eth_dev_get_port_by_name(name.c_str(), &id) != 0)
            fail(config, "DPDK does not find the device \"" + config.device + "\" (" +
                             probe_error(result) + "); it knows: " + known_devices());
    }
    Port port(id, config);
    port.plugged_here_ = !known;
    port.configure(rx_pools);
    return port;
}

Port Port::adopt(std::uint16_t ethdev_id, const PortConfig& config,
                 std::span<rte_mempool* const> rx_pools) {
    if (rte_eth_dev_is_valid_port(ethdev_id) == 0)
        fail(config, "there is no ethdev " + std::to_string(ethdev_id));
    Port port(ethdev_id, config);
    port.adopted_ = true;
    port.configure(rx_pools);
    return port;
}

void Port::configure(std::span<rte_mempool* const> rx_pools) {
    rte_eth_dev_info info;
    check(rte_eth_dev_info_get(id_, &info), config_, "asking the device what it can do");
    check_limits(config_, info, rx_pools);
    rte_eth_conf conf = masked_conf(config_, info, features_);

    features_.rx_desc = config_.rx_desc;
    features_.tx_desc = config_.tx_desc;
    const auto start = [&](bool interrupts) {
        conf.intr_conf.rxq = interrupts ? 1 : 0;
        check(rte_eth_dev_configure(id_, config_.rx_queues, config_.tx_queues, &conf), config_,
              "configuring the device");
        check(rte_eth_dev_adjust_nb_rx_tx_desc(id_, &features_.rx_desc, &features_.tx_desc),
              config_, "asking the device for its descriptor limits");
        set_up_queues(id_, config_, info, conf, features_, rx_pools);
        return rte_eth_dev_start(id_);
    };
    int result = start(config_.rx_interrupts);
    // Some drivers refuse to start when the bus gave them no interrupt per queue; polling still
    // works.
    if (result < 0 && config_.rx_interrupts) result = start(false);
    check(result, config_, "starting the device");
    started_ = true;
    settle();
}

// What is known only of a started device.
void Port::settle() {
    features_.rx_interrupts = config_.rx_interrupts && has_rx_interrupts(id_);
    if (config_.rx_interrupts && !features_.rx_interrupts)
        features_.fallbacks.push_back(
            "no receive interrupts: an idle worker wakes by a timer instead");
    features_.device_mtu = rte_eth_dev_set_mtu(id_, config_.mtu) == 0;
    if (!features_.device_mtu)
        features_.fallbacks.push_back("the device has no MTU to set; only the sender keeps to it");
    if (features_.rx_desc != config_.rx_desc || features_.tx_desc != config_.tx_desc)
        features_.fallbacks.push_back("descriptors adjusted to " +
                                      std::to_string(features_.rx_desc) + " receive, " +
                                      std::to_string(features_.tx_desc) + " transmit");
    rte_ether_addr mac{};
    check(rte_eth_macaddr_get(id_, &mac), config_, "asking the device for its MAC address");
    std::copy_n(mac.addr_bytes, mac_.bytes.size(), mac_.bytes.begin());
}

Port::Port(Port&& other) noexcept
    : id_(std::exchange(other.id_, kNoDevice)),
      config_(std::move(other.config_)),
      features_(std::move(other.features_)),
      mac_(other.mac_),
      started_(std::exchange(other.started_, false)),
      plugged_here_(other.plugged_here_),
      adopted_(other.adopted_) {}

Port& Port::operator=(Port&& other) noexcept {
    if (this == &other) return *this;
    release();
    id_ = std::exchange(other.id_, kNoDevice);
    config_ = std::move(other.config_);
    features_ = std::move(other.features_);
    mac_ = other.mac_;
    started_ = std::exchange(other.started_, false);
    plugged_here_ = other.plugged_here_;
    adopted_ = other.adopted_;
    return *this;
}

Port::~Port() {
    release();
}

void Port::stop() {
    if (std::exchange(started_, false)) rte_eth_dev_stop(id_);
}

void Port::release() noexcept {
    if (id_ == kNoDevice) return;
    stop();
    rte_eth_dev_info info;
    if (plugged_here_ && rte_eth_dev_info_get(id_, &info) == 0)
        rte_dev_remove(info.device);  // so that the same name can be plugged again
    else if (!adopted_)
        rte_eth_dev_close(id_);
    id_ = kNoDevice;
}

PortCounters Port::counters() const {
    rte_eth_stats stats{};
    if (rte_eth_stats_get(id_, &stats) != 0) return {};
    return {stats.ipackets, stats.ibytes,    stats.opackets, stats.obytes,
            stats.imissed,  stats.rx_nombuf, stats.ierrors,  stats.oerrors};
}

PortLink Port::link() const {
    rte_eth_link link{};
    if (rte_eth_link_get_nowait(id_, &link) != 0) return {};
    const bool known = link.link_speed != RTE_ETH_SPEED_NUM_UNKNOWN;
    return {link.link_status == RTE_ETH_LINK_UP, known ? link.link_speed : 0};
}

}  // namespace mdd
