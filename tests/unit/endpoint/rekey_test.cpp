// A second handshake under running media: indices go on in both directions, both key sets are
// understood for a while.
#include "tests/unit/endpoint/conversation.h"

namespace mdd::endpoint::test {
namespace {

const auto kRtcp = from_hex("80c900010a0b0c0d81ca00030a0b0c0d0101780000000000");

std::uint32_t srtcp_index(const Packet& packet) {
    return srtp::load_be32(packet.data() + packet.size() - 4) & 0x7FFFFFFF;
}

class RekeyTest : public ConversationTest {};

TEST_F(RekeyTest, SendingGoesOnAtOnceUnderTheNewKeyWithRocAndSrtcpIndex) {
    for (std::uint32_t i = 65530; i < 65540; ++i)
        ASSERT_TRUE(relay.open(sent(rtp_packet(static_cast<std::uint16_t>(i)))));
    auto rtcp = kRtcp;
    ASSERT_TRUE(a.seal_rtcp(rtcp));
    EXPECT_EQ(srtcp_index(rtcp), 1u);

    a.install(numbered_hop_keys(kProfile, 3));
    auto wire = sent(rtp_packet(4));
    EXPECT_FALSE(relay.open(wire)) << "the old key must not open it";
    SrtpSession new_key(16, numbered_hop_keys(kProfile, 3).client_write,
                        SrtpSession::Direction::inbound, std::array{kSsrc});
    const auto tag = parse_ekt_tag(wire, 45);
    ASSERT_TRUE(tag);
    wire.resize(wire.size() - tag->size_bytes);
    EXPECT_EQ(new_key.unprotect(wire, (1u << 16) | 4), Crypto::ok) << "ROC 1 goes on";

    rtcp = kRtcp;
    ASSERT_TRUE(a.seal_rtcp(rtcp));
    EXPECT_EQ(srtcp_index(rtcp), 2u);
    EXPECT_EQ(new_key.unprotect_rtcp(rtcp), Crypto::ok);
}

TEST_F(RekeyTest, BothKeySetsAreReceivedUntilTheOldOneHasLingered) {
    relayed(rtp_packet(65535));
    relayed(rtp_packet(0));
    b.install(numbered_hop_keys(kProfile, 4));
    EXPECT_EQ(relayed(rtp_packet(1)).size(), 1u) << "still under the old key";

    LibsrtpRelay rekeyed{numbered_hop_keys(kProfile, 1), numbered_hop_keys(kProfile, 4)};
    auto under_new = [&](std::uint16_t sequence) {
        auto opened = relay.open(sent(rtp_packet(sequence)));
        Packet packet = opened->packet;
        SrtpSession out(16, numbered_hop_keys(kProfile, 4).server_write,
                        SrtpSession::Direction::outbound, std::array{kSsrc});
        EXPECT_EQ(out.protect(packet, (1u << 16) | sequence), Crypto::ok);
        packet.insert(packet.end(), opened->tag.begin(), opened->tag.end());
        return b.open(packet, now);
    };
    EXPECT_EQ(under_new(2).size(), 1u) << "ROC 1 goes on under the new key";
    EXPECT_EQ(relayed(rtp_packet(3)).size(), 1u) << "a late one under the old key";

    now += HopContext::kOldKeysLinger;
    EXPECT_EQ(under_new(4).size(), 1u);
    EXPECT_TRUE(relayed(rtp_packet(5)).empty());
    EXPECT_EQ(b.rtp.hbh_failed, 1u);
}

TEST_F(RekeyTest, DistributorThatRestartedMayBeginAtRocZero) {
    for (std::uint32_t i = 65530; i < 65540; ++i)
        relayed(rtp_packet(static_cast<std::uint16_t>(i)));
    b.install(numbered_hop_keys(kProfile, 4));
    LibsrtpRelay restarted{numbered_hop_keys(kProfile, 1), numbered_hop_keys(kProfile, 4)};
    auto opened = relay.open(sent(rtp_packet(4)));
    ASSERT_TRUE(opened);
    EXPECT_EQ(b.open(restarted.seal(*opened, {.sequence = 12}), now).size(), 1u);
    opened = relay.open(sent(rtp_packet(5)));
    EXPECT_EQ(b.open(restarted.seal(*opened, {.sequence = 13}), now).size(), 1u);
}

TEST_F(RekeyTest, RtcpIsOpenedUnderEitherKeyAndNeverTwice) {
    auto rtcp = kRtcp;
    relay.seal_rtcp(rtcp);
    const auto sealed = rtcp;
    b.install(numbered_hop_keys(kProfile, 4));
    EXPECT_TRUE(b.open_rtcp(rtcp, now));
    EXPECT_EQ(rtcp, kRtcp);
    rtcp = sealed;
    EXPECT_FALSE(b.open_rtcp(rtcp, now));
    EXPECT_EQ(b.rtcp.hbh_replayed, 1u);

    LibsrtpRelay rekeyed{numbered_hop_keys(kProfile, 1), numbered_hop_keys(kProfile, 4)};
    rtcp = kRtcp;
    rekeyed.seal_rtcp(rtcp);
    EXPECT_TRUE(b.open_rtcp(rtcp, now));
    rtcp = sealed;
    rtcp[9] ^= 1;
    EXPECT_FALSE(b.open_rtcp(rtcp, now));
    EXPECT_EQ(b.rtcp.hbh_failed + b.rtcp.hbh_replayed, 2u);
}

}  // namespace
}  // namespace mdd::endpoint::test
