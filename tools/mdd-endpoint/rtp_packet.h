// Where the fields of an RTP packet (RFC 3550 §5.1) sit, for the endpoint. Not the data plane's
// view: the two are independent on purpose.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "dataplane/srtp/bytes.h"

namespace mdd::endpoint {

using Packet = std::vector<std::uint8_t>;

inline constexpr std::size_t kFixedHeaderBytes = 12;
inline constexpr std::uint8_t kExtensionBit = 0x10;  // X, in the first byte

// Sizes in bytes: `base` is 12 + 4·CC, `header` adds the extension block. Both lie inside the
// packet.
struct RtpLayout {
    std::size_t base_bytes;
    std::size_t header_bytes;
};

// nullopt: shorter than its own header says, or version is not 2. The payload may be empty.
std::optional<RtpLayout> rtp_layout(srtp::Bytes packet);

// Precondition for all: at least kFixedHeaderBytes bytes.
inline std::uint32_t rtp_ssrc(srtp::Bytes packet) {
    return srtp::load_be32(packet.data() + 8);
}
inline std::uint16_t rtp_sequence(srtp::Bytes packet) {
    return srtp::load_be16(packet.data() + 2);
}
inline std::uint8_t rtp_payload_type(srtp::Bytes packet) {
    return packet[1] & 0x7F;
}

// RTCP rather than RTP on a shared port (RFC 5761 §4): the second byte is 192-223.
inline bool is_rtcp(srtp::Bytes packet) {
    return packet.size() >= 2 && packet[1] >= 192 && packet[1] <= 223;
}

}  // namespace mdd::endpoint
