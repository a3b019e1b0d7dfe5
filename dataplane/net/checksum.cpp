// The Internet checksum, 32 bytes a turn.
#include "dataplane/net/checksum.h"

#include <cstring>

namespace mdd::net {
namespace {

template <typename Word>
std::uint64_t load(const std::uint8_t* p) {
    Word word;
    std::memcpy(&word, p, sizeof word);
    return word;
}

}  // namespace

std::uint16_t partial_sum(srtp::Bytes bytes) {
    const std::uint8_t* p = bytes.data();
    std::size_t left = bytes.size();
    // Four lanes of 32-bit words in 64-bit sums: no carry can be lost below 2^32 words, and the
    // lanes do not wait for each other.
    std::uint64_t lanes[4] = {};
    for (; left >= 32; p += 32, left -= 32)
        for (int i = 0; i < 4; ++i)
            lanes[i] += load<std::uint32_t>(p + 8 * i) + load<std::uint32_t>(p + 8 * i + 4);
    std::uint64_t sum = lanes[0] + lanes[1] + lanes[2] + lanes[3];
    for (; left >= 2; p += 2, left -= 2) sum += load<std::uint16_t>(p);
    if (left == 1) {
        const std::uint8_t last[2] = {*p, 0};
        sum += load<std::uint16_t>(last);
    }
    return fold_sum(sum);
}

}  // namespace mdd::net
