// The endpoint's Double, EKT and SRTCP against the published and agreed vectors, byte for byte,
// both key sizes.
#include <gtest/gtest.h>

#include "tests/unit/endpoint/double_vectors.h"
#include "tools/mdd-endpoint/ekt_tag.h"
#include "tools/mdd-endpoint/original_header.h"

namespace mdd::endpoint::test {
namespace {

constexpr std::uint32_t kVectorSsrc = 0xcafebabe;

class DoubleVectorsTest : public ::testing::TestWithParam<std::size_t> {
  protected:
    DoubleVectors vectors{GetParam()};
    Clock::time_point now{std::chrono::hours(1)};

    std::unique_ptr<DoubleContext> sender() {
        return with_ekt_key(std::make_unique<DoubleContext>(vectors.profile(), agreed_key()));
    }
    std::unique_ptr<DoubleContext> receiver() {
        return with_ekt_key(std::make_unique<DoubleContext>(vectors.profile()));
    }
    E2eSender::MakeKey agreed_key() {
        return [this](std::size_t) { return srtp::Secret<32>(vectors.inner_key()); };
    }
    std::unique_ptr<DoubleContext> with_ekt_key(std::unique_ptr<DoubleContext> context) {
        std::vector<ReceivedRtp> opened;
        context->learn(vectors.ekt_key(), now, opened);
        return context;
    }

