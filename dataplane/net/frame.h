// Where everything sits in a received Ethernet frame: one bounded, total parser. It reads nothing
// outside the frame, writes nothing, and does not know which addresses are ours. All of it stands
// here, to be compiled into loops over what arrives: each layer checks that its bytes are there
// before it reads them.
#pragma once

#include <cstdint>

#include "dataplane/net/address.h"
#include "dataplane/net/checksum.h"
#include "dataplane/net/wire.h"
#include "dataplane/srtp/bytes.h"
#include "dataplane/srtp/verdict.h"

namespace mdd::net {

enum class FrameKind : std::uint8_t { arp, icmp, udp };

struct Frame {
    FrameKind kind{};
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
inline srtp::Verdict parse_frame(srtp::Bytes frame, Frame& out,
                                 IpChecksum ip_checksum = IpChecksum::verify);

inline srtp::Bytes payload_of(srtp::Bytes frame, const Frame& parsed) {
    return frame.subspan(parsed.payload_offset, parsed.payload_bytes);
}

// Precondition for both: a frame that was accepted.
inline MacAddress destination_mac_of(srtp::Bytes frame) {
    MacAddress mac;
    load_mac(frame.data(), mac);
    return mac;
}
inline MacAddress source_mac_of(srtp::Bytes frame) {
    MacAddress mac;
    load_mac(frame.data() + kMacBytes, mac);
    return mac;
}

namespace frame_layers {

inline constexpr std::size_t kVlanTagBytes = 4;
inline constexpr std::size_t kIcmpHeaderBytes = 8;
inline constexpr std::uint16_t kTypeVlan = 0x8100;

inline Be32 load_ip(const std::uint8_t* p) {
    return to_be(srtp::load_be32(p));
}

// What may stand as a source on the wire: no "this network", loopback, multicast, reserved or
// broadcast (RFC 1122 §3.2.1.3). An answer to any of them would go to somebody who did not ask.
inline bool is_unicast_host(std::uint32_t ip) {
    const std::uint32_t first = ip >> 24;
    return first != 0 && first != 127 && first < 224;
}

inline srtp::Verdict parse_udp(srtp::Bytes segment, Frame& out) {
    if (segment.size() < kUdpBytes || srtp::load_be16(&segment[4]) != segment.size())
        return srtp::Verdict::bad_udp;
    out.kind = FrameKind::udp;
    out.source.port = to_be(srtp::load_be16(&segment[0]));
    out.destination.port = to_be(srtp::load_be16(&segment[2]));
    out.payload_offset = static_cast<std::uint16_t>(out.payload_offset + kUdpBytes);
    out.payload_bytes = static_cast<std::uint16_t>(segment.size() - kUdpBytes);
    return srtp::Verdict::accepted;
}

[[gnu::always_inline]] inline srtp::Verdict parse_ipv4(srtp::Bytes packet, Frame& out,
                                                       IpChecksum ip_checksum) {
    if (packet.size() < kIpv4Bytes || packet[0] != 0x45) return srtp::Verdict::bad_ip;
    const std::size_t total_bytes = srtp::load_be16(&packet[2]);
    if (total_bytes < kIpv4Bytes || total_bytes > packet.size()) return srtp::Verdict::bad_ip;
    if (ip_checksum == IpChecksum::verify && ipv4_header_sum(packet.data()) != 0xffff)
        return srtp::Verdict::bad_ip;

    const std::uint16_t flags_and_offset = srtp::load_be16(&packet[6]);
    if ((flags_and_offset & 0x8000) != 0) return srtp::Verdict::bad_ip;
    if ((flags_and_offset & 0x3fff) != 0) return srtp::Verdict::ip_fragment;
    if (!is_unicast_host(srtp::load_be32(&packet[12]))) return srtp::Verdict::bad_ip;

    out.source = {load_ip(&packet[12]), Be16{}};
    out.destination = {load_ip(&packet[16]), Be16{}};
    out.payload_offset = static_cast<std::uint16_t>(out.l3_offset + kIpv4Bytes);
    const srtp::Bytes segment = packet.first(total_bytes).subspan(kIpv4Bytes);
    if (packet[9] == kProtocolUdp) return parse_udp(segment, out);
    if (packet[9] != kProtocolIcmp || segment.size() < kIcmpHeaderBytes)
        return srtp::Verdict::bad_ip;
    out.kind = FrameKind::icmp;
    out.payload_bytes = static_cast<std::uint16_t>(segment.size());
    return srtp::Verdict::accepted;
}

inline srtp::Verdict parse_arp_frame(srtp::Bytes packet, Frame& out) {
    if (packet.size() < kArpPacketBytes) return srtp::Verdict::bad_l2;
    out.kind = FrameKind::arp;
    out.source = out.destination = SocketAddress{};
    out.payload_offset = out.l3_offset;
    out.payload_bytes = kArpPacketBytes;
    return srtp::Verdict::accepted;
}

}  // namespace frame_layers

[[gnu::always_inline]] inline srtp::Verdict parse_frame(srtp::Bytes frame, Frame& out,
                                                        IpChecksum ip_checksum) {
    if (frame.size() < kEthernetBytes) return srtp::Verdict::bad_l2;
    if (source_mac_of(frame).is_group()) return srtp::Verdict::bad_l2;

    std::size_t l3_offset = kEthernetBytes;
    std::uint16_t type = srtp::load_be16(&frame[12]);
    if (type == frame_layers::kTypeVlan) {
        // VID 0 only carries a priority: the frame belongs to the untagged network (IEEE 802.1Q
        // §6.9), and so does our untagged answer. Any other VLAN is not ours.
        if (frame.size() < kEthernetBytes + frame_layers::kVlanTagBytes)
            return srtp::Verdict::bad_l2;
        if ((srtp::load_be16(&frame[14]) & 0x0fff) != 0) return srtp::Verdict::bad_l2;
        type = srtp::load_be16(&frame[16]);
        l3_offset += frame_layers::kVlanTagBytes;
    }
    out.l3_offset = static_cast<std::uint16_t>(l3_offset);
    if (type == kTypeIpv4)
        return frame_layers::parse_ipv4(frame.subspan(l3_offset), out, ip_checksum);
    if (type == kTypeArp) return frame_layers::parse_arp_frame(frame.subspan(l3_offset), out);
    return srtp::Verdict::bad_l2;
}

}  // namespace mdd::net
