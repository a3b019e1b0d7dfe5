// The Internet checksum (RFC 1071) in parts that can be added up. Values are in memory order, so
// that they are stored and loaded without swapping on any host.
#pragma once

#include <cstdint>

#include "dataplane/srtp/bytes.h"

namespace mdd::net {

// Folds a running sum to 16 bits; 0 only if every summed byte was 0.
constexpr std::uint16_t fold_sum(std::uint64_t sum) {
    sum = (sum & 0xffffffff) + (sum >> 32);
    sum = (sum & 0xffffffff) + (sum >> 32);
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    return static_cast<std::uint16_t>(sum);
}

// One's-complement sum of `bytes`, folded to 16 bits, not complemented; an odd last byte counts as
// if followed by zero. Sums of parts may be added when every part but the last has an even length.
std::uint16_t partial_sum(srtp::Bytes bytes);

}  // namespace mdd::net
