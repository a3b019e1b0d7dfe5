// EKT keys that come, change and end: what is sent and opened under which, and that nothing of one
// key's time can be had under another. Named after what RFC 8870 and RFC 8871 ask of an endpoint.
#include <set>

#include "tests/unit/endpoint/conversation.h"

namespace mdd::endpoint::test {
namespace {

using namespace std::chrono_literals;
using Added = EktKeyring::Added;

class EktRekeyTest : public ConversationTest {
  protected:
    struct Tag {
        std::uint16_t spi;
        std::uint16_t epoch;
        std::string master_key;
    };
    // What A's next packet with this number says to those who hold the key with `spi`.
    Tag tag_of(const Packet& datagram, std::uint16_t spi) {
        const auto tag = parse_ekt_tag(datagram, 45);
        EXPECT_TRUE(tag && tag->kind == EktTag::Kind::full);
        EktContents contents;
        EXPECT_EQ(open_full_tag(conference_key(kProfile, spi), tag->ciphertext, 16, contents),
                  EktFault::none);
        return {tag->spi, tag->epoch, to_hex(contents.master_key.first(16))};
    }
    // A packet of A as the relay passes it on, for later.
    Packet forwarded(std::uint16_t sequence) {
        auto wire = relay.forward(sent(rtp_packet(sequence)));
        EXPECT_TRUE(wire);
        return wire.value_or(Packet());
    }
    std::size_t opened_by_b(const Packet& wire) { return b.open(wire, now).size(); }
};

TEST_F(EktRekeyTest, NewEktKeyMakesANewMasterKeyAtOnceWithEpochZeroInThreeFullTags) {
    for (std::uint16_t i = 0; i < 5; ++i) sent(rtp_packet(i));
    give(a, 8);
    std::string kinds;
    for (std::uint16_t i = 5; i < 10; ++i) {
        const auto datagram = sent(rtp_packet(i));
        kinds += datagram.back() == kFullTag ? 'F' : 's';
        if (datagram.back() != kFullTag) continue;
        EXPECT_EQ(tag_of(datagram, 8).spi, 8);
        EXPECT_EQ(tag_of(datagram, 8).epoch, 0);
    }
    EXPECT_EQ(kinds, "FFFss");
}

TEST_F(EktRekeyTest, EpochCountsTheMasterKeysOfAStreamUnderOneSpi) {
    relayed(rtp_packet(1));
    a.leave();
    a.install(numbered_hop_keys(kProfile, 1));
    give(a, 7);
    const auto back = sent(rtp_packet(2));
    EXPECT_EQ(tag_of(back, 7).epoch, 1);
    EXPECT_EQ(opened_by_b(*relay.forward(back)), 1u);
    give(a, 8);
    EXPECT_EQ(tag_of(sent(rtp_packet(3)), 8).epoch, 0);
}

TEST_F(EktRekeyTest, MasterKeysAreRandomAndNeverSharedBetweenSenders) {
    std::set<std::string> keys;
    DoubleContext other{kProfile};
    other.install(numbered_hop_keys(kProfile, 3));
    for (std::uint16_t spi : {8, 9}) {
        give(a, spi);
        give(other, spi);
        for (auto* sender : {&a, &other})
            for (std::uint32_t ssrc : {kSsrc, kSsrc + 1})
                keys.insert(tag_of(sent_by(*sender, rtp_packet(spi, 20, ssrc)), spi).master_key);
    }
    EXPECT_EQ(keys.size(), 8u);
}

TEST_F(EktRekeyTest, HolderOfTheKeyBeforeIsBlindFromTheFirstPacketUnderTheNewOne) {
    relayed(rtp_packet(1));
    give(a, 8);
    std::vector<Packet> later;
    for (std::uint16_t i = 2; i < 30; ++i, now += 20ms) later.push_back(forwarded(i));
    for (const auto& wire : later) EXPECT_EQ(opened_by_b(wire), 0u);
    b.drop_overdue(now + DoubleContext::kLongestWait);
    EXPECT_EQ(b.rtp.received, 1u);
    EXPECT_EQ(b.rtp.e2e_no_key, 28u);
}

TEST_F(EktRekeyTest, HolderOfTheNewKeyAloneOpensNothingFromBefore) {
    DoubleContext joiner{kProfile};
    joiner.install(numbered_hop_keys(kProfile, 2));
    std::vector<Packet> before;
    for (std::uint16_t i = 1; i < 30; ++i, now += 20ms) before.push_back(forwarded(i));
    give(a, 8);
    give(joiner, 8);
    for (const auto& wire : before) EXPECT_TRUE(joiner.open(wire, now).empty());
    EXPECT_EQ(joiner.open(forwarded(30), now).size(), 1u);
    joiner.drop_overdue(now + DoubleContext::kLongestWait);
    EXPECT_EQ(joiner.rtp.received, 1u);
    EXPECT_EQ(joiner.rtp.e2e_no_key, 29u);
}

TEST_F(EktRekeyTest, JoinerTakesPacketsOfAnEarlierKeyForMissedNotForDamaged) {
    DoubleContext joiner{kProfile};
    joiner.install(numbered_hop_keys(kProfile, 2));
    for (std::uint16_t i = 1; i < 4; ++i) forwarded(i);
    for (std::uint16_t i = 4; i < 9; ++i) joiner.open(forwarded(i), now);
    give(a, 8);
    give(joiner, 8);
    EXPECT_EQ(joiner.open(forwarded(9), now).size(), 1u);
    EXPECT_EQ(joiner.rtp.e2e_no_key, 5u);
    EXPECT_EQ(joiner.rtp.e2e_failed, 0u);
}

TEST_F(EktRekeyTest, PacketsUnderAnUnknownSpiWaitForTheKmf) {
    relayed(rtp_packet(1));
    give(a, 8);
    for (std::uint16_t i = 2; i < 8; ++i) EXPECT_TRUE(relayed(rtp_packet(i)).empty());
    now += 400ms;
    const auto opened = give(b, 8);
    ASSERT_EQ(opened.size(), 6u);
    for (std::uint16_t i = 0; i < 6; ++i) {
        EXPECT_EQ(opened[i].rtp, rtp_packet(static_cast<std::uint16_t>(2 + i)));
        EXPECT_TRUE(opened[i].waited);
    }
    EXPECT_EQ(b.rtp.e2e_waited, 6u);
    EXPECT_EQ(b.ekt.unknown_spi, 3u);
    EXPECT_EQ(b.rtp.e2e_failed + b.rtp.e2e_no_key, 0u);
    EXPECT_EQ(relayed(rtp_packet(8)).size(), 1u);
}

TEST_F(EktRekeyTest, PacketsUnderAnUnknownSpiAreGivenUpAfterHalfASecond) {
    relayed(rtp_packet(1));
    give(a, 8);
    for (std::uint16_t i = 2; i < 8; ++i) relayed(rtp_packet(i));
    now += DoubleContext::kLongestWait;
    b.drop_overdue(now);
    EXPECT_EQ(b.rtp.e2e_no_key, 6u);
    EXPECT_TRUE(give(b, 8).empty());
}

TEST_F(EktRekeyTest, FirstPacketsWaitForTheFirstEktKey) {
    DoubleContext joiner{kProfile};
    joiner.install(numbered_hop_keys(kProfile, 2));
    for (std::uint16_t i = 1; i < 6; ++i) EXPECT_TRUE(joiner.open(forwarded(i), now).empty());
    EXPECT_EQ(give(joiner, 7).size(), 5u);
    EXPECT_EQ(joiner.rtp.received, 5u);
}

TEST_F(EktRekeyTest, LatePacketsUnderTheKeyBeforeAreOpenedForTenSeconds) {
    relayed(rtp_packet(1));
    const auto late = forwarded(2);
    const auto too_late = forwarded(3);
    give(b, 8);
    now += EktKeyring::kOldKeysLinger - 1ms;
    EXPECT_EQ(opened_by_b(late), 1u);
    now += 1ms;
    EXPECT_EQ(opened_by_b(too_late), 0u);
    b.drop_overdue(now + DoubleContext::kLongestWait);
    EXPECT_EQ(b.rtp.e2e_no_key, 1u);
}

TEST_F(EktRekeyTest, OldAndNewKeyAreBothReadyWhilePacketsCross) {
    relayed(rtp_packet(1));
    const auto old_one = forwarded(2);
    give(a, 8);
    give(b, 8);
    EXPECT_EQ(opened_by_b(forwarded(3)), 1u);
    EXPECT_EQ(opened_by_b(old_one), 1u);
    EXPECT_EQ(opened_by_b(forwarded(4)), 1u);
    EXPECT_EQ(b.ekt.keys_learnt, 2u);
}

TEST_F(EktRekeyTest, RocGoesOnUnderTheNewKey) {
    for (std::uint32_t i = 65530; i < 65540; ++i)
        relayed(rtp_packet(static_cast<std::uint16_t>(i)));
    give(a, 8);
    give(b, 8);
    const auto received = relayed(rtp_packet(4));
    ASSERT_EQ(received.size(), 1u);
    EXPECT_EQ(received[0].index, (1u << 16) | 4);
}

TEST_F(EktRekeyTest, NothingIsSealedOrOpenedPastTheLifetime) {
    relayed(rtp_packet(1));
    const auto in_time = forwarded(2);
    const auto too_late = forwarded(3);
    now += 24h - 1ms;
    EXPECT_EQ(opened_by_b(in_time), 1u);
    now += 1ms;
    EXPECT_EQ(opened_by_b(too_late), 0u);
    EXPECT_EQ(b.rtp.receive_expired, 1u);
    auto packet = rtp_packet(4);
    PacketIndex index = 0;
    EXPECT_FALSE(a.seal(packet, index, now));
    EXPECT_EQ(a.rtp.send_expired, 1u);
    EXPECT_FALSE(a.can_send(now));
    give(a, 8);
    give(b, 8);
    EXPECT_EQ(relayed(rtp_packet(5)).size(), 1u);
    EXPECT_EQ(opened_by_b(too_late), 0u) << "the newer key does not revive the older one";
}

TEST_F(EktRekeyTest, OldKeyLingersNeverPastItsOwnLifetime) {
    DoubleContext c{kProfile};
    c.install(numbered_hop_keys(kProfile, 2));
    auto brief = conference_key(kProfile);
    brief.ttl = 5s;
    std::vector<ReceivedRtp> none;
    ASSERT_EQ(c.learn(std::move(brief), now, none), Added::newest);
    EXPECT_EQ(c.open(forwarded(1), now).size(), 1u);
    const auto late = forwarded(2);
    give(c, 8);
    now += 5s;
    EXPECT_TRUE(c.open(late, now).empty());
}

TEST_F(EktRekeyTest, SendingBeforeTheFirstEktKeyIsHeldBackAndCounted) {
    DoubleContext joiner{kProfile};
    joiner.install(numbered_hop_keys(kProfile, 3));
    EXPECT_FALSE(joiner.can_send(now));
    auto packet = rtp_packet(1);
    PacketIndex index = 0;
    EXPECT_FALSE(joiner.seal(packet, index, now));
    EXPECT_EQ(joiner.rtp.send_no_ekt_key, 1u);
    give(joiner, 7);
    EXPECT_TRUE(joiner.can_send(now));
    EXPECT_TRUE(joiner.seal(packet, index, now));
}

TEST_F(EktRekeyTest, InnerSaltIsTheOneFromTheEktKey) {
    DoubleContext c{kProfile};
    c.install(numbered_hop_keys(kProfile, 2));
    auto other_salt = conference_key(kProfile);
    other_salt.salt = srtp::Secret<12>(Packet(12, 0x33));
    std::vector<ReceivedRtp> none;
    c.learn(std::move(other_salt), now, none);
    EXPECT_TRUE(c.open(forwarded(1), now).empty());
    EXPECT_EQ(c.rtp.e2e_failed, 1u);
    EXPECT_EQ(c.ekt.keys_learnt, 1u);
}

// Any member can wrap any sender's master key anew (RFC 8870 §6); with a fresh replay list the
// packets of its time would be heard once more.
class ReplayTest : public EktRekeyTest {
  protected:
    ReplayTest() {
        known_sender.install(numbered_hop_keys(kProfile, 1));
        give(known_sender, 7);
        auto opened = relay.open(sent_by(known_sender, rtp_packet(1)));
        EXPECT_TRUE(opened);
        recorded = *opened;
        EXPECT_EQ(opened_by_b(relay.seal(recorded, {.sequence = 100})), 1u);
    }
    Packet replayed(std::uint16_t spi, std::uint16_t epoch, std::uint16_t outer_sequence) {
        recorded.tag =
            build_full_tag(conference_key(kProfile, spi), epoch, Packet(16, 0x61), kSsrc, 0);
        return relay.seal(recorded, {.sequence = outer_sequence});
    }

