// The original header block of Double (RFC 8723 §4) on the receiving side: read it from the end of
// an opened payload and put the values back. The endpoint itself only ever writes the empty block,
// one zero byte.
#pragma once

#include <cstdint>
#include <optional>

#include "dataplane/srtp/bytes.h"

namespace mdd::endpoint {

// Config byte of a packet that nobody has changed.
inline constexpr std::uint8_t kUnchangedHeader = 0x00;

struct OriginalHeader {
    std::size_t size_bytes = 1;  // 1 to 4
    std::optional<std::uint8_t> payload_type;
    std::optional<std::uint16_t> sequence;
    std::optional<bool> marker;
};

// Reads the block that ends `payload`. nullopt: reserved bits set, B without M, a payload type
// above 127, or too short for what Config announces.
std::optional<OriginalHeader> parse_original_header(srtp::Bytes payload);

// Writes the original values into an RTP header of at least 12 bytes.
void restore_header(const OriginalHeader& original, srtp::MutableBytes header);

}  // namespace mdd::endpoint
