// Packets that are cold in the cache of whoever receives them: written on another core, just
// before, into the ring of a receive queue.
#pragma once

#include <array>
#include <atomic>

#include "tests/bench/packet_writer.h"
#include "tests/support/ring_port.h"

namespace mdd::bench {

class ColdFeed {
  public:
    static constexpr unsigned kBatch = 32;
    ColdFeed(FanOut& fan_out, test::RingPort& in);
    // Ends the feeding and empties the ring. Precondition: the worker polls no more.
    ~ColdFeed();
    ColdFeed(const ColdFeed&) = delete;
    ColdFeed& operator=(const ColdFeed&) = delete;

    // Puts one batch into the ring from the calling thread; not after start(). Precondition: the
    // ring has room.
    void feed_batch();
    // Feeds the worker from the calling thread until every sender has been heard and its SSRC
    // granted; not after start().
    void open_streams();
    // Makes EAL's first worker seal packets of `fan_out`'s senders, a group of each in turn,
    // and keeps the ring of queue 0 of `in` full.
    void start();
    // Waits until at least `packets` are in the ring.
    void wait_for(unsigned packets) const;

  private:
    void run();
    bool fill_batch();

    FanOut& fan_out_;
    PacketWriter writer_;
    test::RingPort& in_;
    std::array<rte_mbuf*, kBatch> batch_;
    std::atomic<bool> stopping_{false};
};

}  // namespace mdd::bench
