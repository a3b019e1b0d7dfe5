// Everything that a run stands on, started in order and ended in order: keys, world, KMF, DPDK,
// port, poll core. Carries phases to the poll core and waits for them.
#pragma once

#include <functional>
#include <memory>

#include "dataplane/eal.h"
#include "dataplane/packet_pool.h"
#include "tools/mdd-load/kmf_role.h"
#include "tools/mdd-load/trial.h"

namespace mdd::load {

// What the main thread does meanwhile, a few times a second.
using Watch = std::function<void(const Gauges&)>;

// The main thread's.
class Rig {
  public:
    // Starts DPDK, opens the port, listens as KMF. Throws std::runtime_error, a sentence.
    // Precondition: misfits(scenario, bed) is empty; srtp::aead_start() succeeded.
    // `real`: the endpoints shake hands with a real KMF, and we are none.
    Rig(const Scenario& scenario, const Bed& bed, bool real = false);
    ~Rig();
    Rig(const Rig&) = delete;
    Rig& operator=(const Rig&) = delete;

    const Schedule& schedule() const { return schedule_; }
    const Plan& plan() const { return world_.plan(); }
    // nullptr: hellos are answered by our own KMF.
    const RealHandshakes* real_handshakes() const { return real_ ? &*real_ : nullptr; }
    const std::vector<std::string>& port_fallbacks() const { return port_.features().fallbacks; }

    // Waits until mdd's tunnel is up, where we are the KMF. Throws when that takes too long, with
    // the last trouble.
    void wait_for_tunnel(const std::function<bool()>& is_stopped);
    // Runs `phase` on the poll core to its end; what it throws comes out here. `is_stopped` true:
    // the phase is told to stop.
    void run(const std::function<void(PollLoop&, Gauges&)>& phase, const Watch& watch,
             const std::function<bool()>& is_stopped);

  private:
    const KeySource keys_;
    World world_;
    const Schedule schedule_;
    Eal eal_;
    // Their threads run where DPDK has put this one.
    std::optional<KmfRole> kmf_;
    std::optional<RealHandshakes> real_;
    PacketPool pool_;
    Port port_;
    std::unique_ptr<PollLoop> loop_;
};

}  // namespace mdd::load
