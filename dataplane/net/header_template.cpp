// Header templates: what can be summed beforehand is summed beforehand.
#include "dataplane/net/header_template.h"

#include <algorithm>
#include <cstring>
#include <type_traits>

#include "dataplane/net/checksum.h"

namespace mdd::net {
namespace {

using srtp::Bytes;
using namespace header_fields;

static_assert(std::is_trivially_copyable_v<HeaderTemplate>);

}  // namespace

HeaderTemplate make_header_template(const MacAddress& source_mac, const MacAddress& destination_mac,
                                    const SocketAddress& source, const SocketAddress& destination,
                                    std::uint8_t dscp) {
    HeaderTemplate headers;
    std::uint8_t* h = headers.bytes.data();
    std::copy_n(destination_mac.bytes.begin(), 6, h);
    std::copy_n(source_mac.bytes.begin(), 6, h + 6);
    srtp::store_be16(h + 12, 0x0800);

    std::uint8_t* ip = h + kIpAt;
    ip[0] = 0x45;
    ip[1] = static_cast<std::uint8_t>(dscp << 2);
    srtp::store_be16(ip + 6, 0x4000);  // DF
    ip[8] = 64;
    ip[9] = kProtocolUdp;
    srtp::store_be32(ip + 12, from_be(source.ip));
    srtp::store_be32(ip + 16, from_be(destination.ip));

    std::uint8_t* udp = h + kUdpAt;
    srtp::store_be16(udp, from_be(source.port));
    srtp::store_be16(udp + 2, from_be(destination.port));

    headers.ip_sum = ipv4_header_sum(ip);
    headers.pseudo_sum =
        fold_sum(std::uint64_t{partial_sum(Bytes(ip + 12, 8))} + memory_order(kProtocolUdp));
    return headers;
}

void write_udp_checksum(const HeaderTemplate& headers, std::uint8_t* at,
                        std::size_t udp_payload_bytes) {
    // The length counts twice: in the pseudo-header and in the UDP header. The ports come from the
    // template: reading what was written just now, in another size, would make the processor wait.
    const std::uint64_t udp_length = memory_order(udp_payload_bytes + kUdpBytes);
    std::uint32_t ports;
    std::memcpy(&ports, headers.bytes.data() + kUdpAt, sizeof ports);
    const std::uint16_t sum = fold_sum(2 * udp_length + headers.pseudo_sum + ports +
                                       partial_sum(Bytes(at + kHeaderBytes, udp_payload_bytes)));
    store(at + kUdpChecksumAt, sum == 0xffff ? sum : static_cast<std::uint16_t>(~sum));
}

}  // namespace mdd::net
