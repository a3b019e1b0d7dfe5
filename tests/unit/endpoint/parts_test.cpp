// The small parts: RTCP syntax, statistics, generator pattern, options, session description, index
// estimate.
#include <gtest/gtest.h>

#include "tests/support/hex.h"
#include "tools/mdd-endpoint/generator.h"
#include "tools/mdd-endpoint/local_output.h"
#include "tools/mdd-endpoint/options.h"
#include "tools/mdd-endpoint/rtcp_packet.h"
#include "tools/mdd-endpoint/stream_stats.h"

namespace mdd::endpoint::test {
namespace {

using mdd::test::from_hex;
using mdd::test::to_hex;

TEST(Rtcp, OwnReportIsAReceiverReportWithCname) {
    EXPECT_EQ(to_hex(receiver_report(0x01020304, "abc")),
              "80c9000101020304"
              "81ca00030102030401036162"
              "63000000");
    for (std::size_t length = 0; length < 9; ++length) {
        const auto packet = receiver_report(1, std::string(length, 'x'));
        ASSERT_TRUE(read_rtcp(packet)) << length;
        EXPECT_EQ(packet.back(), 0) << "a chunk ends with at least one zero byte";
    }
}

TEST(Rtcp, KeyframeRequestNamesTheMediaSource) {
    const auto packet = keyframe_request(0x01020304, "a", 0x0a0b0c0d);
    EXPECT_EQ(to_hex(srtp::Bytes(packet).last(12)), "81ce0002010203040a0b0c0d");
    const auto summary = read_rtcp(packet);
    ASSERT_TRUE(summary);
    EXPECT_EQ(summary->sender_ssrc, 0x01020304u);
    EXPECT_EQ(summary->feedback_for, 0x0a0b0c0du);
    EXPECT_FALSE(summary->has_bye);
}

TEST(Rtcp, ByeAndFullIntraRequestAreSeen) {
    const auto bye =
        read_rtcp(from_hex("80c9000101020304"
                           "81cb000101020304"));
    ASSERT_TRUE(bye);
    EXPECT_TRUE(bye->has_bye);
    const auto fir =
        read_rtcp(from_hex("84ce00040102030400000000"
                           "0a0b0c0d01000000"));
    ASSERT_TRUE(fir);
    EXPECT_EQ(fir->feedback_for, 0x0a0b0c0du);
}

TEST(Rtcp, WhatIsNoCompoundIsRefused) {
    for (auto* text :
         {"", "80c90001", "80c90000", "80c9000001020304", "80c9000201020304", "40c9000101020304",
          "80600001010203040", "80c90001010203048", "80c900010102030480c9",
          "a0c900010102030480c9000101020304", "80c900010102030480000001aabbccdd"}) {
        std::string even(text);
        if (even.size() % 2 != 0) even += '0';
        EXPECT_FALSE(read_rtcp(from_hex(even))) << text;
    }
}

TEST(StreamStats, CountsGapsAndReorderingByTheSendersNumbers) {
    StreamStats stats;
    for (PacketIndex index : {65534u, 65535u, 65537u, 65536u, 65540u}) stats.note(0, index);
    EXPECT_EQ(stats.received(), 5u);
    EXPECT_EQ(stats.lost(), 2u);
    EXPECT_EQ(stats.reordered(), 1u);
    EXPECT_EQ(stats.first(), 65534u);
    EXPECT_EQ(stats.last(), 65540u);
}

TEST(StreamStats, RestartedSenderIsNoGap) {
    StreamStats stats;
    for (PacketIndex index : {10u, 12u}) stats.note(3, index);
    for (PacketIndex index : {9000u, 9001u, 9003u}) stats.note(4, index);
    stats.note(3, 13);
    EXPECT_EQ(stats.lost(), 2u);
    EXPECT_EQ(stats.received(), 6u);
    EXPECT_EQ(stats.reordered(), 1u);
}

TEST(StreamStats, NewKeyOfASenderThatGoesOnHidesNoGap) {
    StreamStats stats;
    for (PacketIndex index : {10u, 11u}) stats.note(1, index);
    for (PacketIndex index : {14u, 15u}) stats.note(2, index);
    stats.note(1, 12);
    EXPECT_EQ(stats.lost(), 1u);
    EXPECT_EQ(stats.reordered(), 1u);
    stats.note(3, 3);
    EXPECT_EQ(stats.reordered(), 2u) << "close behind is late, not a restart";
}

TEST(IndexTracker, FollowsTheNearestRollOver) {
    IndexTracker tracker;
    EXPECT_EQ(tracker.estimate(65535), 65535u);
    tracker.commit(65535);
    EXPECT_EQ(tracker.estimate(0), 65536u);
    tracker.commit(65536);
    EXPECT_EQ(tracker.estimate(65535), 65535u);
    EXPECT_EQ(tracker.estimate(32767), 65536u + 32767u);
    EXPECT_EQ(IndexTracker(3).estimate(65535), std::nullopt);
    EXPECT_EQ(IndexTracker(3).estimate(0), 0u);
}

TEST(Generator, KeepsItsRateAndItsNumbers) {
    Generator generator({.ssrc = 9,
                         .payload_type = 111,
                         .packets_per_second = 100,
                         .payload_bytes = 40,
                         .first_sequence = 65535});
    Generator::Clock::time_point now{std::chrono::seconds(5)};
    std::vector<Packet> packets;
    for (int ms = 0; ms < 100; ++ms, now += std::chrono::milliseconds(1))
        while (auto packet = generator.next(now)) packets.push_back(*packet);
    ASSERT_EQ(packets.size(), 10u);
    EXPECT_EQ(rtp_sequence(packets[0]), 65535);
    EXPECT_EQ(rtp_sequence(packets[1]), 0);
    EXPECT_EQ(srtp::load_be32(packets[9].data() + 4), 9u * 900);
    EXPECT_EQ(rtp_payload_type(packets[0]), 111);

    generator.rest();
    now += std::chrono::hours(1);
    EXPECT_TRUE(generator.next(now));
    EXPECT_FALSE(generator.next(now)) << "no burst after a pause";
}

TEST(Generator, PatternIsRecognisedAndEveryDamageSeen) {
    Generator generator({.ssrc = 9,
                         .payload_type = 0,
                         .packets_per_second = 1,
                         .payload_bytes = 40,
                         .first_sequence = 0});
    const auto packet = *generator.next(Generator::Clock::time_point{});
    EXPECT_EQ(check_pattern(packet), Pattern::good);
    for (std::size_t i = 24; i < packet.size(); ++i) {
        auto damaged = packet;
        damaged[i] ^= 0x10;
        EXPECT_EQ(check_pattern(damaged), Pattern::damaged) << i;
    }
    EXPECT_EQ(check_pattern(Packet(52, 0x80)), Pattern::none);
}

class OptionsTest : public ::testing::Test {
  protected:
    Options parse(std::vector<const char*> more) {
        return std::get<Options>(parsed(std::move(more)));
    }
    std::string refusal(std::vector<const char*> more) {
        try {
            parsed(std::move(more));
        } catch (const UsageError& error) {
            return error.what();
        }
        return "";
    }

