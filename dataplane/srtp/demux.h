// What kind of datagram this is, by its first two bytes (RFC 7983 §7, RFC 5761 §4). Looks at
// nothing else.
#pragma once

#include "dataplane/srtp/bytes.h"

namespace mdd::srtp {

enum class DatagramKind : std::uint8_t { unknown, stun, dtls, rtp, rtcp };

// Total over all inputs. RTP and RTCP share 128..191; the second byte tells them apart: 192..223 is
// RTCP.
inline DatagramKind classify_datagram(Bytes datagram) {
    if (datagram.empty()) return DatagramKind::unknown;
    const auto first = datagram[0];
    if (first >= 128 && first <= 191 && datagram.size() >= 2)
        return datagram[1] >= 192 && datagram[1] <= 223 ? DatagramKind::rtcp : DatagramKind::rtp;
    if (first <= 3) return DatagramKind::stun;
    if (first >= 20 && first <= 63) return DatagramKind::dtls;
    return DatagramKind::unknown;
}

}  // namespace mdd::srtp
