// Endpoint to endpoint through a relay that changes what a media distributor may change, and some
// that it may not.
#include <algorithm>
#include <random>

#include "tests/unit/endpoint/conversation.h"

namespace mdd::endpoint::test {
namespace {

class DoubleRelayTest : public ConversationTest {};

TEST_F(DoubleRelayTest, OriginalHeaderComesBackWhateverTheRelayChanged) {
    auto packet = rtp_packet(500);
    packet[1] |= 0x80;
    const auto received = relayed(
        packet, {.sequence = 9, .payload_type = std::uint8_t{111}, .marker = false, .damage = {}});
    ASSERT_EQ(received.size(), 1u);
    EXPECT_EQ(received[0].rtp, packet);
    EXPECT_EQ(received[0].index, 500u);
    EXPECT_EQ(received[0].outer_sequence, 9);
    EXPECT_EQ(received[0].outer_payload_type, 111);
}

TEST_F(DoubleRelayTest, PaddingAndCsrcsSurviveAndTheExtensionIsLeftBehind) {
    auto packet = from_hex(
        "b1e01234decafbad0a0b0c0d11223344"  // P, X, CC=1
        "bede0001109e0000"
        "50455243000003");  // "PERC", three bytes of padding
    const auto received = relayed(packet);
    ASSERT_EQ(received.size(), 1u);
    EXPECT_EQ(to_hex(received[0].rtp), "a1e01234decafbad0a0b0c0d1122334450455243000003");
}

TEST_F(DoubleRelayTest, EmptyPayloadPasses) {
    const auto received = relayed(rtp_packet(3, 0));
    ASSERT_EQ(received.size(), 1u);
    EXPECT_EQ(received[0].rtp, rtp_packet(3, 0));
}

TEST_F(DoubleRelayTest, LossAndReorderingAcrossTwoRollOversLoseNothingElse) {
    std::mt19937 random(8723);
    std::vector<Packet> in_flight;
    std::uint64_t delivered = 0;
    std::uint64_t lost = 0;
    std::uint16_t out_sequence = 30000;
    PacketIndex highest = 0;
    constexpr std::uint32_t kFirst = 65000;
    constexpr std::uint32_t kPackets = 70000;
    for (std::uint32_t i = kFirst; i < kFirst + kPackets; ++i) {
        now += std::chrono::milliseconds(1);
        const bool drop = i > kFirst && random() % 20 == 0;
        auto wire = relay.forward(sent(rtp_packet(static_cast<std::uint16_t>(i))),
                                  {.sequence = out_sequence++});
        ASSERT_TRUE(wire);
        if (drop) {
            ++lost;
            continue;
        }
        in_flight.push_back(std::move(*wire));
        if (in_flight.size() < 8 && i + 1 < kFirst + kPackets) continue;
        if (i > kFirst + 8) std::shuffle(in_flight.begin(), in_flight.end(), random);
        for (auto& packet : std::exchange(in_flight, {}))
            for (auto& received : b.open(std::move(packet), now)) {
                ASSERT_EQ(received.rtp, rtp_packet(static_cast<std::uint16_t>(received.index)));
                highest = std::max(highest, received.index);
                ++delivered;
            }
    }
    EXPECT_EQ(delivered + lost, kPackets);
    EXPECT_GT(lost, kPackets / 30);
    EXPECT_GE(highest, 2u << 16);
    EXPECT_EQ(b.rtp.received, delivered);
    EXPECT_EQ(b.rtp.hbh_failed + b.rtp.e2e_failed + b.rtp.e2e_no_key + b.rtp.hbh_replayed, 0u);
}

TEST_F(DoubleRelayTest, RepeatedDatagramIsCountedAtTheHop) {
    const auto wire = relay.forward(sent(rtp_packet(1)));
    EXPECT_EQ(b.open(*wire, now).size(), 1u);
    EXPECT_TRUE(b.open(*wire, now).empty());
    EXPECT_EQ(b.rtp.hbh_replayed, 1u);
}

TEST_F(DoubleRelayTest, PacketSealedTwiceByTheRelayIsAnEndToEndReplay) {
    const auto opened = relay.open(sent(rtp_packet(1)));
    ASSERT_TRUE(opened);
    EXPECT_EQ(b.open(relay.seal(*opened, {.sequence = 1}), now).size(), 1u);
    EXPECT_TRUE(b.open(relay.seal(*opened, {.sequence = 2}), now).empty());
    EXPECT_EQ(b.rtp.e2e_replayed, 1u);
    EXPECT_EQ(b.rtp.hbh_replayed, 0u);
}

TEST_F(DoubleRelayTest, WrongHopKeysAreCounted) {
    b.install(numbered_hop_keys(kProfile, 9));
    DoubleContext stranger{kProfile};
    give(stranger, 7);
    stranger.install(numbered_hop_keys(kProfile, 9));
    const auto wire = relay.forward(sent(rtp_packet(1)));
    EXPECT_TRUE(stranger.open(*wire, now).empty());
    EXPECT_EQ(stranger.rtp.hbh_failed, 1u);
}

TEST_F(DoubleRelayTest, EveryForbiddenChangeFailsEndToEnd) {
    relayed(rtp_packet(1));
    const std::vector<std::function<void(Packet&)>> changes = {
        [](Packet& p) { p[4] ^= 1; },                            // timestamp
        [](Packet& p) { p[12] ^= 1; },                           // ciphertext
        [](Packet& p) { p[0] |= 0x20; },                         // padding bit
        [](Packet& p) { srtp::store_be16(p.data() + 2, 777); },  // SEQ without a word in the OHB
        [](Packet& p) { p[1] = 97; },                            // PT without a word in the OHB
        [](Packet& p) { p[p.size() - 2] ^= 0x80; },              // inner tag
    };
    std::uint16_t sequence = 2;
    for (const auto& change : changes) {
        const auto before = b.rtp.e2e_failed + b.rtp.e2e_replayed;
        EXPECT_TRUE(relayed(rtp_packet(sequence++), {.damage = change}).empty());
        EXPECT_EQ(b.rtp.e2e_failed + b.rtp.e2e_replayed, before + 1);
    }
    EXPECT_EQ(b.rtp.hbh_failed, 0u);
}

TEST_F(DoubleRelayTest, ImpossibleHeaderBlockIsCounted) {
    relayed(rtp_packet(1));
    for (std::uint8_t config : {0x10, 0x80, 0x08, 0x0b}) {
        const auto before = b.rtp.ohb_invalid;
        EXPECT_TRUE(
            relayed(rtp_packet(config), {.damage = [&](Packet& p) { p.back() = config; }}).empty());
        EXPECT_EQ(b.rtp.ohb_invalid, before + 1);
    }
}

TEST_F(DoubleRelayTest, StreamAwayForAnyTimeComesBackWithTheRocOfItsTag) {
    relayed(rtp_packet(100));
    // The sender goes on, the relay holds the stream back: 40,000 packets later its SEQ looks like
    // an old one.
    for (std::uint32_t i = 101; i < 40100; ++i) {
        now += std::chrono::milliseconds(1);
        relay.open(sent(rtp_packet(static_cast<std::uint16_t>(i))));
    }
    for (std::uint32_t i = 40100; i < 140100; ++i)
        relay.open(sent(rtp_packet(static_cast<std::uint16_t>(i))));
    now += std::chrono::milliseconds(200);
    const auto received =
        relayed(rtp_packet(static_cast<std::uint16_t>(140100)), {.sequence = 101});
    ASSERT_EQ(received.size(), 1u);
    EXPECT_EQ(received[0].index, 140100u);
    EXPECT_EQ(b.roc_corrections(), 1u);
}

TEST_F(DoubleRelayTest, SourceThatRepeatsASequenceNumberIsRefused) {
    sent(rtp_packet(5));
    auto again = rtp_packet(5, 30);
    PacketIndex index = 0;
    EXPECT_FALSE(a.seal(again, index, now));
    EXPECT_EQ(a.rtp.send_refused, 1u);
    EXPECT_EQ(a.rtp.sent, 1u);
}

TEST_F(DoubleRelayTest, ShortAndForeignPacketsAreMalformed) {
    PacketIndex index = 0;
    for (auto* text : {"", "80", "4060000100000000deadbeef", "9060000100000000deadbeef",
                       "8160000100000000deadbeef", "9060000100000000deadbeefbede0002aabbccdd"}) {
        auto packet = from_hex(text);
        EXPECT_FALSE(a.seal(packet, index, now)) << text;
    }
    EXPECT_EQ(a.rtp.send_malformed, 6u);
    for (auto* text : {"", "80", "806000010000000000000000000000"})
        EXPECT_TRUE(b.open(from_hex(text), now).empty());
    EXPECT_EQ(b.ekt.bad, 3u);
}

TEST_F(DoubleRelayTest, NothingPassesBeforeTheKeysOfTheHandshake) {
    DoubleContext fresh{kProfile};
    give(fresh, 7);
    auto packet = rtp_packet(1);
    PacketIndex index = 0;
    EXPECT_FALSE(fresh.seal(packet, index, now));
    EXPECT_TRUE(fresh.open(rtp_packet(1, 60), now).empty());
    EXPECT_EQ(fresh.rtp.send_not_keyed, 1u);
    EXPECT_EQ(fresh.rtp.receive_not_keyed, 1u);
}

TEST(PlainProfile, CarriesNeitherHeaderBlockNorTag) {
    const auto profile = srtp::Profile::aead_aes_256_gcm;
    const Clock::time_point now{std::chrono::hours(1)};
    auto a_keys = numbered_hop_keys(profile, 1);
    DoubleContext a(profile);
    DoubleContext b(profile);
    a.install(a_keys);
    srtp::HopKeys mirrored{profile, numbered_master_key(3), numbered_master_key(2)};
    b.install(mirrored);
    auto wire = from_hex("91e01234decafbadcafebabe11223344bede0001109e00005045524321");
    const auto plain = wire;
    PacketIndex index = 0;
    ASSERT_TRUE(a.seal(wire, index, now));
    EXPECT_EQ(wire.size(), plain.size() + 16);
    const auto received = b.open(wire, now);
    ASSERT_EQ(received.size(), 1u);
    EXPECT_EQ(received[0].rtp, plain);
    EXPECT_EQ(received[0].index, 0x1234u);
    EXPECT_TRUE(b.open(wire, now).empty());
    EXPECT_EQ(b.rtp.hbh_replayed, 1u);
}

}  // namespace
}  // namespace mdd::endpoint::test
