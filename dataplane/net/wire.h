// Sizes, numbers and fields of the headers that we speak, as on the wire. No parsing, no building.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "dataplane/net/address.h"

namespace mdd::net {

inline constexpr std::size_t kMacBytes = 6;
inline constexpr std::size_t kEthernetBytes = 14;
inline constexpr std::size_t kIpv4Bytes = 20;  // without options; we neither send nor take any
inline constexpr std::size_t kUdpBytes = 8;
inline constexpr std::size_t kHeaderBytes = kEthernetBytes + kIpv4Bytes + kUdpBytes;  // 42
inline constexpr std::size_t kArpPacketBytes = 28;  // Ethernet and IPv4

inline constexpr std::uint16_t kTypeIpv4 = 0x0800, kTypeArp = 0x0806;  // EtherType
inline constexpr std::uint8_t kProtocolIcmp = 1, kProtocolUdp = 17;    // IPv4 protocol

// Precondition for both: kMacBytes bytes at `p`.
inline void load_mac(const std::uint8_t* p, MacAddress& mac) {
    std::memcpy(mac.bytes.data(), p, kMacBytes);
}
inline void store_mac(std::uint8_t* p, const MacAddress& mac) {
    std::copy_n(mac.bytes.begin(), kMacBytes, p);
}

}  // namespace mdd::net
