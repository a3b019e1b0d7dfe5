// What became of one stream at the receiver, by its sender's own sequence numbers. Counts; no
// jitter, no playout.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>

#include "tools/mdd-endpoint/packet_index.h"

namespace mdd::endpoint {

// One thread. Feed it each verified packet once.
class StreamStats {
  public:
    // `key` only rises, with each new key of the stream. A new key under which the indices jump is
    // the mark of a sender that has restarted: its numbers start anew, and nothing in between is
    // lost.
    void note(std::uint32_t key, PacketIndex index) {
        ++received_;
        if (first_ && key < first_key_of_run_) {
            ++reordered_;
            return;
        }
        if (!first_ || (key > key_ && !goes_on(index))) {
            if (first_) lost_before_ += lost_in_run();
            if (!first_) first_ = index;
            key_ = first_key_of_run_ = key;
            lowest_ = highest_ = index;
            run_received_ = 1;
            return;
        }
        key_ = std::max(key_, key);
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
    // MAX_MISORDER and MAX_DROPOUT of RFC 3550 §A.1.
    static constexpr PacketIndex kMostMisordered = 100;
    static constexpr PacketIndex kMostDroppedOut = 3000;

    bool goes_on(PacketIndex index) const {
        return index + kMostMisordered > highest_ && index < highest_ + kMostDroppedOut;
    }
    std::uint64_t lost_in_run() const { return highest_ - lowest_ + 1 - run_received_; }

    std::optional<PacketIndex> first_;
    std::uint32_t key_ = 0;
    std::uint32_t first_key_of_run_ = 0;
    PacketIndex lowest_ = 0;
    PacketIndex highest_ = 0;
    std::uint64_t run_received_ = 0;
    std::uint64_t received_ = 0;
    std::uint64_t reordered_ = 0;
    std::uint64_t lost_before_ = 0;
};

}  // namespace mdd::endpoint
