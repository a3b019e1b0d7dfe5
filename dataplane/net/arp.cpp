// ARP packets, field by field (RFC 826).
#include "dataplane/net/arp.h"

#include <algorithm>

#include "dataplane/net/wire.h"

namespace mdd::net {
namespace {

constexpr std::uint16_t kHardwareEthernet = 1;

struct Fields {
    ArpOperation operation;
    MacAddress frame_destination;
    MacAddress sender_mac;
    Be32 sender_ip;
    MacAddress target_mac;
    Be32 target_ip;
};

std::size_t write_arp(std::uint8_t* at, const Fields& fields) {
    store_mac(at, fields.frame_destination);
    store_mac(at + 6, fields.sender_mac);
    srtp::store_be16(at + 12, kTypeArp);
    std::uint8_t* arp = at + kEthernetBytes;
    srtp::store_be16(arp, kHardwareEthernet);
    srtp::store_be16(arp + 2, kTypeIpv4);
    arp[4] = 6;
    arp[5] = 4;
    srtp::store_be16(arp + 6, static_cast<std::uint16_t>(fields.operation));
    store_mac(arp + 8, fields.sender_mac);
    srtp::store_be32(arp + 14, from_be(fields.sender_ip));
    store_mac(arp + 18, fields.target_mac);
    srtp::store_be32(arp + 24, from_be(fields.target_ip));
    return kArpFrameBytes;
}

}  // namespace

std::optional<ArpPacket> parse_arp(srtp::Bytes arp) {
    if (arp.size() < kArpPacketBytes) return std::nullopt;
    if (srtp::load_be16(&arp[0]) != kHardwareEthernet || srtp::load_be16(&arp[2]) != kTypeIpv4 ||
        arp[4] != 6 || arp[5] != 4)
        return std::nullopt;
    const auto operation = static_cast<ArpOperation>(srtp::load_be16(&arp[6]));
    if (operation != ArpOperation::request && operation != ArpOperation::reply) return std::nullopt;
    MacAddress sender_mac;
    load_mac(&arp[8], sender_mac);
    if (sender_mac.is_group()) return std::nullopt;
    return ArpPacket{operation, sender_mac, to_be(srtp::load_be32(&arp[14])),
                     to_be(srtp::load_be32(&arp[24]))};
}

std::size_t write_arp_reply(std::uint8_t* at, const ArpPacket& request, const MacAddress& local_mac,
                            Be32 local_ip) {
    return write_arp(at, {ArpOperation::reply, request.sender_mac, local_mac, local_ip,
                          request.sender_mac, request.sender_ip});
}

std::size_t write_arp_request(std::uint8_t* at, const MacAddress& local_mac, Be32 local_ip,
                              Be32 target_ip) {
    return write_arp(
        at, {ArpOperation::request, kBroadcastMac, local_mac, local_ip, MacAddress{}, target_ip});
}

}  // namespace mdd::net
