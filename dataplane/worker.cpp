// The poll loop: see worker.h.
#include "dataplane/worker.h"

#include <rte_cycles.h>

#include <algorithm>

#include "dataplane/commands.h"
#include "dataplane/ingress.h"
#include "dataplane/packet_pool.h"
#include "dataplane/port.h"
#include "dataplane/rx_waiter.h"
#include "dataplane/srtp/aead.h"

namespace mdd {

namespace {

// Empty rounds before a worker with adaptive idling sleeps, and for how long at most: commands are
// looked at then.
constexpr unsigned kRoundsBeforeSleep = 2000;
constexpr std::uint32_t kSleep_us = 1000;
// Commands carried out in one round, so that a long list does not hold packets up.
constexpr unsigned kCommandsPerRound = 16;

}  // namespace

struct Worker::Core {
    Core(WorkerConfig worker_config, Mailbox& worker_mailbox)
        : config(std::move(worker_config)),
          mailbox(worker_mailbox),
          table(config.conferences, config.flows),
          egress(config.ports, config.pool, counters),
          forwarder(table, egress, counters),
          receiver(table, forwarder, mailbox, counters, clock, config.index, config.replay_window),
          ingress(config, table, egress, mailbox, counters),
          commands(table, receiver, egress) {
        for (const auto& binding : config.ports)
            if (binding.rx_queue >= 0)
                waiter.add(*binding.port, static_cast<std::uint16_t>(binding.rx_queue));
        if (lives_on_others()) waiter.use_timer();
    }

    // Another worker polls a port that leaves it to us to spread what comes.
    bool lives_on_others() const {
        return std::ranges::any_of(config.ports, [this](const PortBinding& binding) {
            return !binding.port->spreads_flows_over(config.to_worker.size()) &&
                   (binding.rx_queue < 0 || binding.port->rx_queues() > 1);
        });
    }

    bool run_commands();
    bool poll_ports();
    bool poll_handed();
    void receive() {
        receiver.rtp(lanes.rtp);
        receiver.rtcp(lanes.rtcp);
    }

    const WorkerConfig config;
    Mailbox& mailbox;
    Counters counters;
    StageClock clock;
    Table table;
    Egress egress;
    Forwarder forwarder;
    Receiver receiver;
    Ingress ingress;
    CommandRunner commands;
    RxWaiter waiter;
    MediaLanes lanes;
    std::atomic<bool> stopping{false};
};

bool Worker::Core::run_commands() {
    unsigned done = 0;
    for (; done < kCommandsPerRound; ++done) {
        auto* command = mailbox.next_command();
        if (command == nullptr) break;
        std::visit(commands, command->body);
        mailbox.acknowledge(command);
    }
    return done != 0;
}

bool Worker::Core::poll_ports() {
    bool busy = false;
    std::array<rte_mbuf*, kMaxBurst> packets;
    for (std::size_t port = 0; port < config.ports.size(); ++port) {
        const auto& binding = config.ports[port];
        if (binding.rx_queue < 0) continue;
        const unsigned count =
            binding.port->rx_burst(static_cast<std::uint16_t>(binding.rx_queue), packets.data(),
                                   static_cast<std::uint16_t>(config.burst));
        if (count == 0) continue;
        busy = true;
        clock.mark(Stage::receive);
        lanes.rtp.count = lanes.rtcp.count = 0;
        ingress.sort(static_cast<PortIndex>(port), packets.data(), count, lanes);
        clock.mark(Stage::classify);
        receive();
    }
    return busy;
}

bool Worker::Core::poll_handed() {
    bool busy = false;
    std::array<HandedPacket, kMaxBurst> handed;
    for (auto* queue : config.from_worker) {
        if (queue == nullptr) continue;
        const auto count = queue->pop(handed.data(), config.burst);
        if (count == 0) continue;
        busy = true;
        lanes.rtp.count = lanes.rtcp.count = 0;
        ingress.sort_handed(handed.data(), static_cast<unsigned>(count), lanes);
        receive();
    }
    return busy;
}

Worker::Worker(WorkerConfig config, Mailbox& mailbox)
    : core_(std::make_unique<Core>(std::move(config), mailbox)) {}
Worker::~Worker() = default;

const Counters& Worker::counters() const {
    return core_->counters;
}
void Worker::wake() {
    core_->waiter.wake();
}

void Worker::stop() {
    core_->stopping.store(true, std::memory_order_relaxed);
    core_->waiter.wake();
}

const StageClock& Worker::clock() const {
    return core_->clock;
}

bool Worker::poll_once() {
    bool busy = core_->run_commands();
    core_->clock.start();
    busy |= core_->poll_ports();
    busy |= core_->poll_handed();
    core_->egress.flush();
    core_->clock.mark(Stage::send);
    return busy;
}

void Worker::run() {
    // Without, it is slower beside others and right all the same.
    static_cast<void>(srtp::aead_own_code());
    auto& counters = core_->counters;
    unsigned empty_rounds = 0;
    auto now = rte_rdtsc();
    while (!core_->stopping.load(std::memory_order_relaxed)) {
        const bool busy = poll_once();
        empty_rounds = busy ? 0 : empty_rounds + 1;
        if (empty_rounds >= kRoundsBeforeSleep && core_->config.adaptive_idle) {
            core_->waiter.wait(kSleep_us);
            // The rounds right after a sleep find out whether there is work again.
            empty_rounds = kRoundsBeforeSleep - 16;
        }
        const auto then = std::exchange(now, rte_rdtsc());
        (busy ? counters.busy_cycles : counters.idle_cycles).add(now - then);
    }
}

void Worker::drain() {
    for (auto* queue : core_->config.from_worker) {
        HandedPacket handed;
        while (queue != nullptr && queue->pop(handed)) {
            core_->counters.drop(srtp::Verdict::shutdown);
            free_packet(handed.packet);
        }
    }
    core_->table.for_each([this](Member& member) {
        if (member.endpoint) core_->receiver.drop_pending(member, srtp::Verdict::shutdown);
    });
    core_->egress.flush();
}

}  // namespace mdd
