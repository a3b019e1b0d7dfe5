// Where everything sits in a received Ethernet frame: one bounded, total parser. It reads nothing
// outside the frame, writes nothing, and does not know which addresses are ours.
#pragma once

#include <cstdint>

#include "dataplane/net/address.h"
#include "dataplane/srtp/bytes.h"
#include "dataplane/srtp/verdict.h"

namespace mdd::net {

enum class FrameKind : std::uint8_t { arp, icmp, udp };

struct Frame {
    FrameKind kind{};
    MacAddress source_mac;
    MacAddress destination_mac;
    SocketAddress source;       // arp: all zero; icmp: port zero
    SocketAddress destination;  // arp: all zero; icmp: port zero
    std::uint16_t l3_offset =
        0;  // of the IPv4 header or the ARP packet, from the frame's first byte
    std::uint16_t payload_offset = 0;  // of the UDP payload, the ICMP message or the ARP packet
    std::uint16_t payload_bytes = 0;   // without Ethernet padding; may be 0 for UDP
};

// Who looks at the IPv4 header checksum: software here, or the device has said that it is good.
enum class IpChecksum : std::uint8_t { verify, verified_by_device };

// Parses one whole frame (no FCS). `accepted` fills `out` completely; every other outcome leaves it
// unspecified:
//   bad_l2       shorter than its headers, a group source MAC, an EtherType other than IPv4 and
//   ARP, a VLAN tag other
//                than a single priority tag (VID 0), or an ARP packet cut short
//   bad_ip       version, IHL other than 5, total length, checksum, reserved flag, a source that is
//   no unicast host
//                address, or a protocol other than ICMP and UDP
//   ip_fragment  MF or an offset
//   bad_udp      UDP length other than the IP payload's
// Bytes past the IP total length are Ethernet padding and are ignored. The UDP checksum is not
// looked at: veth and tap peers hand over partial ones, and every payload that matters is
// authenticated. Any thread.
srtp::Verdict parse_frame(srtp::Bytes frame, Frame& out,
                          IpChecksum ip_checksum = IpChecksum::verify);

inline srtp::Bytes payload_of(srtp::Bytes frame, const Frame& parsed) {
    return frame.subspan(parsed.payload_offset, parsed.payload_bytes);
}

}  // namespace mdd::net