    static Packet joined(Packet packet, const Packet& tag) {
        packet.insert(packet.end(), tag.begin(), tag.end());
        return packet;
    }
};

TEST_P(DoubleVectorsTest, InnerLayerYieldsTheAgreedPacketBeforeTheOuterOne) {
    E2eSender inner(agreed_key());
    inner.use(std::make_shared<const EktKey>(vectors.ekt_key()));
    auto packet = vectors.bytes("rtp");
    PacketIndex index = 0;
    ASSERT_EQ(inner.seal(packet, index), Crypto::ok);
    EXPECT_EQ(to_hex(packet), vectors.text("before_outer"));
    EXPECT_EQ(index, 0x1234u);
}

TEST_P(DoubleVectorsTest, SentPacketIsWireAWithTheFullTagBehind) {
    auto context = sender();
    context->install(vectors.hop_keys());
    auto packet = vectors.bytes("rtp");
    PacketIndex index = 0;
    ASSERT_TRUE(context->seal(packet, index, now));
    EXPECT_EQ(to_hex(packet), vectors.text("wire_a") + to_hex(vectors.full_tag()));
}

TEST_P(DoubleVectorsTest, EveryRelayedFormOpensToTheOriginalPacket) {
    const auto original = vectors.bytes("rtp");
    auto synthetic = vectors.bytes("synthetic");
    int opened = 0;
    for (const auto& [name, relay] : vectors.json().items()) {
        if (!name.starts_with("relay_")) continue;
        SCOPED_TRACE(name);
        auto context = receiver();
        context->install(vectors.hop_keys());
        const auto wire = from_hex(relay["wire"].get<std::string>());
        const auto received = context->open(joined(wire, vectors.full_tag()), now);
        ASSERT_EQ(received.size(), 1u);
        EXPECT_EQ(to_hex(received[0].rtp), to_hex(synthetic));
        EXPECT_EQ(received[0].index, 0x1234u);
        EXPECT_EQ(received[0].outer_sequence, rtp_sequence(wire));
        EXPECT_EQ(received[0].outer_payload_type, rtp_payload_type(wire));
        ++opened;
    }
    EXPECT_GE(opened, 2);
}

class DoubleRollOverTest : public DoubleVectorsTest {};

TEST_P(DoubleRollOverTest, CountersOfBothLayersAreSeparate) {
    const auto& roc = vectors.json()["roc"];
    auto number = [&](const char* name) {
        return static_cast<PacketIndex>(std::stoul(roc[name].get<std::string>(), nullptr, 16))
               << 16;
    };
    auto a = sender();
    a->hop().start_sending_at(kVectorSsrc, number("a_roc") | 0x1234);
    a->sender()->start_at(kVectorSsrc, number("inner_roc") | 0x1234);
    a->install(vectors.hop_keys());
    auto packet = vectors.bytes("rtp");
    PacketIndex index = 0;
    ASSERT_TRUE(a->seal(packet, index, now));
    const auto wire = from_hex(roc["wire_a"].get<std::string>());
    ASSERT_GT(packet.size(), wire.size());
    const Packet tag(packet.begin() + static_cast<std::ptrdiff_t>(wire.size()), packet.end());
    packet.resize(wire.size());
    EXPECT_EQ(to_hex(packet), to_hex(wire));
    EXPECT_EQ(index, number("inner_roc") | 0x1234);

    auto b = receiver();
    b->hop().start_receiving_at(kVectorSsrc, number("b_roc") | 7);
    b->install(vectors.hop_keys());
    const auto relayed = from_hex(roc["relay_pt111_seq7"].get<std::string>());
    const auto received = b->open(joined(relayed, tag), now);
    ASSERT_EQ(received.size(), 1u);
    EXPECT_EQ(to_hex(received[0].rtp), vectors.text("synthetic"));
    EXPECT_EQ(received[0].index, number("inner_roc") | 0x1234);
}

TEST_P(DoubleVectorsTest, FirstSrtcpPacketCarriesIndexOne) {
    auto a = sender();
    a->install(vectors.hop_keys());
    auto packet = vectors.bytes("rtcp");
    ASSERT_TRUE(a->seal_rtcp(packet));
    EXPECT_EQ(to_hex(packet), vectors.text("srtcp_a_index1"));
}

TEST_P(DoubleVectorsTest, SrtcpOpensWithIndexZeroAndOne) {
    srtp::HopKeys from_a{vectors.profile(),
                         master_key(vectors.text("b_outer_mk"), vectors.text("b_outer_ms")),
                         master_key(vectors.text("a_outer_mk"), vectors.text("a_outer_ms"))};
    auto context = receiver();
    context->install(from_a);
    int opened = 0;
    for (auto* name : {"srtcp_a_index0", "srtcp_a_index1"}) {
        if (!vectors.json().contains(name)) continue;
        auto packet = vectors.bytes(name);
        ASSERT_TRUE(context->open_rtcp(packet, now)) << name;
        EXPECT_EQ(to_hex(packet), vectors.text("rtcp"));
        ++opened;
    }
    EXPECT_GE(opened, 1);
}

TEST_P(DoubleVectorsTest, FullTagIsBuiltAndOpenedAsAgreed) {
    const auto key = vectors.ekt_key();
    const auto field = build_full_tag(key, 0, vectors.inner_key(), kVectorSsrc, 0);
    EXPECT_EQ(to_hex(field), to_hex(vectors.full_tag()));

    Packet packet(45, 0x11);
    packet.insert(packet.end(), field.begin(), field.end());
    const auto tag = parse_ekt_tag(packet, 45);
    ASSERT_TRUE(tag);
    EXPECT_EQ(tag->kind, EktTag::Kind::full);
    EXPECT_EQ(tag->size_bytes, field.size());
    EXPECT_EQ(tag->spi, 0x0102);
    EktContents contents;
    ASSERT_EQ(open_full_tag(key, tag->ciphertext, vectors.key_bytes(), contents), EktFault::none);
    EXPECT_EQ(to_hex(contents.master_key.first(contents.key_bytes)), vectors.text("e2e_mk"));
    EXPECT_EQ(contents.ssrc, kVectorSsrc);
    EXPECT_EQ(contents.roc, 0u);
}

// The vectors have this case for one key size only.
INSTANTIATE_TEST_SUITE_P(One, DoubleRollOverTest, ::testing::Values(0),
                         [](const auto&) { return "Aes128"; });

INSTANTIATE_TEST_SUITE_P(Both, DoubleVectorsTest, ::testing::Values(0, 1),
                         [](const auto& test) { return test.param == 0 ? "Aes128" : "Aes256"; });

TEST(KeyWrap, MatchesRfc5649) {
    for (const auto& vector : mdd::test::vectors()["aeskwp_rfc5649"]) {
        const auto kek = from_hex(vector["kek"].get<std::string>());
        const auto key = from_hex(vector["key"].get<std::string>());
        const auto wrapped = wrap_key(kek, key);
        EXPECT_EQ(to_hex(wrapped), vector["wrap"].get<std::string>());
        EXPECT_EQ(unwrap_key(kek, wrapped), key);
    }
}

TEST(KeyWrap, RefusesEveryChangedByte) {
    const auto kek = from_hex("000102030405060708090a0b0c0d0e0f");
    const Packet key(25, 0x42);
    const auto wrapped = wrap_key(kek, key);
    for (std::size_t i = 0; i < wrapped.size(); ++i) {
        auto changed = wrapped;
        changed[i] ^= 0x01;
        EXPECT_FALSE(unwrap_key(kek, changed)) << i;
    }
    EXPECT_FALSE(unwrap_key(kek, srtp::Bytes(wrapped).first(8)));
    EXPECT_FALSE(unwrap_key(kek, srtp::Bytes(wrapped).first(39)));
}

// All layouts of RFC 8723 §4 for PT 0x60, SEQ 0x1234; the opened header says PT 0x6f, SEQ 7, marker
// 0.
TEST(OriginalHeaderBlock, RestoresEveryLayout) {
    const std::vector<std::pair<std::string, std::string>> cases = {
        {"00", "806f0007"},       {"123401", "806f1234"},   {"6002", "80600007"},
        {"60123403", "80601234"}, {"0c", "80ef0007"},       {"04", "806f0007"},
        {"12340d", "80ef1234"},   {"123405", "806f1234"},   {"600e", "80e00007"},
        {"6006", "80600007"},     {"6012340f", "80e01234"}, {"60123407", "80601234"}};
    for (const auto& [block, restored] : cases) {
        auto header = from_hex("806f0007decafbadcafebabe");
        const auto original = parse_original_header(from_hex("aaaa" + block));
        ASSERT_TRUE(original) << block;
        EXPECT_EQ(original->size_bytes, block.size() / 2);
        restore_header(*original, header);
        EXPECT_EQ(to_hex(srtp::Bytes(header).first(4)), restored) << block;
    }
}

TEST(OriginalHeaderBlock, RefusesReservedBitsLoneMarkerValueAndShortBlocks) {
    for (auto* block :
         {"10", "20", "40", "80", "08", "09", "0a", "0b", "3401", "02", "123403", "e002", ""})
        EXPECT_FALSE(parse_original_header(from_hex(block))) << block;
}

}  // namespace
}  // namespace mdd::endpoint::test
