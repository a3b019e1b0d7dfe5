// AES-GCM (NIST SP 800-38D) of our own, in 64-byte registers, for CPUs with VAES, on what IPsec-MB
// has expanded of a key: the half of it that is needed here, so that ten thousand keys lie on half
// as many pages. Takes a good third less time for a short packet than the library does. Knows
// nothing of RTP; whether it may be used, aead_start() decides.
#pragma once

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

// Fills such a key, but the 16 bytes, from the 1008 that the library expands.
void make_vaes_key(const std::uint8_t* expanded, std::uint8_t* key);

// The code path that opens and seals here and expands keys by `library`. Precondition for calling
// what it holds: the CPU has AVX-512 (F, VL, BW, DQ), VAES, VPCLMULQDQ and BMI2, and `library` is
// the path of IPsec-MB for such a CPU, whose layout of a key is taken for granted here.
// Stateless; any thread.
CodePath vaes_code_path(const CodePath& library);

}  // namespace mdd::srtp
