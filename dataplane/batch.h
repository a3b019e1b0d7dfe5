// The packets of one burst on their way through a worker: fixed arrays, nothing owned, nothing
// allocated.
#pragma once

#include <array>
#include <cstdint>
#include <type_traits>

#include "dataplane/srtp/bytes.h"
#include "dataplane/table.h"

namespace mdd {

inline constexpr unsigned kMaxBurst = 64;
// Longest UDP payload that a worker takes: a frame must fit into one packet buffer.
inline constexpr std::size_t kMaxDatagramBytes = 2048;

// A media datagram whose sender this worker owns.
struct MediaPacket {
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

// Where plaintext goes, one room per packet: in the cache, away from the packet, so that a second
// key can still be tried.
struct alignas(64) Scratch {
    static constexpr std::size_t kRoomBytes = kMaxDatagramBytes + 64;
    std::array<std::array<std::uint8_t, kRoomBytes>, kMaxBurst> rooms;
};

static_assert(std::is_trivially_copyable_v<Lane>);

}  // namespace mdd
