// EKT as policy: when tags are sent, what is learnt from them, which are not believed. Changes of
// the EKT key are in ekt_rekey_test.cpp.
#include "tests/unit/endpoint/conversation.h"

namespace mdd::endpoint::test {
namespace {

class EktTest : public ConversationTest {
  protected:
    // A's n-th packet with another tag in the place of its own.
    std::vector<ReceivedRtp> with_tag(std::uint16_t sequence, const Packet& tag) {
        auto opened = relay.open(sent(rtp_packet(sequence)));
        EXPECT_TRUE(opened);
        opened->tag = tag;
        return b.open(relay.seal(*opened, {}), now);
    }
    Packet tag_of(srtp::Bytes inner_key, std::uint16_t epoch, std::uint32_t ssrc = kSsrc) {
        return build_full_tag(conference_key(kProfile), epoch, inner_key, ssrc, 0);
    }
};

TEST_F(EktTest, FirstThreePacketsCarryFullTagsThenOneEachHundredMilliseconds) {
    std::string kinds;
    for (std::uint16_t i = 0; i < 25; ++i) {
        kinds += sent(rtp_packet(i)).back() == kFullTag ? 'F' : 's';
        now += std::chrono::milliseconds(20);
    }
    EXPECT_EQ(kinds, "FFFssssFssssFssssFssssFss");
}

TEST_F(EktTest, RekeyAnnouncesTheInnerKeyAgain) {
    for (std::uint16_t i = 0; i < 5; ++i) sent(rtp_packet(i));
    a.install(numbered_hop_keys(kProfile, 3));
    std::string kinds;
    for (std::uint16_t i = 5; i < 10; ++i)
        kinds += sent(rtp_packet(i)).back() == kFullTag ? 'F' : 's';
    EXPECT_EQ(kinds, "FFFss");
}

TEST_F(EktTest, PacketsWaitForTheirKeyAndComeOutInOrder) {
    for (std::uint16_t i = 0; i < 3; ++i) sent(rtp_packet(i));
    EXPECT_TRUE(with_tag(3, {kShortTag}).empty());
    EXPECT_TRUE(with_tag(4, {kShortTag}).empty());
    now += std::chrono::milliseconds(100);
    const auto received = relayed(rtp_packet(5));
    ASSERT_EQ(received.size(), 3u);
    for (std::uint16_t i = 0; i < 3; ++i) {
        EXPECT_EQ(received[i].rtp, rtp_packet(static_cast<std::uint16_t>(3 + i)));
        EXPECT_EQ(received[i].waited, i < 2);
    }
    EXPECT_EQ(b.rtp.e2e_waited, 2u);
    EXPECT_EQ(b.rtp.e2e_no_key, 0u);
    EXPECT_EQ(b.ekt.keys_learnt, 1u);
}

TEST_F(EktTest, PacketsThatWaitTooLongAreCounted) {
    with_tag(1, {kShortTag});
    now += DoubleContext::kLongestWait;
    b.drop_overdue(now);
    EXPECT_EQ(b.rtp.e2e_no_key, 1u);
    EXPECT_EQ(relayed(rtp_packet(2)).size(), 1u);
}

TEST_F(EktTest, WaitingPacketsAreBounded) {
    for (std::uint16_t i = 0; i < DoubleContext::kMaxWaitingPackets + 10; ++i)
        with_tag(i, {kShortTag});
    EXPECT_EQ(b.rtp.e2e_no_key, 10u);
}

TEST_F(EktTest, RepeatedTagTeachesNothingNew) {
    for (std::uint16_t i = 0; i < 3; ++i) EXPECT_EQ(relayed(rtp_packet(i)).size(), 1u);
    EXPECT_EQ(b.ekt.full, 3u);
    EXPECT_EQ(b.ekt.keys_learnt, 1u);
    EXPECT_EQ(relayed(rtp_packet(3)).size(), 1u);
    EXPECT_EQ(b.ekt.short_, 1u);
}

TEST_F(EktTest, SenderThatRestartedIsHeardUnderTheEktKeyOfItsJoining) {
    relayed(rtp_packet(40000));
    DoubleContext restarted{kProfile};
    restarted.install(numbered_hop_keys(kProfile, 3));
    give(restarted, 8);
    give(b, 8);
    LibsrtpRelay after{numbered_hop_keys(kProfile, 3), numbered_hop_keys(kProfile, 4)};
    b.install(numbered_hop_keys(kProfile, 4));
    const auto wire = after.forward(sent_by(restarted, rtp_packet(2)));
    EXPECT_EQ(b.open(*wire, now).size(), 1u);
    EXPECT_EQ(b.ekt.keys_learnt, 2u);
}

TEST_F(EktTest, SameOrLowerEpochWithAnotherKeyIsIgnoredButThePacketIsNot) {
    relayed(rtp_packet(1));
    const Packet other(16, 0x77);
    EXPECT_EQ(with_tag(2, tag_of(other, 0)).size(), 1u);
    EXPECT_EQ(b.ekt.stale_epoch, 1u);
    EXPECT_EQ(with_tag(3, tag_of(other, 5)).size(), 1u);
    EXPECT_EQ(with_tag(4, tag_of(Packet(16, 0x78), 4)).size(), 1u);
    EXPECT_EQ(with_tag(5, tag_of(Packet(16, 0x78), 5)).size(), 1u);
    EXPECT_EQ(b.ekt.stale_epoch, 3u);
    EXPECT_EQ(b.ekt.keys_learnt, 2u);
}

TEST_F(EktTest, GivenUpKeyIsNotTakenBackUnderAHigherEpoch) {
    relayed(rtp_packet(1));
    const Packet key1(16, 0x71);
    const Packet key2(16, 0x72);
    const Packet key3(16, 0x73);
    with_tag(2, tag_of(key1, 1));
    with_tag(3, tag_of(key2, 2));
    with_tag(4, tag_of(key3, 3));
    EXPECT_EQ(b.ekt.keys_learnt, 4u);
    with_tag(5, tag_of(key1, 9));
    EXPECT_EQ(b.ekt.reused_key, 1u);
    with_tag(6, tag_of(key2, 9));
    EXPECT_EQ(b.ekt.reused_key, 2u);
    EXPECT_EQ(b.ekt.keys_learnt, 4u);
}

TEST_F(EktTest, TagOfAnotherStreamIsIgnored) {
    relayed(rtp_packet(1));
    EXPECT_EQ(with_tag(2, tag_of(Packet(16, 0x77), 1, kSsrc + 1)).size(), 1u);
    EXPECT_EQ(b.ekt.ssrc_mismatch, 1u);
}

TEST_F(EktTest, BrokenWrapAndWrongKeyLengthCondemnThePacket) {
    relayed(rtp_packet(1));
    auto broken = tag_of(Packet(16, 0x77), 1);
    broken[3] ^= 1;
    EXPECT_TRUE(with_tag(3, broken).empty());
    EXPECT_EQ(b.ekt.bad, 1u);

    EXPECT_TRUE(with_tag(4, tag_of(Packet(32, 0x77), 1)).empty());
    EXPECT_EQ(b.ekt.wrong_key_length, 1u);
    EXPECT_EQ(b.rtp.received, 1u);
    EXPECT_EQ(relayed(rtp_packet(5)).size(), 1u);
}

TEST_F(EktTest, ExtensionTagIsDiscardedAndThePacketKept) {
    relayed(rtp_packet(1));
    EXPECT_EQ(with_tag(2, from_hex("aabb000503")).size(), 1u);
    EXPECT_EQ(b.ekt.unknown_type, 1u);
}

TEST(EktTagSyntax, ImpossibleTagsAreNotCutOff) {
    const std::vector<std::string> endings = {
        "01",      // never assigned
        "ff",      // reserved
        "000002",  // full, length 0
        "000702",  // full, nothing but the fixed part
        "ffff02",  // full, longer than the packet
        "001f02",  // full, longer than what is behind the SRTP packet
        "000303",  // extension, shorter than its own fields
        "002a03",  // extension, reaches into the SRTP packet
    };
    for (const auto& ending : endings) {
        Packet packet(45, 0x80);
        const auto tail = from_hex(ending);
        packet.insert(packet.end(), tail.begin(), tail.end());
        EXPECT_FALSE(parse_ekt_tag(packet, 45)) << ending;
    }
    Packet odd(45 + 30, 0x80);  // a ciphertext of 23 bytes is no key wrap
    const auto tail = from_hex("001e02");
    std::copy(tail.begin(), tail.end(), odd.end() - 3);
    EXPECT_FALSE(parse_ekt_tag(odd, 45));
    EXPECT_FALSE(parse_ekt_tag(Packet(45, 0), 45));
    EXPECT_TRUE(parse_ekt_tag(Packet(46, 0), 45));
}

}  // namespace
}  // namespace mdd::endpoint::test
