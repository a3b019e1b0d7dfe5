// Which senders' packets leave, seen where they do: one count for each conference's first receiver.
#pragma once

#include <vector>

#include "dataplane/port.h"
#include "tests/bench/fan_out.h"

namespace mdd::bench {

// While it lives, of everything that queue 0 of a port sends. The worker's thread.
class Departures {
  public:
    Departures(const FanOut& fan_out, Port& out);
    ~Departures();
    Departures(const Departures&) = delete;
    Departures& operator=(const Departures&) = delete;

    void clear();
    std::uint64_t of(const FanOutSender& sender) const;

  private:
    static std::uint16_t see(std::uint16_t, std::uint16_t, rte_mbuf** packets, std::uint16_t count,
                             void* self);

    const FanOut& fan_out_;
    const std::uint16_t port_;
    std::vector<std::uint64_t> video_, audio_;  // by conference
    const rte_eth_rxtx_callback* callback_;
};

}  // namespace mdd::bench
