// Written headers: byte for byte, and their checksums for every payload length against the
// definition.
#include <gtest/gtest.h>

#include <random>

#include "dataplane/net/frame.h"
#include "dataplane/net/header_template.h"
#include "tests/unit/net/frames.h"

namespace mdd::net {
namespace {

const MacAddress kSourceMac = *parse_mac("02:00:00:00:00:21");
const MacAddress kDestinationMac = *parse_mac("02:00:00:00:00:10");
const SocketAddress kSource = *parse_socket_address("192.0.2.21:40000");
const SocketAddress kDestination = *parse_socket_address("192.0.2.10:5004");

HeaderTemplate golden_template(std::uint8_t dscp = 0) {
    return make_header_template(kSourceMac, kDestinationMac, kSource, kDestination, dscp);
}

SocketAddress random_address(std::mt19937& random) {
    return {to_be(static_cast<std::uint32_t>(random())),
            to_be(static_cast<std::uint16_t>(random()))};
}

TEST(HeaderTemplate, writes_the_golden_frame) {
    test::FrameBytes frame(kHeaderBytes + 5);
    std::copy_n("hello", 5, frame.begin() + kHeaderBytes);
    write_headers(golden_template(), frame.data(), 5);
    write_udp_checksum(golden_template(), frame.data(), 5);
    EXPECT_EQ(test::to_hex(frame), test::to_hex(test::udp_frame()));
}

TEST(HeaderTemplate, is_right_for_every_payload_length) {
    std::mt19937 random(3);
    for (std::size_t length = 0; length <= 1500; ++length) {
        const auto storage = test::exact_copy((std::vector<std::uint8_t>(kHeaderBytes + length)));
        auto* frame = const_cast<std::uint8_t*>(storage.bytes().data());
        for (std::size_t i = 0; i < length; ++i)
            frame[kHeaderBytes + i] = static_cast<std::uint8_t>(random());
        const HeaderTemplate headers =
            make_header_template(kSourceMac, kDestinationMac, random_address(random),
                                 random_address(random), static_cast<std::uint8_t>(length % 64));
        write_headers(headers, frame, length);
        ASSERT_EQ(test::naive_checksum(storage.bytes().subspan(14, 20)), 0) << length;
        ASSERT_EQ(srtp::load_be16(frame + 40), 0) << length;
        write_udp_checksum(headers, frame, length);
        ASSERT_EQ(test::naive_udp_check(storage.bytes()), 0) << length;
        ASSERT_NE(srtp::load_be16(frame + 40), 0) << length;
        ASSERT_EQ(srtp::load_be16(frame + 16), length + 28);
        ASSERT_EQ(srtp::load_be16(frame + 38), length + 8);
    }
}

TEST(HeaderTemplate, a_udp_checksum_of_zero_is_sent_as_ffff) {
    const HeaderTemplate headers = golden_template();
    std::vector<std::uint8_t> frame(kHeaderBytes + 2);
    write_headers(headers, frame.data(), 2);
    // The payload that complements everything else sums to ffff, whose complement is zero.
    srtp::store_be16(&frame[kHeaderBytes], test::naive_udp_check(frame));
    write_udp_checksum(headers, frame.data(), 2);
    EXPECT_EQ(srtp::load_be16(&frame[40]), 0xffff);
}

TEST(HeaderTemplate, the_offload_seed_is_the_pseudo_header_sum) {
    const HeaderTemplate headers = golden_template();
    for (std::size_t length = 0; length <= 1500; ++length) {
        std::vector<std::uint8_t> frame(kHeaderBytes + length, 0x77);
        write_headers(headers, frame.data(), length);
        seed_udp_checksum(headers, frame.data(), length);
        // What a device does: sum the whole segment, seed included, and store the complement.
        const auto segment = std::span(frame).subspan(34);
        srtp::store_be16(&frame[40], test::naive_checksum(segment));
        ASSERT_EQ(test::naive_udp_check(frame), 0) << length;
    }
}

TEST(HeaderTemplate, carries_dscp_without_ecn_and_parses_back) {
    std::vector<std::uint8_t> frame(kHeaderBytes + 100);
    write_headers(golden_template(46), frame.data(), 100);
    EXPECT_EQ(frame[15], 46 << 2);
    Frame parsed;
    ASSERT_EQ(parse_frame(frame, parsed), srtp::Verdict::accepted);
    EXPECT_EQ(parsed.source, kSource);
    EXPECT_EQ(parsed.destination, kDestination);
    EXPECT_EQ(source_mac_of(frame), kSourceMac);
    EXPECT_EQ(parsed.payload_bytes, 100);
}

TEST(HeaderTemplate, the_largest_payload_fills_the_mtu) {
    EXPECT_EQ(max_udp_payload_bytes(1500), 1472u);
    std::vector<std::uint8_t> frame(kHeaderBytes + 65507);
    write_headers(golden_template(), frame.data(), 65507);
    EXPECT_EQ(srtp::load_be16(&frame[16]), 65535);
    EXPECT_EQ(test::naive_checksum(std::span(frame).subspan(14, 20)), 0);
}

}  // namespace
}  // namespace mdd::net
