// The poll cores and what they stand on: EAL, pools, ports, queues, mailboxes, workers. Starts and
// ends them; decides nothing.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "controlplane/config/mdd_config.h"
#include "controlplane/courier.h"
#include "controlplane/neighbours.h"
#include "dataplane/eal.h"
#include "dataplane/packet_pool.h"
#include "dataplane/port.h"
#include "dataplane/worker.h"

namespace mdd::control {

// One per process: EAL starts once. The thread that makes it is the control thread.
class Node {
  public:
    // Opens everything, starts no worker yet. Throws std::runtime_error with a full sentence.
    explicit Node(const config::MddConfig& config);
    // Precondition: stop() was called, if launch() was; whoever uses doors() is gone.
    ~Node();
    Node(const Node&) = delete;
    Node& operator=(const Node&) = delete;

    void launch();
    // Ends the workers, waits for them, and counts and frees what they still hold.
    void stop();

    std::vector<WorkerDoor> doors() const;
    std::vector<PortFacts> port_facts() const;  // by PortIndex
    rte_mempool* control_pool() const { return control_pool_.get(); }
    std::vector<const Counters*> counters() const;

  private:
    void make_pools(const config::MddConfig& config);
    void open_ports(const config::MddConfig& config);
    void make_workers(const config::MddConfig& config);
    WorkerConfig worker_config(const config::MddConfig& config, unsigned worker);
    // Where the memory of a worker belongs; kAnyNode where there is no choice.
    srtp::NumaNode home_of(unsigned worker) const;
    unsigned workers() const { return eal_.worker_count(); }

    // In the order in which each stands on the one before.
    Eal eal_;
    PacketPool control_pool_;
    std::vector<PacketPool> receive_pools_;  // by worker that polls: for what it receives
    std::vector<PacketPool> copy_pools_;     // by worker: for what it makes
    std::vector<Port> ports_;
    std::vector<PortFacts> facts_;
    std::vector<std::unique_ptr<HandOffQueue>> hand_offs_;  // from * workers + to
    std::vector<std::unique_ptr<Mailbox>> mailboxes_;
    std::vector<std::unique_ptr<Worker>> workers_;
};

}  // namespace mdd::control
