// RTCP as a gateway sees it (RFC 3550 §6, RFC 4585): is it a valid compound, who sent it, what is
// in it; and the few packets that an endpoint makes itself. No report arithmetic.
#pragma once

#include <optional>
#include <string_view>

#include "tools/mdd-endpoint/rtp_packet.h"

namespace mdd::endpoint {

struct RtcpSummary {
    std::uint32_t sender_ssrc = 0;  // of the first packet
    bool has_bye = false;
    std::optional<std::uint32_t>
        feedback_for;  // media SSRC of the first RTPFB or PSFB (for FIR: of its first entry)
};

// nullopt unless version-2 RTCP packets with types 192 to 223 fill `compound` exactly, the first
// with a sender SSRC, and padding, if any, is in the last.
std::optional<RtcpSummary> read_rtcp(srtp::Bytes compound);

// An empty receiver report and SDES CNAME: the smallest legal compound. `cname` is at most 255
// bytes.
Packet receiver_report(std::uint32_t sender_ssrc, std::string_view cname);

// The same with a picture loss indication behind it (RFC 4585 §6.3.1).
Packet keyframe_request(std::uint32_t sender_ssrc, std::string_view cname,
                        std::uint32_t media_ssrc);

}  // namespace mdd::endpoint
