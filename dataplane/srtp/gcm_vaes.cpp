// AES-GCM for CPUs with VAES and VPCLMULQDQ: see gcm_vaes.h. Four blocks to a register.
//
// A packet is a row of blocks: the last block of the AAD, the blocks of text, the block of lengths.
// The row of the counters begins at the same place: the counter of the tag's mask stands above the
// AAD, so that text, keystream and hash lie in the same lanes. GHASH works on blocks with their
// bytes reversed, and on hash powers that IPsec-MB has multiplied by x already, so that a product
// of two needs no shift (Gueron and Kounavis, "Intel Carry-Less Multiplication Instruction and its
// Usage for Computing the GCM Mode", 2010).
//
// Each lane hashes every fourth block by itself; the powers of the last whole chunk, and then those
// of the rest, bring the lanes together. What a long packet waits for is the way of the hash from
// chunk to chunk, and a sum of lanes on it took a fifth of a chunk's time.
//
// Registers, and the stack where a key has more than they hold, keep what was used last: clearing
// them costs 3 to 9 % of a copy, and no program of ours leaves a core file.
#include "dataplane/srtp/gcm_vaes.h"

#include <immintrin.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "dataplane/srtp/profile.h"

// For every function here: the program itself is built for CPUs without these.
#define MDD_VAES \
    gnu::target("avx512f,avx512vl,avx512bw,avx512dq,vaes,vpclmulqdq,aes,pclmul,bmi2,ssse3,sse4.1")
#define MDD_VAES_INLINE [[gnu::always_inline, MDD_VAES]] inline

