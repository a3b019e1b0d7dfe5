// Golden frames for the tests of this room, spelled out byte by byte, and the naive checksum they
// are judged by.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include "dataplane/net/address.h"
#include "tests/support/fuzz_input.h"
#include "tests/support/hex.h"

namespace mdd::test {

using FrameBytes = std::vector<std::uint8_t>;

// Who all frames here are for.
inline const net::MacAddress kLocalMac = *net::parse_mac("02:00:00:00:00:10");
inline const net::Be32 kLocalIp = *net::parse_ipv4("192.0.2.10");

// 192.0.2.21:40000 (02:..:21) to 192.0.2.10:5004 (02:..:10), payload "hello", no VLAN, no padding.
inline FrameBytes udp_frame() {
    return from_hex(
        "020000000010 020000000021 0800"
        "4500 0021 0000 4000 4011 b6ac c0000215 c000020a"
        "9c40 138c 000d 8815 68656c6c6f");
}

// The same two hosts: echo request, id 0x1234, sequence 1, eight bytes of data.
inline FrameBytes echo_frame() {
    return from_hex(
        "020000000010 020000000021 0800"
        "4500 0024 0000 4000 3f01 b7b9 c0000215 c000020a"
        "0800 d5b6 1234 0001 0102030405060708");
}

// 192.0.2.21 asks who has 192.0.2.10.
inline FrameBytes arp_frame() {
    return from_hex(
        "ffffffffffff 020000000021 0806"
        "0001 0800 06 04 0001 020000000021 c0000215 000000000000 c000020a");
}

// RFC 1071 as it reads: sixteen bits at a time, big-endian, complemented.
inline std::uint16_t naive_checksum(std::span<const std::uint8_t> bytes, std::uint32_t sum = 0) {
    for (std::size_t i = 0; i < bytes.size(); ++i)
        sum += static_cast<std::uint32_t>(i % 2 == 0 ? bytes[i] << 8 : bytes[i]);
    while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
    return static_cast<std::uint16_t>(~sum);
}

// RFC 768: the checksum over pseudo-header, UDP header and payload of a whole UDP frame. 0 when the
// stored one is right.
inline std::uint16_t naive_udp_check(std::span<const std::uint8_t> frame) {
    const auto addresses = frame.subspan(26, 8);
    const auto segment = frame.subspan(34);
    std::uint32_t sum = 17 + static_cast<std::uint32_t>(segment.size());
    for (std::size_t i = 0; i < 8; i += 2)
        sum += static_cast<std::uint32_t>(addresses[i] << 8 | addresses[i + 1]);
    return naive_checksum(segment, sum);
}

// Recomputes the IPv4 header checksum after a test has bent a field.
inline void fix_ip_checksum(FrameBytes& frame, std::size_t ip_at = 14) {
    frame[ip_at + 10] = frame[ip_at + 11] = 0;
    const auto sum = naive_checksum(std::span(frame).subspan(ip_at, 20));
    frame[ip_at + 10] = static_cast<std::uint8_t>(sum >> 8);
    frame[ip_at + 11] = static_cast<std::uint8_t>(sum);
}

inline ExactCopy exact_copy(std::span<const std::uint8_t> frame) {
    return ExactCopy(frame.data(), frame.size());
}

}  // namespace mdd::test
