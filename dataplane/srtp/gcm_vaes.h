// AES-GCM (NIST SP 800-38D) of our own, in 64-byte registers, for CPUs with VAES, on what IPsec-MB
// has expanded of a key: the half of it that is needed here, so that ten thousand keys lie on half
// as many pages. Takes half of the time for a short packet that the library does. Knows
// nothing of RTP; whether it may be used, aead_start() decides.
#pragma once

#include <emmintrin.h>

#include <cstddef>
#include <cstdint>

#include "dataplane/srtp/code_path.h"

namespace mdd::srtp {

// A key of 512 bytes, at a cache line: hash powers, the first one last; 16 bytes for whoever holds
// the key; round keys. A short packet reads the middle, a long one all of it.
inline constexpr std::size_t kVaesPowers = 16, kVaesPowerBytes = 16;
inline constexpr std::size_t kVaesRoundKeysAt = kVaesPowers * kVaesPowerBytes + 16;
inline constexpr std::size_t kVaesRoundKeyBytes = 15 * 16;
inline constexpr std::size_t kVaesKeyBytes = kVaesRoundKeysAt + kVaesRoundKeyBytes;
// A key of the library: round keys from the beginning, hash powers up to the end, the first one
// last.
inline constexpr std::size_t kLibraryKeyBytes = 1008;

// Fills such a key, but the 16 bytes, from one that IPsec-MB has expanded for its own VAES code.
// `expanded`: kLibraryKeyBytes; `key`: kVaesKeyBytes. Both are secrets, which the caller wipes. Any
// thread.
void make_vaes_key(const std::uint8_t* expanded, std::uint8_t* key);

// Seals or opens with such a key: `bytes` of text from `in` to `out`, which is `in` itself or apart
// from it, and nothing behind them. `aad`: any number of bytes. `nonce`: 12 bytes, and 4 of no
// meaning. What it returns is the tag, in either direction; whoever opens compares. Precondition:
// IPsec-MB has found AVX-512, VAES, VPCLMULQDQ and all else that its own VAES code asks for
// (IMB_CPUFLAGS_AVX512_T2). Stateless; any thread.
template <bool sealing, unsigned key_bits>
__m128i vaes_crypt(const std::uint8_t* key, std::uint8_t* out, const std::uint8_t* in,
                   std::uint64_t bytes, const std::uint8_t* aad, std::uint64_t aad_bytes,
                   __m128i nonce);

// The code path that opens and seals with this and expands keys by `library`, the library's path
// for such a CPU.
CodePath vaes_code_path(const CodePath& library);

}  // namespace mdd::srtp
