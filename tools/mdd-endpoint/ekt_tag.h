// EKT tags (RFC 8870 §4.1): build them, find them behind an SRTP packet, wrap and unwrap what is in
// them (RFC 5649). No policy about when to send one, no memory of keys.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "dataplane/srtp/keys.h"
#include "tools/mdd-endpoint/ekt_key.h"

namespace mdd::endpoint {

inline constexpr std::uint8_t kShortTag = 0x00;
inline constexpr std::uint8_t kFullTag = 0x02;

// AES key wrap with padding; the KEK is 16, 24 or 32 bytes. `wrap_key`: 1 to 255 bytes in,
// 8·ceil(n/8) + 8 out. `unwrap_key`: nullopt when the integrity check fails or the lengths are
// impossible. Both throw std::runtime_error when OpenSSL lacks the cipher.
std::vector<std::uint8_t> wrap_key(srtp::Bytes kek, srtp::Bytes plaintext);
std::optional<std::vector<std::uint8_t>> unwrap_key(srtp::Bytes kek, srtp::Bytes ciphertext);

// What ends a packet. `ciphertext` is borrowed from it and only set for a full tag.
struct EktTag {
    enum class Kind { short_tag, full, unknown_type };
    Kind kind;
    std::size_t size_bytes;
    srtp::Bytes ciphertext;
    std::uint16_t spi = 0;
    std::uint16_t epoch = 0;
};

// Reads the tag backwards from the last byte. nullopt when none can be cut off so that at least
// `srtp_bytes` bytes remain: the packet cannot be opened then. Types 0x01 and 0xFF are no tags.
std::optional<EktTag> parse_ekt_tag(srtp::Bytes packet, std::size_t srtp_bytes);

// EKTPlaintext.
struct EktContents {
    std::size_t key_bytes = 0;
    srtp::Secret<32> master_key;
    std::uint32_t ssrc = 0;
    std::uint32_t roc = 0;
};

// A FullEKTField: ciphertext, SPI, epoch, length, type. Precondition: master_key is 16 or 32 bytes.
std::vector<std::uint8_t> build_full_tag(const EktKey& key, std::uint16_t epoch,
                                         srtp::Bytes master_key, std::uint32_t ssrc,
                                         std::uint32_t roc);

// Opens a full tag's ciphertext. `wrong_key_length`: it holds a key of another length than
// `expected_key_bytes` (RFC 8870 §4.3.2 step 6).
enum class EktFault { none, unwrap_failed, malformed, wrong_key_length };
EktFault open_full_tag(const EktKey& key, srtp::Bytes ciphertext, std::size_t expected_key_bytes,
                       EktContents& contents);

}  // namespace mdd::endpoint
