// RTP, SRTCP and EKT edges: every size around each boundary, in heap blocks that end where the
// packet ends.
#include "dataplane/srtp/rtp.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

#include "tests/support/hex.h"

namespace mdd::srtp {
namespace {

using test::from_hex;

// vector::shrink_to_fit is a request only; a fresh vector of known size has no room behind it.
std::vector<std::uint8_t> exact(Bytes bytes) {
    return {bytes.begin(), bytes.end()};
}

std::vector<std::uint8_t> rtp_packet(unsigned csrcs, int extension_words, std::size_t payload) {
    std::vector<std::uint8_t> packet(12 + 4 * csrcs, 0x11);
    packet[0] = static_cast<std::uint8_t>(0x80 | csrcs | (extension_words >= 0 ? 0x10 : 0));
    if (extension_words >= 0) {
        const std::uint8_t head[] = {0xbe, 0xde, static_cast<std::uint8_t>(extension_words >> 8),
                                     static_cast<std::uint8_t>(extension_words)};
        packet.insert(packet.end(), head, head + 4);
        packet.resize(packet.size() + 4u * static_cast<unsigned>(extension_words), 0x22);
    }
    packet.resize(packet.size() + payload, 0x33);
    return packet;
}

TEST(RtpView, ReadsEveryField) {
    const auto packet = from_hex("91e01234decafbadcafebabe11223344bede0001109e0000 5045524320");
    const auto view = RtpView::parse(packet);
    ASSERT_TRUE(view);
    EXPECT_EQ(view->payload_type(), 96);
    EXPECT_TRUE(view->marker());
    EXPECT_EQ(view->sequence(), 0x1234);
    EXPECT_EQ(view->timestamp(), 0xdecafbadu);
    EXPECT_EQ(view->ssrc(), 0xcafebabeu);
    EXPECT_EQ(view->header_bytes(), 24u);
    EXPECT_EQ(view->header().data(), packet.data());
    EXPECT_EQ(test::to_hex(view->payload()), "5045524320");
}

TEST(RtpView, FitsExactlyOrNotAtAll) {
    for (unsigned csrcs = 0; csrcs < 16; ++csrcs)
        for (int words : {-1, 0, 1, 2, 63, 64, 300}) {
            const auto whole = rtp_packet(csrcs, words, 0);
            const auto view = RtpView::parse(exact(whole));
            ASSERT_TRUE(view);
            EXPECT_EQ(view->header_bytes(), whole.size());
            EXPECT_TRUE(view->payload().empty());
            for (std::size_t size = 0; size < whole.size(); ++size) {
                const auto cut = exact(Bytes(whole).first(size));
                ASSERT_FALSE(RtpView::parse(cut)) << csrcs << " " << words << " " << size;
            }
        }
}

TEST(RtpView, LongestExtensionMayPassTheEnd) {
    auto packet = rtp_packet(15, 0, 1400);
    packet[12 + 60 + 2] = packet[12 + 60 + 3] = 0xff;
    EXPECT_FALSE(RtpView::parse(exact(packet)));
}

TEST(RtpView, OtherVersionsAreRefused) {
    auto packet = rtp_packet(0, -1, 20);
    for (int version : {0, 1, 3}) {
        packet[0] = static_cast<std::uint8_t>(version << 6);
        EXPECT_FALSE(RtpView::parse(packet));
    }
}

TEST(RtpView, PaddingBitIsNotBelieved) {
    auto packet = rtp_packet(0, -1, 20);
    packet[0] |= 0x20;
    packet.back() = 0xff;
    const auto view = RtpView::parse(packet);
    ASSERT_TRUE(view);
    EXPECT_EQ(view->payload().size(), 20u);
}

std::vector<std::uint8_t> with_ekt(std::size_t srtp_bytes, std::size_t tag_bytes, unsigned length,
                                   std::uint8_t type) {
    std::vector<std::uint8_t> datagram(srtp_bytes + tag_bytes, 0xaa);
    datagram.back() = type;
    if (datagram.size() >= 3)
        store_be16(datagram.data() + datagram.size() - 3, static_cast<std::uint16_t>(length));
    return datagram;
}

TEST(EktTag, ShortTagNeedsOnlyItsByte) {
    for (std::size_t size = 0; size < 60; ++size) {
        std::vector<std::uint8_t> datagram(size, 0);
        EXPECT_EQ(ekt_tag_bytes(datagram).has_value(), size >= 46) << size;
    }
    EXPECT_EQ(ekt_tag_bytes(std::vector<std::uint8_t>(46, 0)), 1u);
}

TEST(EktTag, LengthIsHeldAgainstItsTypeAndTheRoom) {
    for (int type = 1; type < 256; ++type)
        for (unsigned length :
             {0u, 1u, 3u, 4u, 5u, 30u, 31u, 47u, 63u, 254u, 255u, 256u, 300u, 65535u})
            for (std::size_t room : {1u, 2u, 3u, 4u, 30u, 31u, 46u, 47u, 63u, 255u, 400u}) {
                const auto datagram = with_ekt(45, room, length, static_cast<std::uint8_t>(type));
                const auto least = type == 2 ? 31u : 4u;
                const auto tag = ekt_tag_bytes(datagram);
                ASSERT_EQ(tag.has_value(), length >= least && length <= 255 && length <= room)
                    << type << " " << length << " " << room;
                if (tag) {
                    ASSERT_EQ(*tag, length);
                }
            }
}

TEST(EktTag, TinyDatagramsAreNotReadPast) {
    for (std::size_t size = 0; size <= 48; ++size)
        for (int type : {1, 2, 3, 255}) {
            std::vector<std::uint8_t> datagram(size, 0);
            if (size > 0) datagram.back() = static_cast<std::uint8_t>(type);
            EXPECT_FALSE(ekt_tag_bytes(datagram));
        }
}

TEST(SrtcpView, NeedsTwentyEightBytesAndVersionTwo) {
    for (std::size_t size = 0; size < 40; ++size) {
        std::vector<std::uint8_t> packet(size, 0x80);
        EXPECT_EQ(SrtcpView::parse(packet).has_value(), size >= 28) << size;
    }
    EXPECT_FALSE(SrtcpView::parse(std::vector<std::uint8_t>(28, 0x40)));
}

TEST(SrtcpView, SplitsClearSealedAndIndex) {
    const auto packet = from_hex("81c90007cafebabe 0102 000102030405060708090a0b0c0d0e0f fedcba98");
    const auto view = SrtcpView::parse(packet);
    ASSERT_TRUE(view);
    EXPECT_EQ(view->sender_ssrc(), 0xcafebabeu);
    EXPECT_TRUE(view->encrypted());
    EXPECT_EQ(view->index(), 0x7edcba98u);
    EXPECT_EQ(test::to_hex(view->clear()), "81c90007cafebabe");
    EXPECT_EQ(test::to_hex(view->sealed()), "0102000102030405060708090a0b0c0d0e0f");
    EXPECT_EQ(test::to_hex(view->esrtcp_word()), "fedcba98");
}

struct Walked {
    std::vector<std::string> parts;
    bool malformed;
};

Walked walk(const std::vector<std::uint8_t>& compound) {
    RtcpWalk walk(compound);
    Walked result;
    while (auto part = walk.next()) {
        EXPECT_EQ(part->bytes[1], part->type);
        EXPECT_EQ(part->bytes[0] & 0x1f, part->count);
        result.parts.push_back(test::to_hex(part->bytes));
    }
    EXPECT_FALSE(walk.next()) << "the end must be final";
    result.malformed = walk.malformed();
    return result;
}

TEST(RtcpWalk, YieldsEveryPartOfACompound) {
    const auto result =
        walk(from_hex("80c90001cafebabe 81ce0002cafebabe0badf00d 85cc0001cafebabe"));
    EXPECT_FALSE(result.malformed);
    EXPECT_EQ(result.parts,
              (std::vector<std::string>{"80c90001cafebabe", "81ce0002cafebabe0badf00d",
                                        "85cc0001cafebabe"}));
}

TEST(RtcpWalk, MalformedCompoundsEndAtTheFault) {
    const std::vector<std::pair<std::string, std::size_t>> cases = {
        {"", 0},                                   // nothing at all
        {"80c900", 0},                             // shorter than a header
        {"80c90002cafebabe", 0},                   // length past the end
        {"80c9ffffcafebabe", 0},                   // length far past the end
        {"40c90001cafebabe", 0},                   // version 1
        {"00000000", 0},                           // zeros
        {"80bf0000", 0},                           // type 191
        {"80e00000", 0},                           // type 224
        {"80c90001cafebabe 81", 1},                // crumbs behind a part
        {"80c90001cafebabe 81ce00", 1},            //
        {"80c90001cafebabe 81ce0002cafebabe", 1},  // second part cut
        {"a0c90001cafe0004 80c90001cafe0004", 0},  // likewise, though the end looks like a count
        {"a0c90001cafe0004 80c90001cafebabe", 0},  // padding before the last part
        {"a0c90001cafeba00", 0},                   // pad count 0
        {"a0c90001cafeba03", 0},                   // pad count no multiple of four
        {"a0c90001cafeba08", 0},                   // pad count reaches into the header
        {"a0c90000", 0},                           // no room for a pad count
        {"80c90001cafebabe a0cb0001cafebaff", 1},  // pad count past the part
    };
    for (const auto& [hex, parts] : cases) {
        const auto result = walk(from_hex(hex));
        EXPECT_TRUE(result.malformed) << hex;
        EXPECT_EQ(result.parts.size(), parts) << hex;
    }
}

TEST(RtcpWalk, PaddingOnTheLastPartIsAllowed) {
    const auto result = walk(from_hex("80c90001cafebabe a1cb0002cafebabe00000004"));
    EXPECT_FALSE(result.malformed);
    EXPECT_EQ(result.parts.size(), 2u);
}

TEST(RtcpWalk, StopsAfterThirtyTwoParts) {
    const auto part = from_hex("80cb0000");
    std::vector<std::uint8_t> compound;
    for (int i = 0; i < 32; ++i) compound.insert(compound.end(), part.begin(), part.end());
    EXPECT_EQ(walk(compound).parts.size(), 32u);
    EXPECT_FALSE(walk(compound).malformed);
    compound.insert(compound.end(), part.begin(), part.end());
    EXPECT_EQ(walk(compound).parts.size(), 32u);
    EXPECT_TRUE(walk(compound).malformed);
}

TEST(RtcpWalk, RandomCompoundsAreCoveredWithoutGapOrOverlap) {
    std::mt19937 random(5);
    for (int round = 0; round < 200'000; ++round) {
        std::vector<std::uint8_t> compound(random() % 64);
        for (auto& byte : compound) byte = static_cast<std::uint8_t>(random());
        for (std::size_t at = 0; at + 4 <= compound.size(); at += 4) {
            if (random() % 8 == 0) continue;
            compound[at] = 0x80;
            compound[at + 1] = static_cast<std::uint8_t>(200 + random() % 8);
            compound[at + 2] = 0;
            compound[at + 3] = static_cast<std::uint8_t>(random() % 4);
        }
        RtcpWalk walk(compound);
        const auto* expected = compound.data();
        while (auto part = walk.next()) {
            ASSERT_EQ(part->bytes.data(), expected);
            ASSERT_GE(part->bytes.size(), 4u);
            expected += part->bytes.size();
        }
        ASSERT_EQ(walk.malformed(),
                  compound.empty() || expected != compound.data() + compound.size());
    }
}

}  // namespace
}  // namespace mdd::srtp
