// The Internet checksum (RFC 1071) in parts that can be added up. Values are in memory order, so
// that they are stored and loaded without swapping on any host.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>

#include "dataplane/srtp/bytes.h"

namespace mdd::net {

// Folds a running sum to 16 bits; 0 only if every summed byte was 0. The upper half of a number
// added to itself with its halves exchanged is the sum of both with the carry of the lower one.
constexpr std::uint16_t fold_sum(std::uint64_t sum) {
    const auto half = static_cast<std::uint32_t>((sum + std::rotl(sum, 32)) >> 32);
    return static_cast<std::uint16_t>((half + std::rotl(half, 16)) >> 16);
}

// One's-complement sum of `bytes`, folded to 16 bits, not complemented; an odd last byte counts as
// if followed by zero. Sums of parts may be added when every part but the last has an even length.
std::uint16_t partial_sum(srtp::Bytes bytes);

// Likewise of the 20 bytes of an IPv4 header. Every packet that arrives brings one: written out,
// since the way that any length takes is five times as long.
inline std::uint16_t ipv4_header_sum(const std::uint8_t* header) {
    const auto word = [header](std::size_t at) {
        std::uint32_t loaded;
        std::memcpy(&loaded, header + at, sizeof loaded);
        return std::uint64_t{loaded};
    };
    return fold_sum(word(0) + word(4) + word(8) + word(12) + word(16));
}

}  // namespace mdd::net
