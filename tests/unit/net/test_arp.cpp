// ARP: questions and answers byte by byte, round trips, and what is not answered.
#include <gtest/gtest.h>

#include "dataplane/net/arp.h"
#include "dataplane/net/frame.h"
#include "tests/unit/net/frames.h"

namespace mdd::net {
namespace {

using test::kLocalIp;
using test::kLocalMac;

std::optional<ArpPacket> parse_frame_as_arp(const test::FrameBytes& bytes) {
    const auto copy = test::exact_copy(bytes);
    Frame frame;
    if (parse_frame(copy.bytes(), frame) != srtp::Verdict::accepted) return std::nullopt;
    return parse_arp(payload_of(copy.bytes(), frame));
}

TEST(Arp, answers_a_question_byte_for_byte) {
    const auto request = parse_frame_as_arp(test::arp_frame());
    ASSERT_TRUE(request);
    EXPECT_EQ(request->operation, ArpOperation::request);
    EXPECT_EQ(to_string(request->sender_ip), "192.0.2.21");
    EXPECT_EQ(to_string(request->sender_mac), "02:00:00:00:00:21");
    EXPECT_EQ(request->target_ip, kLocalIp);
    test::FrameBytes reply(kArpFrameBytes);
    EXPECT_EQ(write_arp_reply(reply.data(), *request, kLocalMac, kLocalIp), kArpFrameBytes);
    EXPECT_EQ(test::to_hex(reply),
              "020000000021"
              "020000000010"
              "0806"
              "0001080006040002"
              "020000000010c000020a"
              "020000000021c0000215");
}

TEST(Arp, asks_as_others_ask) {
    test::FrameBytes question(kArpFrameBytes);
    EXPECT_EQ(write_arp_request(question.data(), *parse_mac("02:00:00:00:00:21"),
                                *parse_ipv4("192.0.2.21"), kLocalIp),
              kArpFrameBytes);
    EXPECT_EQ(test::to_hex(question), test::to_hex(test::arp_frame()));
}

TEST(Arp, an_answer_parses_back_and_padding_does_not_hurt) {
    const auto request = parse_frame_as_arp(test::arp_frame());
    test::FrameBytes reply(kArpFrameBytes);
    write_arp_reply(reply.data(), *request, kLocalMac, kLocalIp);
    reply.resize(60, 0);
    const auto answer = parse_frame_as_arp(reply);
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->operation, ArpOperation::reply);
    EXPECT_EQ(answer->sender_mac, kLocalMac);
    EXPECT_EQ(answer->sender_ip, kLocalIp);
    EXPECT_EQ(answer->target_ip, request->sender_ip);
}

TEST(Arp, other_hardware_protocols_and_operations_are_not_arp_for_us) {
    for (const auto& [at, value] : std::initializer_list<std::pair<std::size_t, std::uint8_t>>{
             {15, 6}, {16, 0x86}, {18, 8}, {19, 16}, {21, 0}, {21, 3}, {20, 1}, {22, 0x03}}) {
        test::FrameBytes bytes = test::arp_frame();
        bytes[at] = value;
        EXPECT_FALSE(parse_frame_as_arp(bytes)) << at;
    }
    EXPECT_FALSE(parse_arp(srtp::Bytes(test::arp_frame()).subspan(14, 27)));
}

}  // namespace
}  // namespace mdd::net
