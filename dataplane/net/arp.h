// ARP for IPv4 over Ethernet (RFC 826): read a packet, write a question or an answer. No table: who
// has which address is remembered elsewhere.
#pragma once

#include <optional>

#include "dataplane/net/address.h"
#include "dataplane/srtp/bytes.h"

namespace mdd::net {

inline constexpr std::size_t kArpFrameBytes = 42;

enum class ArpOperation : std::uint16_t { request = 1, reply = 2 };

struct ArpPacket {
    ArpOperation operation{};
    MacAddress sender_mac;
    Be32 sender_ip{};  // zero in an address probe (RFC 5227 §2.1.1): nothing to learn, but to be
                       // answered
    Be32 target_ip{};
};

// `arp` is the payload of a frame of kind arp. nullopt: cut short, not Ethernet/IPv4, an operation
// other than request and reply, or a group MAC as sender. Any thread.
std::optional<ArpPacket> parse_arp(srtp::Bytes arp);

// Writes a whole frame of kArpFrameBytes to `at` (precondition: so many writable bytes) and returns
// that size. The answer goes to whom `request` came from and says that `local_ip` is at
// `local_mac`.
std::size_t write_arp_reply(std::uint8_t* at, const ArpPacket& request, const MacAddress& local_mac,
                            Be32 local_ip);
// The question "who has `target_ip`", broadcast.
std::size_t write_arp_request(std::uint8_t* at, const MacAddress& local_mac, Be32 local_ip,
                              Be32 target_ip);

}  // namespace mdd::net