  private:
    std::variant<Options, Notice> parsed(std::vector<const char*> more) {
        std::vector<const char*> line = {
            "mdd-endpoint", "--mdd", "192.0.2.1:5004",    "--bind",    "[::1]:0", "--cert", "c",
            "--key",        "k",     "--kmf-fingerprint", kFingerprint};
        line.insert(line.end(), more.begin(), more.end());
        return parse_options(static_cast<int>(line.size()), line.data());
    }
    static constexpr auto kFingerprint =
        "000102030405060708090a0b0c0d0e0f000102030405060708090a0b0c0d0e0f";
};

TEST_F(OptionsTest, StreamsAreReadInOrder) {
    const auto options = parse({"--rtp-in",     "UDP:6000",
                                "--ssrc",       "0x1111",
                                "--pt",         "96",
                                "--rtp-in",     "6002",
                                "--ssrc",       "2222",
                                "--pt",         "111",
                                "--rtp-out",    "udp:127.0.0.1:7000",
                                "--expect",     "5:96:VP8/90000",
                                "--expect",     "6:111:opus/48000/2",
                                "--generate",   "7:0:50:160:65000",
                                "--seconds",    "1.5",
                                "--tls-id",     "01234567890123456789",
                                "--kmf-tls-id", "abcdefghij+/-_ABCDEFGHIJ"});
    ASSERT_EQ(options.sources.size(), 2u);
    EXPECT_EQ(options.sources[0].port, 6000);
    EXPECT_EQ(options.sources[0].ssrc, 0x1111u);
    EXPECT_EQ(options.sources[1].payload_type, 111);
    ASSERT_TRUE(options.output);
    EXPECT_EQ(options.output->base.port(), 7000);
    ASSERT_EQ(options.output->expected.size(), 2u);
    EXPECT_EQ(options.output->expected[1].encoding, "opus/48000/2");
    EXPECT_EQ(options.generators.at(0).first_sequence, 65000);
    EXPECT_EQ(options.run_time.count(), 1500);
    EXPECT_EQ(options.session_ids.own, "01234567890123456789");
    EXPECT_EQ(options.session_ids.kmf, "abcdefghij+/-_ABCDEFGHIJ");
    EXPECT_EQ(options.profile, srtp::Profile::double_aes_128_gcm);
}

TEST_F(OptionsTest, NonsenseIsRefusedInASentence) {
    const std::vector<std::pair<std::vector<const char*>, const char*>> cases = {
        {{"--ekt-key-file", "e"}, "ekt-key-file"},
        {{"--profile", "AES"}, "no SRTP profile"},
        {{"--tls-id", "tooshort"}, "--tls-id must be 20 to 255"},
        {{"--tls-id", "0123456789012345678 "}, "--tls-id must be 20 to 255"},
        {{"--kmf-tls-id", "0123456789=0123456789"}, "--kmf-tls-id must be 20 to 255"},
        {{"--rtp-in", "UDP:6000"}, "one --ssrc and one --pt"},
        {{"--rtp-in", "6000", "--ssrc", "1", "--pt", "72"}, "look like RTCP"},
        {{"--rtp-in", "6000", "--ssrc", "1x", "--pt", "7"}, "an SSRC"},
        {{"--generate", "1:2:3"}, "SSRC:PT:PPS:BYTES"},
        {{"--generate", "1:2:3:4"}, "at least 1 packet"},
        {{"--generate", "1:2:3:40", "--generate", "1:2:3:40"}, "same SSRC"},
        {{"--sdp", "x"}, "--rtp-out"},
        {{"--rtp-out", "UDP:host:1"}, "numeric ADDR:PORT"},
        {{"--nonsense"}, "nonsense"},
    };
    for (const auto& [arguments, text] : cases)
        EXPECT_NE(refusal(arguments).find(text), std::string::npos)
            << text << ": " << refusal(arguments);
}

TEST(SessionDescription, HasAMediaLineForEachKnownEncoding) {
    const auto text = session_description(
        boost::asio::ip::make_address("127.0.0.1"),
        {{1, 96, 7000, "VP8/90000"}, {2, 97, 7002, "opus/48000/2"}, {3, 98, 7004, ""}});
    EXPECT_EQ(text,
              "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=mdd-endpoint\nc=IN IP4 127.0.0.1\nt=0 0\n"
              "m=video 7000 RTP/AVP 96\na=rtpmap:96 VP8/90000\n"
              "m=audio 7002 RTP/AVP 97\na=rtpmap:97 opus/48000/2\n");
}

}  // namespace
}  // namespace mdd::endpoint::test
