// Starting and ending.
#include "tools/mdd-load/rig.h"

#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <exception>
#include <thread>

namespace mdd::load {
namespace {

constexpr std::chrono::seconds kTunnelPatience{30};
constexpr std::chrono::milliseconds kWatchInterval{50};
// Both queues full, a memif's own copies, and bursts under way.
constexpr unsigned kSpareBuffers = 4096;

unsigned buffers_for(const PortSection& port) {
    return port.queues * port.rx_desc + port.sending() * port.tx_desc + kSpareBuffers - 1;
}

EalConfig eal_config(const Bed& bed) {
    EalConfig eal;
    eal.program = "mdd-load";
    eal.file_prefix = fmt::format("mdd-load-{}", getpid());
    eal.hugepages_mib = bed.eal.hugepages_mib;
    eal.control_cpus = bed.cpu.control;
    eal.worker_cpus = {bed.cpu.poll};
    eal.devices = {bed.port.device};
    eal.extra_args = bed.eal.extra_args;
    constexpr unsigned kBase_mib = 160, kBuffer_bytes = 2048 + 512;
    eal.no_huge_mib = kBase_mib + static_cast<unsigned>(
                                      std::uint64_t{buffers_for(bed.port)} * kBuffer_bytes >> 20);
    return eal;
}

PortConfig port_config(const PortSection& port) {
    return {.name = "load",
            .device = port.device,
            .rx_queues = port.queues,
            .tx_queues = port.sending(),
            .rx_desc = port.rx_desc,
            .tx_desc = port.tx_desc,
            .mtu = port.mtu,
            .rx_interrupts = false};
}

Port open_port(const Bed& bed, rte_mempool* pool) {
    const std::vector<rte_mempool*> pools(bed.port.queues, pool);
    return Port::open(port_config(bed.port), pools);
}

}  // namespace

Rig::Rig(const Scenario& scenario, const Bed& bed, bool real)
    : keys_(KeySource::random(scenario.conferences.profile)),
      world_(scenario, bed, keys_),
      schedule_(scenario, world_.plan()),
      eal_(eal_config(bed)),
      pool_(make_packet_pool("load", buffers_for(bed.port), eal_.socket_of(0))),
      port_(open_port(bed, pool_.get())) {
    if (real)
        real_.emplace(bed, world_.plan(), keys_.profile());
    else
        kmf_.emplace(bed.kmf, world_.plan(), keys_);
    loop_ = std::make_unique<PollLoop>(
        world_, bed, schedule_, port_, pool_.get(),
        [this](EndpointIndex endpoint) { kmf_->put_out(endpoint); }, real_ ? &*real_ : nullptr);
}

Rig::~Rig() = default;

void Rig::wait_for_tunnel(const std::function<bool()>& is_stopped) {
    if (!kmf_) return;
    const auto until = std::chrono::steady_clock::now() + kTunnelPatience;
    while (kmf_->tunnels_up() == 0) {
        if (is_stopped()) throw Stopped();
        if (std::chrono::steady_clock::now() > until)
            throw PhaseError(fmt::format(
                "No tunnel of mdd's came up within {} s. {}", kTunnelPatience.count(),
                kmf_->last_trouble().empty() ? "Nobody even tried." : kmf_->last_trouble()));
        std::this_thread::sleep_for(kWatchInterval);
    }
}

void Rig::run(const std::function<void(PollLoop&, Gauges&)>& phase, const Watch& watch,
              const std::function<bool()>& is_stopped) {
    Gauges gauges;
    std::atomic<bool> is_over{false};
    std::exception_ptr failure;
    eal_.launch_worker(0, [&] {
        try {
            phase(*loop_, gauges);
        } catch (...) {
            failure = std::current_exception();
        }
        is_over.store(true, std::memory_order_release);
    });
    while (!is_over.load(std::memory_order_acquire)) {
        std::this_thread::sleep_for(kWatchInterval);
        if (is_stopped()) gauges.stop = true;
        watch(gauges);
    }
    eal_.join(0);
    if (failure) std::rethrow_exception(failure);
}

}  // namespace mdd::load
