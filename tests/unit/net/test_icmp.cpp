// ICMP echo: the reply byte for byte, checksums for all contents, and requests that get no answer.
#include <gtest/gtest.h>

#include <random>

#include "dataplane/net/icmp.h"
#include "tests/unit/net/frames.h"

namespace mdd::net {
namespace {

using test::kLocalIp;
using test::kLocalMac;

bool answer(test::FrameBytes& bytes) {
    Frame frame;
    EXPECT_EQ(parse_frame(bytes, frame), srtp::Verdict::accepted);
    return make_echo_reply(bytes, frame, kLocalMac, kLocalIp);
}

TEST(Icmp, turns_a_request_into_its_reply) {
    test::FrameBytes bytes = test::echo_frame();
    ASSERT_TRUE(answer(bytes));
    EXPECT_EQ(test::to_hex(bytes),
              test::to_hex(test::from_hex("020000000021 020000000010 0800"
                                          "4500 0024 0000 4000 4001 b6b9 c000020a c0000215"
                                          "0000 ddb6 1234 0001 0102030405060708")));
}

TEST(Icmp, checksums_are_right_whatever_the_request_holds) {
    std::mt19937 random(4);
    for (int round = 0; round < 100000; ++round) {
        test::FrameBytes bytes = test::echo_frame();
        for (std::size_t i = 38; i < bytes.size(); ++i)
            bytes[i] = static_cast<std::uint8_t>(round < 1000 ? round % 2 * 0xff : random());
        if (round < 1000) srtp::store_be16(&bytes[38], static_cast<std::uint16_t>(random()));
        bytes[36] = bytes[37] = 0;
        srtp::store_be16(&bytes[36], test::naive_checksum(std::span(bytes).subspan(34)));
        ASSERT_TRUE(answer(bytes));
        ASSERT_EQ(test::naive_checksum(std::span(bytes).subspan(34)), 0) << round;
        ASSERT_EQ(test::naive_checksum(std::span(bytes).subspan(14, 20)), 0) << round;
    }
}

TEST(Icmp, a_damaged_request_stays_damaged) {
    test::FrameBytes bytes = test::echo_frame();
    bytes[45] ^= 0x10;
    ASSERT_TRUE(answer(bytes));
    EXPECT_NE(test::naive_checksum(std::span(bytes).subspan(34)), 0);
}

TEST(Icmp, answers_nobody_but_who_asks_us) {
    struct Case {
        const char* what;
        std::size_t at;
        std::uint8_t value;
    };
    for (const Case& bend :
         {Case{"echo reply", 34, 0}, Case{"unreachable", 34, 3}, Case{"code 1", 35, 1},
          Case{"another address", 33, 11}, Case{"network broadcast", 33, 255},
          Case{"another MAC", 5, 0x11}, Case{"group MAC", 0, 0x03}}) {
        test::FrameBytes bytes = test::echo_frame();
        bytes[bend.at] = bend.value;
        test::fix_ip_checksum(bytes);
        const test::FrameBytes before = bytes;
        EXPECT_FALSE(answer(bytes)) << bend.what;
        EXPECT_EQ(bytes, before) << bend.what;
    }
}

}  // namespace
}  // namespace mdd::net
