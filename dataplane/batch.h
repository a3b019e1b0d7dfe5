// The packets of one burst on their way through a worker: fixed arrays, nothing owned, nothing
// allocated.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <type_traits>

#include "dataplane/bounds.h"
#include "dataplane/srtp/bytes.h"
#include "dataplane/table.h"

namespace mdd {

// Longest UDP payload that a worker takes: a frame must fit into one packet buffer.
inline constexpr std::size_t kMaxDatagramBytes = 2048;

// A media datagram whose sender this worker owns. Two to a cache line, none across one.
struct alignas(32) MediaPacket {
    rte_mbuf* packet = nullptr;
    std::uint8_t* data = nullptr;  // first byte of the UDP payload
    std::uint16_t bytes = 0;
    Member* sender = nullptr;

    srtp::Bytes datagram() const { return {data, bytes}; }
};

// A list of packets of one kind, in the order of their arrival.
struct Lane {
    std::array<MediaPacket, kMaxBurst> packets;
    unsigned count = 0;

    void add(const MediaPacket& packet) { packets[count++] = packet; }
};

// The media packets of one burst, of senders that this worker owns.
struct MediaLanes {
    Lane rtp;
    Lane rtcp;

    unsigned count() const { return rtp.count + rtcp.count; }
    void clear() { rtp.count = rtcp.count = 0; }
};

// Packets that are opened, and then sealed, together: few enough for their plaintext to stay in the
// nearest cache.
inline constexpr unsigned kMaxGroup = 8;
// Conferences whose packets are opened before the first of them is sealed: plaintext that has just
// been written is slow to be read again. More of them have more to wait for than memory gives at
// once.
inline constexpr unsigned kGroupsTogether = 2;

// The packets of a lane that go together: of one conference, in the order of their arrival.
struct LaneGroup {
    ConferenceSlot conference = 0;
    std::uint8_t count = 0;
    std::array<std::uint8_t, kMaxGroup> places;  // in the lane
};
class LaneGroups {
  public:
    // Every packet of the lane into one group.
    void form(const Lane& lane) {
        count_ = 0;
        for (unsigned place = 0; place < lane.count; ++place)
            add(lane.packets[place].sender->conference, place);
    }
    std::span<const LaneGroup> all() const { return {groups_.data(), count_}; }
    // Those that are opened together, from group number `first` on, of at most kMaxGroup packets in
    // all; none behind the last group.
    std::span<const LaneGroup> batch_from(std::size_t first) const {
        const auto groups = all().subspan(first);
        std::size_t number = 0;
        for (unsigned packets = 0; number < groups.size() && number < kGroupsTogether; ++number) {
            packets += groups[number].count;
            if (packets > kMaxGroup) break;
        }
        return groups.first(number);
    }

  private:
    void add(ConferenceSlot conference, unsigned place) {
        // Only the last group of a conference may be open: packets keep their order. What stands
        // here may be of another conference, or of a lane before.
        auto& last = last_[conference % last_.size()];
        auto* known = &groups_[last];
        // All asked at once: which of them is true changes from packet to packet, so that the
        // processor guesses wrong where it must guess one by one.
        const bool is_behind = last >= count_, is_other = known->conference != conference;
        if (is_behind | is_other | (known->count == kMaxGroup)) {
            last = static_cast<std::uint8_t>(count_);
            known = &groups_[count_++];
            known->conference = conference;
            known->count = 0;
        }
        known->places[known->count++] = static_cast<std::uint8_t>(place);
    }

    unsigned count_ = 0;
    std::array<LaneGroup, kMaxBurst> groups_;
    // Where the last group of a conference is; conferences that share a place take it from each
    // other, and have a group more.
    std::array<std::uint8_t, 4 * kMaxBurst> last_{};
};

// Where plaintext goes, one room per packet: away from the packet, so that a second key can still
// be tried.
struct alignas(64) Scratch {
    static constexpr std::size_t kRoomBytes = kMaxDatagramBytes + 64;
    std::array<std::array<std::uint8_t, kRoomBytes>, kMaxGroup> rooms;
};

static_assert(std::is_trivially_copyable_v<Lane>);

}  // namespace mdd