namespace mdd::srtp {
namespace {

using Address = std::uintptr_t;

constexpr std::size_t kBlock = 16, kLanes = 4, kVector = kBlock * kLanes;
// Vectors in a chunk, after which the hash is reduced, each lane by itself.
constexpr std::size_t kVectors = 4, kChunk = kVectors * kVector;
static_assert(kVaesPowers == kVectors * kLanes && kVaesPowerBytes == kBlock);
constexpr std::uint64_t kAllBytes = ~std::uint64_t{0};
constexpr std::uint64_t kBehindFirstBlock = kAllBytes << kBlock;

// A sum of products, not yet reduced: 256 bits a lane, as 128-bit parts that overlap by half.
struct Product {
    __m512i low, middle, high;
};

template <std::size_t Rounds>
struct Pass {
    const std::uint8_t* key;
    __m512i round_keys[Rounds + 1];
    __m512i counters;  // of the next vector, bytes reversed
    // Where lane 0 of the next vector is read and written. Numbers, because the first ones lie
    // before the packet.
    Address in, out;
    // Of what came before `hashed`, bytes reversed, in lane 0 or by lanes; next: XORed into the
    // first vector that is hashed.
    __m512i hash;
    // The chunk before, as ciphertext, to be hashed beside the next vectors' rounds.
    __m512i hashed[kVectors];
    __m128i mask;  // of the tag
};

// Masked in words only, here and where vectors are taken apart: for the plain forms, GCC 12 warns
// of its own header.
MDD_VAES_INLINE __m512i in_every_lane(__m128i block) {
    return _mm512_maskz_broadcast_i32x4(0xffff, block);
}

MDD_VAES_INLINE __m128i first_lane(__m512i blocks) {
    return _mm512_maskz_extracti32x4_epi32(0xf, blocks, 0);
}

MDD_VAES_INLINE __m128i last_byte_first() {
    return _mm_set_epi8(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
}

MDD_VAES_INLINE __m128i reversed(__m128i block) {
    return _mm_shuffle_epi8(block, last_byte_first());
}

MDD_VAES_INLINE __m512i reversed(__m512i blocks) {
    return _mm512_shuffle_epi8(blocks, in_every_lane(last_byte_first()));
}

MDD_VAES_INLINE __m512i in_first_lane(__m128i block) {
    return _mm512_zextsi128_si512(block);
}

// The first `count` bytes, or lanes of two words; none for 0, at most all there are.
MDD_VAES_INLINE __mmask64 first_bytes(std::uint64_t count) {
    return _bzhi_u64(kAllBytes, static_cast<unsigned>(count));
}
MDD_VAES_INLINE __mmask8 first_lanes(std::uint64_t count) {
    return static_cast<__mmask8>(_bzhi_u32(0xff, 2 * static_cast<unsigned>(count)));
}

// H^highest and the three powers below it, one in each lane. Behind H^1 stands what is no power,
// for lanes without a block.
MDD_VAES_INLINE __m512i powers(const std::uint8_t* key, std::uint64_t highest) {
    return _mm512_loadu_si512(key + kBlock * (kVaesPowers - highest));
}

// The same power in every lane.
MDD_VAES_INLINE __m512i power_in_every_lane(const std::uint8_t* key, std::uint64_t power) {
    return in_every_lane(
        _mm_loadu_si128(reinterpret_cast<const __m128i*>(key + kBlock * (kVaesPowers - power))));
}

MDD_VAES_INLINE Product no_product() {
    return {_mm512_setzero_si512(), _mm512_setzero_si512(), _mm512_setzero_si512()};
}

MDD_VAES_INLINE __m512i sum_of_three(__m512i a, __m512i b, __m512i c) {
    constexpr int kXorOfThree = 0x96;
    return _mm512_ternarylogic_epi64(a, b, c, kXorOfThree);
}

MDD_VAES_INLINE void add_product(Product& sum, __m512i blocks, __m512i powers_of_h) {
    sum.low = _mm512_xor_si512(sum.low, _mm512_clmulepi64_epi128(blocks, powers_of_h, 0x00));
    sum.high = _mm512_xor_si512(sum.high, _mm512_clmulepi64_epi128(blocks, powers_of_h, 0x11));
    sum.middle = sum_of_three(sum.middle, _mm512_clmulepi64_epi128(blocks, powers_of_h, 0x01),
                              _mm512_clmulepi64_epi128(blocks, powers_of_h, 0x10));
}

// The last block of a row, with H^1.
MDD_VAES_INLINE Product product_of_one(__m128i block, const std::uint8_t* key) {
    const auto h =
        _mm_loadu_si128(reinterpret_cast<const __m128i*>(key + kBlock * (kVaesPowers - 1)));
    return {in_first_lane(_mm_clmulepi64_si128(block, h, 0x00)),
            in_first_lane(_mm_xor_si128(_mm_clmulepi64_si128(block, h, 0x01),
                                        _mm_clmulepi64_si128(block, h, 0x10))),
            in_first_lane(_mm_clmulepi64_si128(block, h, 0x11))};
}

MDD_VAES_INLINE __m128i sum_of_lanes(__m512i lanes) {
    const auto half = _mm256_xor_si256(_mm512_maskz_extracti64x4_epi64(0xff, lanes, 0),
                                       _mm512_maskz_extracti64x4_epi64(0xff, lanes, 1));
    return _mm_xor_si128(_mm256_castsi256_si128(half), _mm256_extracti128_si256(half, 1));
}

// Low part of the sum folded into the part above it, 64 bits at a time.
MDD_VAES_INLINE __m512i folded(__m512i low, __m512i above) {
    constexpr auto kHalvesSwapped = static_cast<_MM_PERM_ENUM>(0x4e);
    const auto polynomial =
        in_every_lane(_mm_set_epi64x(0, static_cast<long long>(0xc200000000000000)));
    return sum_of_three(above, _mm512_maskz_shuffle_epi32(0xffff, low, kHalvesSwapped),
                        _mm512_clmulepi64_epi128(low, polynomial, 0x00));
}

// Each lane modulo x^128 + x^7 + x^2 + x + 1.
MDD_VAES_INLINE __m512i reduced(const Product& sum) {
    return folded(folded(sum.low, sum.middle), sum.high);
}

// What is made of the chunk before while the next keystream is: in its lanes if more chunks follow,
// one block for what is left of the packet, which may have no block for each lane.
enum class Hashing : std::uint8_t { nothing, by_lanes, to_one_block };

// The next Vectors * 64 bytes of keystream. A chunk that came before is multiplied between the
// rounds, which would otherwise leave the multiplier idle.
template <std::size_t Vectors, Hashing hashing, std::size_t Rounds>
MDD_VAES_INLINE void make_keystream(Pass<Rounds>& pass, __m512i (&stream)[Vectors]) {
    const auto next = in_every_lane(_mm_set_epi32(0, 0, 0, kLanes));
    auto sum = no_product();
#pragma GCC unroll 4
    for (std::size_t v = 0; v < Vectors; ++v) {
        stream[v] = _mm512_xor_si512(reversed(pass.counters), pass.round_keys[0]);
        pass.counters = _mm512_add_epi32(pass.counters, next);
    }
#pragma GCC unroll 16
    for (std::size_t round = 1; round < Rounds; ++round) {
#pragma GCC unroll 4
        for (std::size_t v = 0; v < Vectors; ++v)
            stream[v] = _mm512_aesenc_epi128(stream[v], pass.round_keys[round]);
        if (hashing != Hashing::nothing && round % 2 == 1 && round / 2 < kVectors) {
            // The first one last: it waits for the hash of the chunk before.
            const auto v = (round / 2 + 1) % kVectors;
            const auto blocks =
                v == 0 ? _mm512_xor_si512(pass.hashed[v], pass.hash) : pass.hashed[v];
            const auto power = kLanes * (kVectors - v);
            add_product(sum, blocks,
                        hashing == Hashing::by_lanes ? power_in_every_lane(pass.key, power)
                                                     : powers(pass.key, power));
        }
    }
#pragma GCC unroll 4
    for (std::size_t v = 0; v < Vectors; ++v)
        stream[v] = _mm512_aesenclast_epi128(stream[v], pass.round_keys[Rounds]);
    if (hashing == Hashing::by_lanes) pass.hash = reduced(sum);
    if (hashing == Hashing::to_one_block) pass.hash = in_first_lane(sum_of_lanes(reduced(sum)));
}

// The text of vector `v`, 0 where `bytes` has no bit.
template <std::size_t Rounds>
MDD_VAES_INLINE __m512i load(const Pass<Rounds>& pass, std::size_t v, __mmask64 bytes) {
    return _mm512_maskz_loadu_epi8(bytes, reinterpret_cast<const void*>(pass.in + v * kVector));
}

template <std::size_t Rounds>
MDD_VAES_INLINE void store(const Pass<Rounds>& pass, std::size_t v, __mmask64 bytes, __m512i text) {
    _mm512_mask_storeu_epi8(reinterpret_cast<void*>(pass.out + v * kVector), bytes, text);
}

// A whole chunk, of which `first` has the AAD in its first block. Leaves what is to be hashed of it
// in `hashed`.
template <bool sealing, bool first, std::size_t Rounds>
MDD_VAES_INLINE void crypt_chunk(Pass<Rounds>& pass) {
    constexpr auto bytes_of = [](std::size_t v) {
        return first && v == 0 ? kBehindFirstBlock : kAllBytes;
    };
    __m512i stream[kVectors];
    make_keystream<kVectors, first ? Hashing::nothing : Hashing::by_lanes>(pass, stream);
    if constexpr (first) pass.mask = first_lane(stream[0]);
#pragma GCC unroll 4
    for (std::size_t v = 0; v < kVectors; ++v) {
        const auto text = load(pass, v, bytes_of(v));
        const auto made = _mm512_xor_si512(text, stream[v]);
        store(pass, v, bytes_of(v), made);
        pass.hashed[v] = reversed(sealing ? _mm512_maskz_mov_epi8(bytes_of(v), made) : text);
    }
    pass.in += kChunk;
    pass.out += kChunk;
}

// What is left: at most a chunk, in Vectors vectors of which the last may be partly filled. `bytes`
// counts from lane 0 of the first. Then the block of lengths, and the hash of all is there, in
// lanes.
template <bool sealing, bool first, std::size_t Vectors, std::size_t Rounds>
MDD_VAES_INLINE void crypt_last(Pass<Rounds>& pass, std::uint64_t bytes, __m128i lengths) {
    const auto blocks = (bytes + kBlock - 1) / kBlock;
    __mmask64 masks[Vectors];
    __m512i text[Vectors], stream[Vectors];
#pragma GCC unroll 4
    for (std::size_t v = 0; v < Vectors; ++v) {
        masks[v] = v + 1 == Vectors ? first_bytes(bytes - v * kVector) : kAllBytes;
        if (first && v == 0) masks[v] &= kBehindFirstBlock;
        text[v] = load(pass, v, masks[v]);
    }
    make_keystream<Vectors, first ? Hashing::nothing : Hashing::to_one_block>(pass, stream);
    if constexpr (first) pass.mask = first_lane(stream[0]);
    // A whole chunk leaves no power for the block of lengths, which is hashed by itself then.
    const bool with_lengths = Vectors < kVectors || blocks < kVaesPowers;
    const std::uint64_t last_power = with_lengths ? 2 : 1;
    auto sum = with_lengths ? product_of_one(lengths, pass.key) : no_product();
#pragma GCC unroll 4
    for (std::size_t v = 0; v < Vectors; ++v) {
        const auto made = _mm512_xor_si512(text[v], stream[v]);
        store(pass, v, masks[v], made);
        auto hashed = reversed(sealing ? _mm512_maskz_mov_epi8(masks[v], made) : text[v]);
        if (v == 0) hashed = _mm512_xor_si512(hashed, pass.hash);
        const auto highest = blocks - 1 - v * kLanes + last_power;
        add_product(sum, hashed, powers(pass.key, highest));
    }
    pass.hash = reduced(sum);
    if (with_lengths) return;
    pass.hash = reduced(product_of_one(_mm_xor_si128(sum_of_lanes(pass.hash), lengths), pass.key));
}

template <bool sealing, bool first, std::size_t Rounds>
MDD_VAES_INLINE void crypt_rest(Pass<Rounds>& pass, std::uint64_t bytes, __m128i lengths) {
    if (bytes <= kVector)
        crypt_last<sealing, first, 1>(pass, bytes, lengths);
    else if (bytes <= 2 * kVector)
        crypt_last<sealing, first, 2>(pass, bytes, lengths);
    else if (bytes <= 3 * kVector)
        crypt_last<sealing, first, 3>(pass, bytes, lengths);
    else
        crypt_last<sealing, first, 4>(pass, bytes, lengths);
}

// The hash of all blocks of the AAD but the last, XORed with the last: what stands in lane 0 of the
// first vector.
MDD_VAES_INLINE __m128i first_block(const std::uint8_t* key, const std::uint8_t* aad,
                                    std::uint64_t bytes) {
    auto hash = _mm_setzero_si128();
    while (bytes > kBlock) {
        const auto ahead = (bytes - 1) / kBlock, blocks = ahead < kLanes ? ahead : kLanes;
        const auto part = reversed(_mm512_maskz_loadu_epi64(first_lanes(blocks), aad));
        auto sum = no_product();
        add_product(sum, _mm512_xor_si512(part, in_first_lane(hash)), powers(key, blocks));
        hash = sum_of_lanes(reduced(sum));
        aad += blocks * kBlock;
        bytes -= blocks * kBlock;
    }
    const auto last = _mm_maskz_loadu_epi8(static_cast<__mmask16>(first_bytes(bytes)), aad);
    return _mm_xor_si128(hash, reversed(last));
}

// All of a packet, and its tag; `is_short`: with the last block of its AAD it is a chunk at most.
// Apart, as what long packets keep in registers and on the stack is a tenth of a short one's
// instructions.
template <std::size_t Rounds, bool sealing, bool is_short>
[[MDD_VAES, gnu::noinline]] __m128i crypt_packet(const std::uint8_t* key, std::uint8_t* out,
                                                 const std::uint8_t* in, std::uint64_t bytes,
                                                 const std::uint8_t* aad, std::uint64_t aad_bytes,
                                                 __m128i nonce) {
    constexpr std::int64_t kBits = 8;
    Pass<Rounds> pass;
    pass.key = key;
#pragma GCC unroll 16
    for (std::size_t round = 0; round <= Rounds; ++round)
        pass.round_keys[round] = in_every_lane(_mm_loadu_si128(
            reinterpret_cast<const __m128i*>(pass.key + kVaesRoundKeysAt + round * kBlock)));
    pass.counters = _mm512_add_epi32(
        in_every_lane(_mm_and_si128(reversed(nonce), _mm_set_epi32(-1, -1, -1, 0))),
        _mm512_set_epi32(0, 0, 0, 4, 0, 0, 0, 3, 0, 0, 0, 2, 0, 0, 0, 1));
    pass.hash = in_first_lane(first_block(pass.key, aad, aad_bytes));
    pass.in = reinterpret_cast<Address>(in) - kBlock;
    pass.out = reinterpret_cast<Address>(out) - kBlock;
    const auto lengths = _mm_set_epi64x(static_cast<std::int64_t>(aad_bytes) * kBits,
                                        static_cast<std::int64_t>(bytes) * kBits);
    auto left = bytes + kBlock;
    if constexpr (is_short) {
        crypt_rest<sealing, true>(pass, left, lengths);
    } else {
        crypt_chunk<sealing, true>(pass);
        for (left -= kChunk; left > kChunk; left -= kChunk) crypt_chunk<sealing, false>(pass);
        crypt_rest<sealing, false>(pass, left, lengths);
    }
    static_assert(kTagBytes == kBlock);
    return _mm_xor_si128(reversed(sum_of_lanes(pass.hash)), pass.mask);
}

// CodePath::Crypt of the same.
template <bool sealing, unsigned key_bits>
void crypt_like_library(const gcm_key_data* key, gcm_context_data*, std::uint8_t* out,
                        const std::uint8_t* in, std::uint64_t bytes, const std::uint8_t* nonce,
                        const std::uint8_t* aad, std::uint64_t aad_bytes, std::uint8_t* tag,
                        std::uint64_t) {
    const auto made = vaes_crypt<sealing, key_bits>(
        reinterpret_cast<const std::uint8_t*>(key), out, in, bytes, aad, aad_bytes,
        _mm_loadu_si128(reinterpret_cast<const __m128i*>(nonce)));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(tag), made);
}

}  // namespace

// Nothing but a jump: both take what this takes.
template <bool sealing, unsigned key_bits>
__m128i vaes_crypt(const std::uint8_t* key, std::uint8_t* out, const std::uint8_t* in,
                   std::uint64_t bytes, const std::uint8_t* aad, std::uint64_t aad_bytes,
                   __m128i nonce) {
    constexpr std::size_t kRounds = key_bits == 128 ? 10 : 14;
    return bytes <= kChunk - kBlock
               ? crypt_packet<kRounds, sealing, true>(key, out, in, bytes, aad, aad_bytes, nonce)
               : crypt_packet<kRounds, sealing, false>(key, out, in, bytes, aad, aad_bytes, nonce);
}

using VaesCrypt = decltype(vaes_crypt<true, 128>);
template VaesCrypt vaes_crypt<true, 128>;
template VaesCrypt vaes_crypt<true, 256>;
template VaesCrypt vaes_crypt<false, 128>;
template VaesCrypt vaes_crypt<false, 256>;

void make_vaes_key(const std::uint8_t* expanded, std::uint8_t* key) {
    constexpr std::size_t kPowerBytes = kVaesPowers * kVaesPowerBytes;
    std::copy_n(expanded + kLibraryKeyBytes - kPowerBytes, kPowerBytes, key);
    std::copy_n(expanded, kVaesRoundKeyBytes, key + kVaesRoundKeysAt);
}

CodePath vaes_code_path(const CodePath& library) {
    auto path = library;
    path.seal_128 = crypt_like_library<true, 128>;
    path.seal_256 = crypt_like_library<true, 256>;
    path.open_128 = crypt_like_library<false, 128>;
    path.open_256 = crypt_like_library<false, 256>;
    return path;
}

}  // namespace mdd::srtp
