// Addresses: byte order, text both ways, networks.
#include <gtest/gtest.h>

#include <cstring>
#include <unordered_set>

#include "dataplane/net/address.h"

namespace mdd::net {
namespace {

TEST(Address, keeps_network_order_in_memory) {
    const Be32 ip = to_be(std::uint32_t{0xc000020a});
    std::uint8_t bytes[4];
    std::memcpy(bytes, &ip, 4);
    EXPECT_EQ(bytes[0], 0xc0);
    EXPECT_EQ(bytes[3], 0x0a);
    EXPECT_EQ(from_be(ip), 0xc000020a);
    EXPECT_EQ(from_be(to_be(std::uint16_t{5004})), 5004);
}

TEST(Address, parses_and_prints_socket_addresses) {
    for (const char* text : {"192.0.2.1:5004", "0.0.0.0:0", "255.255.255.255:65535"}) {
        const auto address = parse_socket_address(text);
        ASSERT_TRUE(address) << text;
        EXPECT_EQ(to_string(*address), text);
    }
    EXPECT_EQ(parse_socket_address("192.0.2.1:5004"),
              (SocketAddress{to_be(std::uint32_t{0xc0000201}), to_be(std::uint16_t{5004})}));
}

TEST(Address, refuses_text_that_is_almost_an_address) {
    for (const char* text : {"", "1.2.3:4", "1.2.3.4", "1.2.3.4:", "1.2.3.4:65536", "1.2.3.256:1",
                             "1.2.3.4.5:1", " 1.2.3.4:1", "1.2.3.4:1 ", "01.2.3.4:1", "1.2.3.4:+1",
                             "1.2.3.-4:1", "1.2.3.4:99999999999", "1..3.4:1", "[::1]:1"})
        EXPECT_FALSE(parse_socket_address(text)) << text;
    EXPECT_FALSE(parse_ipv4("1.2.3.4x"));
    EXPECT_FALSE(parse_ipv4("1.2.3"));
    EXPECT_TRUE(parse_ipv4("1.2.3.4"));
}

TEST(Address, networks_contain_their_hosts_only) {
    const auto network = parse_ipv4_network("192.0.2.10/24");
    ASSERT_TRUE(network);
    EXPECT_EQ(to_string(*network), "192.0.2.10/24");
    EXPECT_EQ(to_string(network->netmask()), "255.255.255.0");
    EXPECT_TRUE(network->contains(*parse_ipv4("192.0.2.255")));
    EXPECT_FALSE(network->contains(*parse_ipv4("192.0.3.10")));
    EXPECT_TRUE(parse_ipv4_network("0.0.0.0/0")->contains(*parse_ipv4("203.0.113.9")));
    EXPECT_TRUE(parse_ipv4_network("192.0.2.1/32")->contains(*parse_ipv4("192.0.2.1")));
    EXPECT_FALSE(parse_ipv4_network("192.0.2.1/32")->contains(*parse_ipv4("192.0.2.0")));
    for (const char* text : {"192.0.2.1", "192.0.2.1/", "192.0.2.1/33", "192.0.2.1/08"})
        EXPECT_FALSE(parse_ipv4_network(text)) << text;
}

TEST(Address, parses_and_prints_mac_addresses) {
    const auto mac = parse_mac("02:00:5e:10:ff:0a");
    ASSERT_TRUE(mac);
    EXPECT_EQ(to_string(*mac), "02:00:5e:10:ff:0a");
    EXPECT_FALSE(mac->is_group());
    EXPECT_TRUE(kBroadcastMac.is_group());
    EXPECT_TRUE(parse_mac("01:00:5E:00:00:01")->is_group());
    for (const char* text : {"", "02:00:5e:10:ff", "02:00:5e:10:ff:0g", "02-00-5e-10-ff-0a",
                             "02:00:5e:10:ff:0a:", "+2:00:5e:10:ff:0a", "2:000:5e:10:ff:0a"})
        EXPECT_FALSE(parse_mac(text)) << text;
}

TEST(Address, hashes_neighbours_apart) {
    std::unordered_set<std::size_t> buckets;
    for (std::uint16_t port = 40000; port < 40256; ++port)
        buckets.insert(std::hash<SocketAddress>{}({to_be(std::uint32_t{0xc0000215}), to_be(port)}) &
                       255);
    // 256 balls into 256 bins at random leave about 162 bins hit.
    EXPECT_GT(buckets.size(), 130u);
}

}  // namespace
}  // namespace mdd::net