    DoubleContext known_sender{
        kProfile, [](std::size_t bytes) { return srtp::Secret<32>(Packet(bytes, 0x61)); }};
    LibsrtpRelay::Opened recorded;
};

TEST_F(ReplayTest, PacketSeenUnderOneEktKeyIsNotHeardAgainUnderAnother) {
    give(b, 8);
    EXPECT_EQ(opened_by_b(replayed(8, 0, 101)), 0u);
    EXPECT_EQ(b.rtp.e2e_replayed, 1u);
    EXPECT_EQ(b.ekt.reused_key, 1u);
}

TEST_F(ReplayTest, ProtectionOutlivesTheEktKeyThatThePacketCameUnder) {
    give(b, 8);
    now += EktKeyring::kOldKeysLinger;
    b.drop_overdue(now);
    EXPECT_EQ(opened_by_b(replayed(8, 0, 101)), 0u);
    EXPECT_EQ(b.ekt.reused_key, 1u);
    now += DoubleContext::kLongestWait;
    b.drop_overdue(now);
    give(b, 9);
    EXPECT_EQ(opened_by_b(replayed(9, 4, 102)), 0u);
    EXPECT_EQ(b.ekt.reused_key, 2u);
    EXPECT_EQ(b.rtp.received, 1u);
}

TEST_F(EktRekeyTest, LeavingDiscardsEveryKey) {
    relayed(rtp_packet(1));
    const auto later = forwarded(2);
    b.leave();
    EXPECT_FALSE(b.keyed());
    EXPECT_FALSE(b.can_send(now));
    EXPECT_EQ(b.keyring().size(now), 0u);
    EXPECT_EQ(opened_by_b(later), 0u);
    // Nor would it with the outer keys back.
    b.install(numbered_hop_keys(kProfile, 2));
    EXPECT_EQ(opened_by_b(later), 0u);
    EXPECT_EQ(b.rtp.received, 1u);
}

TEST(EktKeyringTest, OneSpiHasOneKey) {
    const EktKeyring::Clock::time_point now{1h};
    constexpr auto kProfile = srtp::Profile::double_aes_128_gcm;
    EktKeyring keyring;
    EXPECT_EQ(keyring.newest(now), nullptr);
    EXPECT_FALSE(keyring.expired(now));
    EXPECT_EQ(keyring.add(conference_key(kProfile, 1), now), Added::newest);
    EXPECT_EQ(keyring.add(conference_key(kProfile, 2), now), Added::newest);
    EXPECT_EQ(keyring.add(conference_key(kProfile, 1), now), Added::known);
    EXPECT_EQ(keyring.newest(now)->spi, 2) << "an older key that comes again is not for sending";
    for (const bool salt_differs : {false, true}) {
        auto other = conference_key(kProfile, 2);
        auto& secret = salt_differs ? other.salt.writable()[0] : other.key.writable()[0];
        secret ^= 1;
        EXPECT_EQ(keyring.add(std::move(other), now), Added::refused);
    }
    EXPECT_EQ(keyring.size(now), 2u);
    EXPECT_EQ(keyring.size(now + EktKeyring::kOldKeysLinger), 1u);
}

TEST(EktKeyringTest, OlderKeyIsNeverForSendingThoughItsLifetimeIsLonger) {
    const EktKeyring::Clock::time_point now{1h};
    constexpr auto kProfile = srtp::Profile::double_aes_128_gcm;
    EktKeyring keyring;
    keyring.add(conference_key(kProfile, 1), now);
    auto brief = conference_key(kProfile, 2);
    brief.ttl = 3s;
    keyring.add(std::move(brief), now);
    keyring.drop_retired(now + 3s);
    EXPECT_EQ(keyring.newest(now + 3s), nullptr);
    EXPECT_TRUE(keyring.expired(now + 3s));
    EXPECT_NE(keyring.find(1, now + 3s), nullptr);
}

}  // namespace
}  // namespace mdd::endpoint::test
