// The least that a forwarder has to do, as fast as it goes on this machine: decrypt once, encrypt
// for every receiver, with look-up, headers and buffers. A yardstick for the worker, not a design:
// no replay window, no SSRC ownership, no header blocks, no counters, no RTCP, and no index of its
// own, so that a copy has its sender's RTP header.
#pragma once

#include <memory>

#include "tests/bench/fan_out.h"

namespace mdd::bench {

class BareLoop {
  public:
    // Serves the senders and receivers of `fan_out` beside its worker, from queue 0 of `in` into
    // queue 0 of `out`. The calling thread is the one that polls. Precondition: nothing is in the
    // queue, and nobody uses the senders.
    BareLoop(FanOut& fan_out, Port& in, Port& out, rte_mempool* copies);
    ~BareLoop();
    BareLoop(const BareLoop&) = delete;
    BareLoop& operator=(const BareLoop&) = delete;

    // Forwards one burst, kDefaultBurst packets at most; returns how many copies it has sent.
    unsigned poll_once();
    // Throws when any packet so far did not verify, or was not sent.
    void check_losses() const;

  private:
    struct Core;
    std::unique_ptr<Core> core_;
};

}  // namespace mdd::bench
