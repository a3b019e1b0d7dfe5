// From the configuration to workers that are ready to run.
#include "controlplane/node.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <stdexcept>

namespace mdd::control {
namespace {

constexpr unsigned kControlBuffers = 1023;
constexpr std::size_t kMailboxPlaces = 4096;
constexpr std::size_t kHandOffPlaces = 1024;
constexpr unsigned kLeastFrame_bytes = 2048;
constexpr unsigned kFrameOverhead_bytes = 64;  // Ethernet, VLAN tags, and the tag of a copy

unsigned frame_bytes(const config::MddConfig& config) {
    unsigned longest = kLeastFrame_bytes;
    for (const auto& port : config.ports)
        longest = std::max<unsigned>(longest, port.mtu + kFrameOverhead_bytes);
    return longest;
}

EalConfig eal_config(const config::MddConfig& config) {
    EalConfig eal;
    eal.hugepages_mib = config.eal.hugepages_mib;
    // Buffer, headroom, descriptor and the pool's own header; then EAL, ports and rings.
    constexpr unsigned kPerBuffer_bytes = 512;
    constexpr unsigned kBase_mib = 160;
    const std::uint64_t pools_bytes = std::uint64_t{config.pool.mbufs_per_numa + kControlBuffers} *
                                      (frame_bytes(config) + kPerBuffer_bytes);
    eal.no_huge_mib = kBase_mib + static_cast<unsigned>(pools_bytes >> 20);
    eal.control_cpus = config.cpu.control;
    eal.worker_cpus = config.cpu.workers;
    for (const auto& port : config.ports) eal.devices.push_back(port.device);
    eal.extra_args = config.eal.extra_args;
    return eal;
}

PortConfig port_config(const config::PortConfig& port, bool interrupts) {
    return {.name = port.name,
            .device = port.device,
            .rx_queues = static_cast<std::uint16_t>(port.rx_queues),
            .tx_queues = static_cast<std::uint16_t>(port.tx_queues),
            .rx_desc = port.rx_desc,
            .tx_desc = port.tx_desc,
            .mtu = port.mtu,
            .rx_interrupts = interrupts,
            .one_pool_per_tx_queue = true};
}

PortFacts facts_of(const config::PortConfig& port, const Port& opened, unsigned workers) {
    if (port.addresses.size() != 1)
        throw std::runtime_error(fmt::format(
            "Port \"{}\" has {} addresses, but this version serves exactly one on each port.",
            port.name, port.addresses.size()));
    const auto& address = port.addresses.front();
    PortFacts facts;
    facts.mac = opened.mac();
    facts.mtu_bytes = opened.mtu();
    facts.spreads_flows = opened.spreads_flows_over(workers);
    facts.address = {net::to_be(address.address), static_cast<std::uint8_t>(address.length)};
    if (!port.gateway.empty()) facts.gateway = net::to_be(port.gateway.front());
    return facts;
}

}  // namespace

Node::Node(const config::MddConfig& config) : eal_(eal_config(config)) {
    if (!config.eal.extra_args.empty())
        spdlog::warn("eal.extra_args are passed to EAL unchecked: {}",
                     fmt::join(config.eal.extra_args, " "));
    make_pools(config);
    open_ports(config);
    make_workers(config);
}

Node::~Node() = default;

void Node::make_pools(const config::MddConfig& config) {
    const auto frame = static_cast<std::uint16_t>(frame_bytes(config));
    const auto socket = eal_.socket_of(0);
    control_pool_ = make_packet_pool("mdd_control", kControlBuffers, socket, frame);
    // What is received waits in queues and hand-off rings, and comes from the workers that poll.
    const unsigned half = config.pool.mbufs_per_numa / 2;
    const unsigned pollers =
        std::ranges::max(config.ports, {}, &config::PortConfig::rx_queues).rx_queues;
    for (unsigned worker = 0; worker < pollers; ++worker)
        receive_pools_.push_back(make_packet_pool(fmt::format("mdd_rx_{}", worker), half / pollers,
                                                  eal_.socket_of(worker), frame));
    for (unsigned worker = 0; worker < workers(); ++worker)
        copy_pools_.push_back(make_packet_pool(fmt::format("mdd_tx_{}", worker), half / workers(),
                                               eal_.socket_of(worker), frame));
}

void Node::open_ports(const config::MddConfig& config) {
    const bool interrupts = config.cpu.idle == config::Idle::adaptive;
    for (const auto& port : config.ports) {
        std::vector<rte_mempool*> pools;
        for (unsigned queue = 0; queue < port.rx_queues; ++queue)
            pools.push_back(receive_pools_[queue].get());
        ports_.push_back(Port::open(port_config(port, interrupts), pools));
        facts_.push_back(facts_of(port, ports_.back(), workers()));
        for (const auto& fallback : ports_.back().features().fallbacks)
            spdlog::info("port {}: {}", port.name, fallback);
        if (workers() > 1 && !facts_.back().spreads_flows)
            spdlog::info(
                "port {}: {} receive queue(s) do not spread flows over {} workers: endpoints go to "
                "the least busy worker, and their packets are handed over",
                port.name, port.rx_queues, workers());
        spdlog::info("port {} is {} with address {}", port.name, net::to_string(facts_.back().mac),
                     net::to_string(facts_.back().address));
    }
}

WorkerConfig Node::worker_config(const config::MddConfig& config, unsigned worker) {
    WorkerConfig made;
    made.index = static_cast<WorkerIndex>(worker);
    for (std::size_t i = 0; i < ports_.size(); ++i) {
        PortBinding binding;
        binding.port = &ports_[i];
        binding.address = facts_[i].address.ip;
        binding.rx_queue = worker < ports_[i].rx_queues() ? static_cast<int>(worker) : -1;
        binding.tx_queue = static_cast<std::uint16_t>(worker);
        made.ports.push_back(binding);
    }
    made.udp_ports = config.media.udp_ports;
    made.pool = copy_pools_[worker].get();
    made.burst = config.media.burst;
    made.replay_window = config.media.replay_window;
    made.adaptive_idle = config.cpu.idle == config::Idle::adaptive;
    made.conferences = config.conferences.size();
    for (const auto& conference : config.conferences) made.flows += conference.endpoints.size();
    for (unsigned other = 0; other < workers(); ++other) {
        const bool self = other == worker;
        made.to_worker.push_back(self ? nullptr : hand_offs_[worker * workers() + other].get());
        made.from_worker.push_back(self ? nullptr : hand_offs_[other * workers() + worker].get());
    }
    return made;
}

srtp::NumaNode Node::home_of(unsigned worker) const {
    return eal_.node_count() > 1 ? eal_.socket_of(worker) : srtp::kAnyNode;
}

void Node::make_workers(const config::MddConfig& config) {
    for (unsigned i = 0; i < workers() * workers(); ++i) {
        const srtp::OnNode taker(home_of(i % workers()));
        hand_offs_.push_back(std::make_unique<HandOffQueue>(kHandOffPlaces));
    }
    for (unsigned worker = 0; worker < workers(); ++worker) {
        const srtp::OnNode home(home_of(worker));
        mailboxes_.push_back(std::make_unique<Mailbox>(kMailboxPlaces));
        workers_.push_back(
            std::make_unique<Worker>(worker_config(config, worker), *mailboxes_.back()));
    }
    if (!srtp::hot_memory_keeps_nodes())
        spdlog::warn(
            "The kernel does not let mdd choose the NUMA node of keys and tables (mbind, "
            "CAP_SYS_NICE in a container): they lie on the node of the control thread.");
}

void Node::launch() {
    for (unsigned worker = 0; worker < workers(); ++worker)
        eal_.launch_worker(worker, [one = workers_[worker].get()] { one->run(); });
}

void Node::stop() {
    for (auto& worker : workers_) worker->stop();
    for (unsigned worker = 0; worker < workers(); ++worker) eal_.join(worker);
    for (auto& worker : workers_) worker->drain();
}

std::vector<WorkerDoor> Node::doors() const {
    std::vector<WorkerDoor> doors;
    for (unsigned i = 0; i < workers(); ++i)
        doors.push_back(
            {mailboxes_[i].get(), [worker = workers_[i].get()] { worker->wake(); }, home_of(i)});
    return doors;
}

std::vector<PortFacts> Node::port_facts() const {
    return facts_;
}

std::vector<const Counters*> Node::counters() const {
    std::vector<const Counters*> all;
    for (const auto& worker : workers_) all.push_back(&worker->counters());
    return all;
}

}  // namespace mdd::control
