// The frame parser: each layer checks that its bytes are there before it reads them.
#include "dataplane/net/frame.h"

#include <cstring>

#include "dataplane/net/checksum.h"
#include "dataplane/net/wire.h"

namespace mdd::net {
namespace {

using srtp::Bytes;
using srtp::load_be16;
using srtp::load_be32;
using srtp::Verdict;

constexpr std::size_t kVlanTagBytes = 4;
constexpr std::size_t kIcmpHeaderBytes = 8;
constexpr std::uint16_t kTypeVlan = 0x8100;

Be32 load_ip(const std::uint8_t* p) {
    return to_be(load_be32(p));
}

// What may stand as a source on the wire: no "this network", loopback, multicast, reserved or
// broadcast (RFC 1122 §3.2.1.3). An answer to any of them would go to somebody who did not ask.
bool is_unicast_host(std::uint32_t ip) {
    const std::uint32_t first = ip >> 24;
    return first != 0 && first != 127 && first < 224;
}

Verdict parse_udp(Bytes segment, Frame& out) {
    if (segment.size() < kUdpBytes || load_be16(&segment[4]) != segment.size())
        return Verdict::bad_udp;
    out.kind = FrameKind::udp;
    out.source.port = to_be(load_be16(&segment[0]));
    out.destination.port = to_be(load_be16(&segment[2]));
    out.payload_offset = static_cast<std::uint16_t>(out.payload_offset + kUdpBytes);
    out.payload_bytes = static_cast<std::uint16_t>(segment.size() - kUdpBytes);
    return Verdict::accepted;
}

Verdict parse_ipv4(Bytes packet, Frame& out, IpChecksum ip_checksum) {
    if (packet.size() < kIpv4Bytes || packet[0] != 0x45) return Verdict::bad_ip;
    const std::size_t total_bytes = load_be16(&packet[2]);
    if (total_bytes < kIpv4Bytes || total_bytes > packet.size()) return Verdict::bad_ip;
    if (ip_checksum == IpChecksum::verify && ipv4_header_sum(packet.data()) != 0xffff)
        return Verdict::bad_ip;

    const std::uint16_t flags_and_offset = load_be16(&packet[6]);
    if ((flags_and_offset & 0x8000) != 0) return Verdict::bad_ip;
    if ((flags_and_offset & 0x3fff) != 0) return Verdict::ip_fragment;
    if (!is_unicast_host(load_be32(&packet[12]))) return Verdict::bad_ip;

    out.source = {load_ip(&packet[12]), Be16{}};
    out.destination = {load_ip(&packet[16]), Be16{}};
    out.payload_offset = static_cast<std::uint16_t>(out.l3_offset + kIpv4Bytes);
    const Bytes segment = packet.first(total_bytes).subspan(kIpv4Bytes);
    if (packet[9] == kProtocolUdp) return parse_udp(segment, out);
    if (packet[9] != kProtocolIcmp || segment.size() < kIcmpHeaderBytes) return Verdict::bad_ip;
    out.kind = FrameKind::icmp;
    out.payload_bytes = static_cast<std::uint16_t>(segment.size());
    return Verdict::accepted;
}

Verdict parse_arp_frame(Bytes packet, Frame& out) {
    if (packet.size() < kArpPacketBytes) return Verdict::bad_l2;
    out.kind = FrameKind::arp;
    out.source = out.destination = SocketAddress{};
    out.payload_offset = out.l3_offset;
    out.payload_bytes = kArpPacketBytes;
    return Verdict::accepted;
}

}  // namespace

Verdict parse_frame(Bytes frame, Frame& out, IpChecksum ip_checksum) {
    if (frame.size() < kEthernetBytes) return Verdict::bad_l2;
    std::memcpy(out.destination_mac.bytes.data(), &frame[0], kMacBytes);
    std::memcpy(out.source_mac.bytes.data(), &frame[kMacBytes], kMacBytes);
    if (out.source_mac.is_group()) return Verdict::bad_l2;

    std::size_t l3_offset = kEthernetBytes;
    std::uint16_t type = load_be16(&frame[12]);
    if (type == kTypeVlan) {
        // VID 0 only carries a priority: the frame belongs to the untagged network (IEEE 802.1Q
        // §6.9), and so does our untagged answer. Any other VLAN is not ours.
        if (frame.size() < kEthernetBytes + kVlanTagBytes) return Verdict::bad_l2;
        if ((load_be16(&frame[14]) & 0x0fff) != 0) return Verdict::bad_l2;
        type = load_be16(&frame[16]);
        l3_offset += kVlanTagBytes;
    }
    out.l3_offset = static_cast<std::uint16_t>(l3_offset);
    if (type == kTypeIpv4) return parse_ipv4(frame.subspan(l3_offset), out, ip_checksum);
    if (type == kTypeArp) return parse_arp_frame(frame.subspan(l3_offset), out);
    return Verdict::bad_l2;
}

}  // namespace mdd::net
