// Numbers of a protected DTLS 1.2 AES-GCM record (RFC 5288, RFC 6347 §4.1.2.1) that several files
// here share. No code that seals or opens.
#pragma once

#include <cstddef>
#include <cstdint>

#include "dataplane/srtp/bytes.h"
#include "kmf-tunnel/record.h"
#include "tools/dtls_srtp/handshake_message.h"

namespace mdd::dtls {

inline constexpr std::size_t kExplicitNonceBytes = 8;  // in front of the ciphertext
inline constexpr std::size_t kImplicitNonceBytes = 4;  // from the key block
inline constexpr std::size_t kTagBytes = 16;
inline constexpr std::size_t kSealBytes = kExplicitNonceBytes + kTagBytes;
inline constexpr std::uint64_t kSequenceLimit = (1ULL << 48) - 1;  // the last is not used

inline constexpr std::size_t kVerifyDataBytes = 12;
inline constexpr std::size_t kFinishedBytes = kHandshakeHeaderBytes + kVerifyDataBytes;

inline std::uint64_t load_be64(const std::uint8_t* p) {
    return static_cast<std::uint64_t>(srtp::load_be32(p)) << 32 | srtp::load_be32(p + 4);
}
inline void store_be64(std::uint8_t* p, std::uint64_t v) {
    srtp::store_be32(p, static_cast<std::uint32_t>(v >> 32));
    srtp::store_be32(p + 4, static_cast<std::uint32_t>(v));
}

}  // namespace mdd::dtls
