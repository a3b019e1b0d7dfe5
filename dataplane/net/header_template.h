// The 42 bytes in front of everything we send: Ethernet, IPv4 and UDP headers, prepared once per
// (receiver, local address) and written per packet with three stores. Not for ARP and ICMP.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>

#include "dataplane/net/address.h"
#include "dataplane/net/wire.h"
#include "dataplane/srtp/bytes.h"

namespace mdd::net {

// Where the fields stand that differ from packet to packet, and how they are written.
namespace header_fields {
inline constexpr std::size_t kIpAt = kEthernetBytes;
inline constexpr std::size_t kIpLengthAt = kIpAt + 2, kIpChecksumAt = kIpAt + 10;
inline constexpr std::size_t kUdpAt = kIpAt + kIpv4Bytes;
inline constexpr std::size_t kUdpLengthAt = kUdpAt + 4, kUdpChecksumAt = kUdpAt + 6;

constexpr std::uint16_t memory_order(std::size_t host) {
    return static_cast<std::uint16_t>(to_be(static_cast<std::uint16_t>(host)));
}
inline void store(std::uint8_t* at, std::uint16_t in_memory_order) {
    std::memcpy(at, &in_memory_order, sizeof in_memory_order);
}
// One's-complement sum of two.
constexpr std::uint16_t sum_of(std::uint32_t a, std::uint32_t b) {
    return static_cast<std::uint16_t>(a + b + ((a + b) >> 16));
}
}  // namespace header_fields

// Longest UDP payload under an IP MTU of `mtu_bytes` (precondition: at least 28).
constexpr std::size_t max_udp_payload_bytes(std::size_t mtu_bytes) {
    return mtu_bytes - kIpv4Bytes - kUdpBytes;
}

// Trivially copyable; read-only while workers use it. Built by make_header_template() only.
struct HeaderTemplate {
    std::array<std::uint8_t, kHeaderBytes> bytes{};  // lengths and both checksums zero
    std::uint16_t ip_sum =
        0;  // folded sum of the IPv4 header without its total length, memory order
    std::uint16_t pseudo_sum =
        0;  // folded sum of addresses and protocol (RFC 768 pseudo-header without length)
};

// IPv4 id 0 with DF set (RFC 6864 atomic datagram), TTL 64, ECN 00. Precondition: dscp < 64. Off
// the hot path.
HeaderTemplate make_header_template(const MacAddress& source_mac, const MacAddress& destination_mac,
                                    const SocketAddress& source, const SocketAddress& destination,
                                    std::uint8_t dscp = 0);

// Writes the 42 header bytes to `at` for a UDP payload of `udp_payload_bytes` behind them; IPv4
// length and checksum are right, the UDP checksum is left 0. Precondition: 42 writable bytes;
// udp_payload_bytes <= 65507. Does not touch the payload.
inline void write_headers(const HeaderTemplate& headers, std::uint8_t* at,
                          std::size_t udp_payload_bytes) {
    using namespace header_fields;
    const auto ip_length = memory_order(udp_payload_bytes + kUdpBytes + kIpv4Bytes);
    std::memcpy(at, headers.bytes.data(), kHeaderBytes);
    store(at + kIpLengthAt, ip_length);
    store(at + kIpChecksumAt, static_cast<std::uint16_t>(~sum_of(headers.ip_sum, ip_length)));
    store(at + kUdpLengthAt, memory_order(udp_payload_bytes + kUdpBytes));
}

// Completes the UDP checksum in software over the headers' pseudo-header and the payload at `at` +
// 42, after the payload is final (0 becomes 0xffff, RFC 768). Precondition: write_headers() was
// called with the same length.
void write_udp_checksum(const HeaderTemplate& headers, std::uint8_t* at,
                        std::size_t udp_payload_bytes);

// For a device that completes the checksum: stores the pseudo-header sum, not complemented, as
// transmit offload wants it.
inline void seed_udp_checksum(const HeaderTemplate& headers, std::uint8_t* at,
                              std::size_t udp_payload_bytes) {
    using namespace header_fields;
    const auto udp_length = memory_order(udp_payload_bytes + kUdpBytes);
    store(at + kUdpChecksumAt, sum_of(headers.pseudo_sum, udp_length));
}

}  // namespace mdd::net
