// One poll core: takes bursts from its queues, opens, routes, seals and sends, and applies
// control's commands between bursts. Owns its tables; meets other threads only through queues.
#pragma once

#include <atomic>
#include <memory>
#include <vector>

#include "dataplane/counters.h"
#include "dataplane/hand_off.h"
#include "dataplane/mailbox.h"
#include "dataplane/stage_clock.h"
#include "dataplane/table.h"

struct rte_mempool;

namespace mdd {

class Port;

// One of our addresses on one port, with the queues that this worker polls and fills.
struct PortBinding {
    Port* port = nullptr;
    net::Be32 address{};
    int rx_queue = -1;  // -1: this worker polls none
    std::uint16_t tx_queue = 0;
};

struct WorkerConfig {
    WorkerIndex index = 0;
    std::vector<PortBinding> ports;        // by PortIndex; the same ports on every worker
    std::vector<std::uint16_t> udp_ports;  // media ports, host order; at least one
    rte_mempool* pool = nullptr;           // for copies and packets of our own
    unsigned burst = kDefaultBurst;        // 1..kMaxBurst
    unsigned replay_window = srtp::kReplayWindowPackets;
    bool adaptive_idle = true;  // may sleep after many empty polls
    bool sheds = true;  // empties queues that stay full, so that what is lost is lost fairly
    std::size_t conferences = 0;
    std::size_t flows = 0;                        // members on this node, at most
    std::vector<HandOffQueue*> to_worker = {};    // by WorkerIndex; null for itself
    std::vector<HandOffQueue*> from_worker = {};  // by WorkerIndex; null for itself
};

class Worker {
  public:
    Worker(WorkerConfig config, Mailbox& mailbox);
    ~Worker();
    Worker(const Worker&) = delete;
    Worker& operator=(const Worker&) = delete;

    // Polls until stop(). The worker's thread.
    void run();
    // One round: commands, every queue once, send. True: there was something to do. The worker's
    // thread.
    bool poll_once();
    // Ends run() at the next round. Any thread.
    void stop();
    // Wakes a worker that sleeps on empty polls, after a command was posted. Any thread.
    void wake();
    // Frees every packet still held and counts it, so that conservation is exact. After run(), any
    // thread.
    void drain();

    const Counters& counters() const;
    // Empty unless the build measures stages. The worker's thread.
    const StageClock& clock() const;

  private:
    struct Core;
    std::unique_ptr<Core> core_;
};

}  // namespace mdd
