// The Internet checksum, in the widest registers that this CPU has: it is computed over every
// packet that leaves through a device without checksum offload.
#include "dataplane/net/checksum.h"

#include <cstring>

namespace mdd::net {
namespace {

// Sum of the 16-bit words, in memory order; an odd last byte counts as if a zero followed.
using Summer = std::uint64_t (*)(const std::uint8_t* p, std::size_t left);

template <typename Word>
std::uint64_t load(const std::uint8_t* p) {
    Word word;
    std::memcpy(&word, p, sizeof word);
    return word;
}

// The word that a byte makes with a zero behind it.
std::uint64_t low_byte(std::uint8_t byte) {
    const std::uint8_t word[2] = {byte, 0};
    return load<std::uint16_t>(word);
}

// Fewer than 16 bytes.
std::uint64_t sum_rest(const std::uint8_t* p, std::size_t left) {
    std::uint64_t sum = 0;
    for (; left >= 4; p += 4, left -= 4) sum += load<std::uint32_t>(p);
    for (; left >= 2; p += 2, left -= 2) sum += load<std::uint16_t>(p);
    return left == 1 ? sum + low_byte(*p) : sum;
}

// A register of 32-bit words; the compiler knows the instructions in the functions below.
template <std::size_t Size>
using Words [[gnu::vector_size(Size)]] = std::uint32_t;

// The two halves of a register, added. By reference all: how a wide register is handed over depends
// on the instructions in use.
[[gnu::always_inline]] inline void fold(const Words<32>& v, Words<16>& sum) {
    sum = __builtin_shufflevector(v, v, 0, 1, 2, 3) + __builtin_shufflevector(v, v, 4, 5, 6, 7);
}
[[gnu::always_inline]] inline void fold(const Words<64>& v, Words<32>& sum) {
    sum = __builtin_shufflevector(v, v, 0, 1, 2, 3, 4, 5, 6, 7) +
          __builtin_shufflevector(v, v, 8, 9, 10, 11, 12, 13, 14, 15);
}

// Adds the low and the high half of every 32-bit word to its lane of `sums`, which holds the sum of
// 65,536 halves: more than any packet has. What is left goes through registers of half the size.
template <std::size_t Size>
[[gnu::always_inline]] inline std::uint64_t sum_wide(const std::uint8_t* p, std::size_t left,
                                                     Words<Size>& sums) {
    for (; left >= Size; p += Size, left -= Size) {
        Words<Size> words;
        std::memcpy(&words, p, Size);  // of any alignment
        sums += (words & 0xffff) + (words >> 16);
    }
    if constexpr (Size > 16) {
        Words<Size / 2> half;
        fold(sums, half);
        return sum_wide<Size / 2>(p, left, half);
    } else {
        return std::uint64_t{sums[0]} + sums[1] + sums[2] + sums[3] + sum_rest(p, left);
    }
}

std::uint64_t sum_sse2(const std::uint8_t* p, std::size_t left) {
    Words<16> sums{};
    return sum_wide<16>(p, left, sums);
}
[[gnu::target("avx2")]] std::uint64_t sum_avx2(const std::uint8_t* p, std::size_t left) {
    Words<32> sums{};
    return sum_wide<32>(p, left, sums);
}
[[gnu::target("avx512f,avx512bw")]] std::uint64_t sum_avx512(const std::uint8_t* p,
                                                             std::size_t left) {
    Words<64> sums{};
    return sum_wide<64>(p, left, sums);
}

Summer widest() {
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512bw")) return &sum_avx512;
    if (__builtin_cpu_supports("avx2")) return &sum_avx2;
    return &sum_sse2;
}

const Summer g_sum = widest();

}  // namespace

std::uint16_t partial_sum(srtp::Bytes bytes) {
    return fold_sum(g_sum(bytes.data(), bytes.size()));
}

}  // namespace mdd::net
