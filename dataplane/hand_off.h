// Packets on their way to the worker that owns their endpoint: the rings between workers, and what
// one burst has for them. Looks into no packet.
#pragma once

#include <array>
#include <vector>

#include "dataplane/batch.h"
#include "dataplane/spsc_queue.h"
#include "dataplane/table.h"

namespace mdd {

struct HandedPacket {
    rte_mbuf* packet = nullptr;
    std::uint16_t datagram_offset = 0;  // of the UDP payload, from the frame's first byte
    std::uint16_t datagram_bytes = 0;
    ConferenceSlot conference = 0;
    MemberSlot member = 0;
    bool is_rtcp = false;
};
using HandOffQueue = SpscQueue<HandedPacket>;

// Gathers what a burst has for each worker and gives it over at once: an owner that polls its ring
// finds packets that can be sealed together, and the ring's lines change cores once for all of
// them. One worker's.
class HandOff {
  public:
    // By WorkerIndex; null for the worker itself. Must outlive this.
    explicit HandOff(const std::vector<HandOffQueue*>& to_worker)
        : to_worker_(to_worker), boxes_(to_worker.size()) {}

    // There is nobody to hand anything to.
    bool is_alone() const { return to_worker_.size() < 2; }
    // Precondition: at most kMaxBurst since the last flush().
    void add(WorkerIndex owner, const HandedPacket& packet) {
        auto& box = boxes_[owner];
        if (box.count == 0) owners_[owner_count_++] = owner;
        box.packets[box.count++] = packet;
    }
    // Gives everything over and returns how many packets were taken; calls `full` with each one
    // that its ring had no place for.
    template <typename Full>
    std::size_t flush(Full full) {
        std::size_t taken_in_all = 0;
        for (unsigned i = 0; i < owner_count_; ++i) {
            auto& box = boxes_[owners_[i]];
            const auto taken = to_worker_[owners_[i]]->push(box.packets.data(), box.count);
            for (auto left = taken; left < box.count; ++left) full(box.packets[left].packet);
            taken_in_all += taken;
            box.count = 0;
        }
        owner_count_ = 0;
        return taken_in_all;
    }

  private:
    // Written while packets are handed over: on lines that nothing else is on.
    struct alignas(64) Box {
        unsigned count = 0;
        std::array<HandedPacket, kMaxBurst> packets;
    };
    const std::vector<HandOffQueue*>& to_worker_;
    std::vector<Box> boxes_;
    unsigned owner_count_ = 0;
    std::array<WorkerIndex, kMaxBurst> owners_;  // that this burst has something for
};

}  // namespace mdd
