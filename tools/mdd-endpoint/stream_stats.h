// What became of one stream at the receiver, by its sender's own sequence numbers. Counts; no
// jitter, no playout.
#pragma once

#include <cstdint>
#include <optional>

#include "tools/mdd-endpoint/packet_index.h"

namespace mdd::endpoint {

// One thread. Feed it each verified packet once.
class StreamStats {
  public:
    // `run` tells one life of the sender from the next, whose indices start anew: it only ever
    // rises.
    void note(std::uint32_t run, PacketIndex index) {
        ++received_;
        if (first_ && run < run_) {
            ++reordered_;
            return;
        }
        if (!first_ || run > run_) {
            if (first_) lost_before_ += lost_in_run();
            if (!first_) first_ = index;
            run_ = run;
            lowest_ = highest_ = index;
            run_received_ = 1;
            return;
        }
        ++run_received_;
        if (index < highest_) ++reordered_;
        if (index < lowest_) lowest_ = index;
        if (index > highest_) highest_ = index;
    }

    std::uint64_t received() const { return received_; }
    std::uint64_t reordered() const { return reordered_; }
    // Gaps in the index from the first to the last packet received, in each run of the sender.
    std::uint64_t lost() const { return lost_before_ + (first_ ? lost_in_run() : 0); }
    std::optional<PacketIndex> first() const { return first_; }
    PacketIndex last() const { return highest_; }

  private:
    std::uint64_t lost_in_run() const { return highest_ - lowest_ + 1 - run_received_; }

    std::optional<PacketIndex> first_;
    std::uint32_t run_ = 0;
    PacketIndex lowest_ = 0;
    PacketIndex highest_ = 0;
    std::uint64_t run_received_ = 0;
    std::uint64_t received_ = 0;
    std::uint64_t reordered_ = 0;
    std::uint64_t lost_before_ = 0;
};

}  // namespace mdd::endpoint
