// The poll loop: see worker.h.
#include "dataplane/worker.h"

#include <rte_cycles.h>

#include <algorithm>

#include "dataplane/backlog.h"
#include "dataplane/commands.h"
#include "dataplane/ingress.h"
#include "dataplane/packet_pool.h"
#include "dataplane/port.h"
#include "dataplane/rx_waiter.h"
#include "dataplane/srtp/aead.h"
#include "dataplane/srtp/hot_memory.h"

namespace mdd {

namespace {

// Empty rounds before a worker with adaptive idling sleeps, and for how long at most: commands are
// looked at then.
constexpr unsigned kRoundsBeforeSleep = 2000;
constexpr std::uint32_t kSleep_us = 1000;
// Commands carried out in one round, so that a long list does not hold packets up.
constexpr unsigned kCommandsPerRound = 16;
// Emptying queues for the sake of who is first may cost this part of the time that forwarding has:
// beyond that it is better to let a queue overflow than to forward less.
constexpr unsigned kForwardingPerIntake = 8;
// And so many bursts at most, whatever the clock says.
constexpr unsigned kIntakeBursts = 8;

}  // namespace

struct Worker::Core {
    // How hard a queue presses: one that gives full bursts for longer than it can hold is filled
    // as fast as it is emptied, or faster.
    struct Pressure {
        unsigned bursts_of_peak;  // more in a row than a full queue has, if nothing comes after
        unsigned full_bursts = 0;
    };

    Core(WorkerConfig worker_config, Mailbox& worker_mailbox)
        : config(std::move(worker_config)),
          mailbox(worker_mailbox),
          table(config.conferences, config.flows),
          egress(config.ports, config.pool, counters),
          forwarder(table, egress, counters),
          receiver(table, forwarder, mailbox, counters, clock, config.index, config.replay_window),
          ingress(config, table, egress, mailbox, counters),
          commands(table, receiver, egress, backlog),
          backlog(config.conferences) {
        for (const auto& binding : config.ports) {
            pressures.push_back({bursts_of(binding.port->features().rx_desc)});
            if (binding.rx_queue >= 0)
                waiter.add(*binding.port, static_cast<std::uint16_t>(binding.rx_queue));
        }
        for (const auto* queue : config.from_worker)
            pressures.push_back({bursts_of(queue == nullptr ? 0 : queue->capacity())});
        if (lives_on_others()) waiter.use_timer();
    }
    unsigned bursts_of(std::size_t packets) const {
        return static_cast<unsigned>(packets / config.burst) + 1;
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
    template <typename Take>
    bool poll(Pressure& pressure, Take take);
    void put_aside();
    void receive_waiting();
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
    Backlog backlog;
    // By port, then by worker that hands over; on lines that no other worker's are on.
    std::vector<Pressure, srtp::HotAllocator<Pressure>> pressures;
    std::uint64_t forwarding_cycles = 0;  // of the last packets from the backlog
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

// One queue, whose next burst `take` puts into the lanes; it answers how many packets that were. As
// long as the queue is found empty again soon, they are forwarded at once.
template <typename Take>
bool Worker::Core::poll(Pressure& pressure, Take take) {
    lanes.clear();
    unsigned count = take();
    pressure.full_bursts = count == config.burst ? pressure.full_bursts + 1 : 0;
    if (count == 0) return false;
    if (backlog.empty() && (pressure.full_bursts < pressure.bursts_of_peak || !config.sheds)) {
        receive();
        return true;
    }
    put_aside();
    const auto end = rte_rdtsc() + forwarding_cycles / kForwardingPerIntake;
    for (unsigned i = 0; i < kIntakeBursts && count == config.burst && rte_rdtsc() < end; ++i) {
        lanes.clear();
        count = take();
        put_aside();
    }
    return true;
}

void Worker::Core::put_aside() {
    const auto add = [this](const Lane& lane, bool is_rtcp) {
        for (unsigned i = 0; i < lane.count; ++i) {
            const auto& packet = lane.packets[i];
            const auto& conference = *table.conference(packet.sender->conference);
            auto* given_up = backlog.add(packet, class_of(packet, is_rtcp, conference));
            if (given_up != nullptr) receiver.drop(given_up, srtp::Verdict::shed);
        }
    };
    add(lanes.rtcp, true);
    add(lanes.rtp, false);
}

void Worker::Core::receive_waiting() {
    if (backlog.empty()) return;
    const auto begin = rte_rdtsc();
    lanes.clear();
    backlog.take(config.burst, lanes);
    receive();
    forwarding_cycles = rte_rdtsc() - begin;
}

bool Worker::Core::poll_ports() {
    bool busy = false;
    std::array<rte_mbuf*, kMaxBurst> packets;
    for (std::size_t port = 0; port < config.ports.size(); ++port) {
        const auto& binding = config.ports[port];
        if (binding.rx_queue < 0) continue;
        busy |= poll(pressures[port], [&] {
            const unsigned count =
                binding.port->rx_burst(static_cast<std::uint16_t>(binding.rx_queue), packets.data(),
                                       static_cast<std::uint16_t>(config.burst));
            if (count == 0) return count;
            clock.mark(Stage::receive);
            ingress.sort(static_cast<PortIndex>(port), packets.data(), count, lanes);
            clock.mark(Stage::classify);
            return count;
        });
    }
    return busy;
}

bool Worker::Core::poll_handed() {
    bool busy = false;
    std::array<HandedPacket, kMaxBurst> handed;
    for (std::size_t giver = 0; giver < config.from_worker.size(); ++giver) {
        auto* queue = config.from_worker[giver];
        if (queue == nullptr) continue;
        busy |= poll(pressures[config.ports.size() + giver], [&] {
            const auto count = static_cast<unsigned>(queue->pop(handed.data(), config.burst));
            if (count != 0) ingress.sort_handed(handed.data(), count, lanes);
            return count;
        });
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
    busy |= !core_->backlog.empty();
    core_->receive_waiting();
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
    core_->backlog.remove(nullptr, [this](rte_mbuf* packet) {
        core_->receiver.drop(packet, srtp::Verdict::shutdown);
    });
    core_->table.for_each([this](Member& member) {
        if (member.endpoint) core_->receiver.drop_pending(member, srtp::Verdict::shutdown);
    });
    core_->egress.flush();
}

}  // namespace mdd
