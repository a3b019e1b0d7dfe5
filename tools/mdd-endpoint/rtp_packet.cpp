// RTP header length arithmetic.
#include "tools/mdd-endpoint/rtp_packet.h"

namespace mdd::endpoint {

std::optional<RtpLayout> rtp_layout(srtp::Bytes packet) {
    if (packet.size() < kFixedHeaderBytes || packet[0] >> 6 != 2) return std::nullopt;
    RtpLayout layout{};
    layout.base_bytes = kFixedHeaderBytes + 4u * (packet[0] & 0x0F);
    layout.header_bytes = layout.base_bytes;
    if ((packet[0] & 0x10) != 0) {
        if (packet.size() < layout.base_bytes + 4) return std::nullopt;
        const auto words = srtp::load_be16(packet.data() + layout.base_bytes + 2);
        layout.header_bytes += 4 + 4u * words;
    }
    if (packet.size() < layout.header_bytes) return std::nullopt;
    return layout;
}

}  // namespace mdd::endpoint
