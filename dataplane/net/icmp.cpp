// The echo reply, made where the request lies.
#include "dataplane/net/icmp.h"

#include <cstring>

#include "dataplane/net/checksum.h"
#include "dataplane/net/wire.h"

namespace mdd::net {
namespace {

constexpr std::uint8_t kEchoRequest = 8, kEchoReply = 0;

std::uint16_t load_raw(const std::uint8_t* p) {
    std::uint16_t value;
    std::memcpy(&value, p, sizeof value);
    return value;
}

void store_raw(std::uint8_t* p, std::uint16_t value) {
    std::memcpy(p, &value, sizeof value);
}

void refresh_ip_header(std::uint8_t* ip) {
    ip[8] = 64;
    store_raw(ip + 10, 0);
    store_raw(ip + 10, static_cast<std::uint16_t>(~ipv4_header_sum(ip)));
}

// RFC 1624 eqn 3: HC' = ~(~HC + ~m + m'), with m the old type and code, m' the new.
void turn_type(std::uint8_t* icmp) {
    const std::uint16_t old_word = load_raw(icmp);
    icmp[0] = kEchoReply;
    const std::uint64_t sum = std::uint64_t{static_cast<std::uint16_t>(~load_raw(icmp + 2))} +
                              static_cast<std::uint16_t>(~old_word) + load_raw(icmp);
    store_raw(icmp + 2, static_cast<std::uint16_t>(~fold_sum(sum)));
}

}  // namespace

bool make_echo_reply(srtp::MutableBytes frame, const Frame& parsed, const MacAddress& local_mac,
                     Be32 local_ip) {
    std::uint8_t* icmp = frame.data() + parsed.payload_offset;
    if (destination_mac_of(frame) != local_mac || parsed.destination.ip != local_ip) return false;
    if (icmp[0] != kEchoRequest || icmp[1] != 0) return false;

    std::uint8_t* ip = frame.data() + parsed.l3_offset;
    store_mac(frame.data(), source_mac_of(frame));
    store_mac(frame.data() + kMacBytes, local_mac);
    srtp::store_be32(ip + 12, from_be(local_ip));
    srtp::store_be32(ip + 16, from_be(parsed.source.ip));
    refresh_ip_header(ip);
    turn_type(icmp);
    return true;
}

}  // namespace mdd::net
