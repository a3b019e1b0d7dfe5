// Brings into the cache what a packet of a certain size needs of a key. Only ever a matter of
// speed.
#pragma once

#include <algorithm>
#include <cstdint>

#include "dataplane/srtp/aead.h"

namespace mdd::load {

// IPsec-MB keeps the round keys in front and the powers of the hash key behind them, the highest
// first: a short packet needs the first lines and the last ones, with the salt.
inline void prefetch_key(const srtp::AeadKey* key, std::size_t packet_bytes) {
    constexpr std::size_t kLineBytes = 64, kLines = sizeof(srtp::AeadKey) / kLineBytes;
    constexpr std::size_t kRoundKeyLines = 4;
    constexpr std::size_t kBlockBytes = 16, kOtherBlocks = 2;  // of AAD and lengths
    if (key == nullptr) return;
    const auto* bytes = reinterpret_cast<const std::uint8_t*>(key);
    const auto powers_bytes = packet_bytes + kOtherBlocks * kBlockBytes;
    const auto last_lines = std::min(kLines - kRoundKeyLines, powers_bytes / kLineBytes + 2);
    // What is touched first goes first.
    for (std::size_t line = 1; line <= last_lines; ++line)
        __builtin_prefetch(bytes + (kLines - line) * kLineBytes);
    for (std::size_t line = 0; line < kRoundKeyLines; ++line)
        __builtin_prefetch(bytes + line * kLineBytes);
}

}  // namespace mdd::load
