// A generator that waits for nobody: packets at a given rate from another core into the ring of a
// receive queue, and what the ring does not take is lost. Of each conference a part audio; on
// demand one conference that sends more than its share, packets with bad tags, and strangers'.
#pragma once

#include <array>
#include <atomic>
#include <vector>

#include "tests/bench/packet_writer.h"
#include "tests/support/ring_port.h"

namespace mdd::bench {

struct Load {
    double pps = 0;              // into the worker, all kinds together
    unsigned greedy_times = 1;   // the first conference sends so many times its share
    double bad_tags_share = 0;   // of all packets: from endpoints' addresses, do not verify
    double strangers_share = 0;  // of all packets: from addresses of nobody
};

class OpenFeed {
  public:
    static constexpr unsigned kVideoPerAudio = 4;
    static constexpr ConferenceSlot kGreedy = 0;
    // `fan_out` has audio.
    OpenFeed(FanOut& fan_out, test::RingPort& in);

    // Feeds from EAL's first worker until stop().
    void start(const Load& load);
    void stop();

    // Of the last load, after stop(). Media packets by sender, as in FanOut::senders(): what was
    // due, taken by the ring or not.
    const std::vector<std::uint64_t>& due() const { return due_; }
    std::uint64_t refused() const { return refused_; }  // of all kinds, by the ring
    double pps() const { return pps_; }                 // of all kinds, what was really offered

  private:
    static constexpr unsigned kBatch = 32;
    enum class Kind : std::uint8_t { media, bad_tag, stranger };

    void plan(const Load& load);
    void run(const Load& load);
    void write(rte_mbuf* packet);
    Kind next_kind();
    std::size_t next_sender();

    FanOut& fan_out_;
    test::RingPort& in_;
    PacketWriter writer_;
    FanOutSender stranger_;
    std::vector<std::size_t> turns_;  // senders, as often as it is their turn
    std::size_t turn_ = 0;
    unsigned in_turn_ = 0, strangers_ = 0;
    double bad_tags_due_ = 0, strangers_due_ = 0;
    Load load_;
    std::array<rte_mbuf*, kBatch> batch_;
    std::vector<std::uint64_t> due_;
    std::uint64_t refused_ = 0;
    double pps_ = 0;
    std::atomic<bool> stopping_{false};
};

}  // namespace mdd::bench
