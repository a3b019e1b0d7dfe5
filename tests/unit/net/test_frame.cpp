// Frames that are accepted: every field of the golden frames, padding, priority tags, zero-length
// UDP.
#include <gtest/gtest.h>

#include "dataplane/net/frame.h"
#include "tests/unit/net/frames.h"

namespace mdd::net {
namespace {

using srtp::Verdict;
using test::FrameBytes;

Verdict parse_exact(const FrameBytes& frame, Frame& out) {
    return parse_frame(test::exact_copy(frame).bytes(), out);
}

TEST(Frame, udp_fields_are_where_they_are) {
    Frame frame;
    ASSERT_EQ(parse_exact(test::udp_frame(), frame), Verdict::accepted);
    EXPECT_EQ(frame.kind, FrameKind::udp);
    EXPECT_EQ(to_string(frame.source), "192.0.2.21:40000");
    EXPECT_EQ(to_string(frame.destination), "192.0.2.10:5004");
    EXPECT_EQ(frame.l3_offset, 14);
    EXPECT_EQ(frame.payload_offset, 42);
    EXPECT_EQ(frame.payload_bytes, 5);
    const auto bytes = test::udp_frame();
    EXPECT_EQ(to_string(source_mac_of(bytes)), "02:00:00:00:00:21");
    EXPECT_EQ(to_string(destination_mac_of(bytes)), "02:00:00:00:00:10");
    EXPECT_EQ(test::to_hex(payload_of(bytes, frame)), "68656c6c6f");
}

TEST(Frame, ethernet_padding_is_not_payload) {
    FrameBytes bytes = test::udp_frame();
    bytes.resize(60, 0xee);
    Frame frame;
    ASSERT_EQ(parse_exact(bytes, frame), Verdict::accepted);
    EXPECT_EQ(frame.payload_bytes, 5);
}

TEST(Frame, an_empty_udp_datagram_is_accepted) {
    FrameBytes bytes = test::udp_frame();
    bytes.resize(42);
    bytes[17] = 28;
    bytes[39] = 8;
    test::fix_ip_checksum(bytes);
    Frame frame;
    ASSERT_EQ(parse_exact(bytes, frame), Verdict::accepted);
    EXPECT_EQ(frame.payload_bytes, 0);
    EXPECT_EQ(frame.payload_offset, 42);
}

TEST(Frame, a_wrong_udp_checksum_is_not_looked_at) {
    FrameBytes bytes = test::udp_frame();
    bytes[40] ^= 0xff;
    Frame frame;
    EXPECT_EQ(parse_exact(bytes, frame), Verdict::accepted);
}

TEST(Frame, a_priority_tag_shifts_everything_by_four) {
    FrameBytes bytes = test::udp_frame();
    const auto tag = test::from_hex("8100a000");
    bytes.insert(bytes.begin() + 12, tag.begin(), tag.end());
    Frame frame;
    ASSERT_EQ(parse_exact(bytes, frame), Verdict::accepted);
    EXPECT_EQ(frame.l3_offset, 18);
    EXPECT_EQ(frame.payload_offset, 46);
    EXPECT_EQ(frame.payload_bytes, 5);
}

TEST(Frame, icmp_and_arp_are_told_apart) {
    Frame frame;
    ASSERT_EQ(parse_exact(test::echo_frame(), frame), Verdict::accepted);
    EXPECT_EQ(frame.kind, FrameKind::icmp);
    EXPECT_EQ(to_string(frame.source), "192.0.2.21:0");
    EXPECT_EQ(frame.payload_offset, 34);
    EXPECT_EQ(frame.payload_bytes, 16);
    ASSERT_EQ(parse_exact(test::arp_frame(), frame), Verdict::accepted);
    EXPECT_EQ(frame.kind, FrameKind::arp);
    EXPECT_EQ(frame.source, SocketAddress{});
    EXPECT_EQ(frame.payload_offset, 14);
    EXPECT_EQ(frame.payload_bytes, 28);
}

TEST(Frame, ttl_tos_and_id_do_not_matter) {
    for (const std::size_t field : {15, 18, 19, 22}) {
        FrameBytes bytes = test::udp_frame();
        bytes[field] = 0xa5;
        test::fix_ip_checksum(bytes);
        Frame frame;
        EXPECT_EQ(parse_exact(bytes, frame), Verdict::accepted) << field;
    }
}

TEST(Frame, the_device_may_have_verified_the_header_checksum) {
    FrameBytes bytes = test::udp_frame();
    bytes[24] ^= 1;
    Frame frame;
    EXPECT_EQ(parse_frame(bytes, frame), Verdict::bad_ip);
    EXPECT_EQ(parse_frame(bytes, frame, IpChecksum::verified_by_device), Verdict::accepted);
}

}  // namespace
}  // namespace mdd::net
