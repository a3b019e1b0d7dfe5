// The original header block: every config byte at every size, and what chains of distributors make
// of it.
#include "tests/support/ohb_reference.h"

#include <gtest/gtest.h>

#include <memory>
#include <random>
#include <vector>

#include "tests/support/hex.h"

namespace mdd::srtp {
namespace {

// A copy that ends where its heap block ends, so that the address sanitizer sees every read past
// it.
struct Exact {
    explicit Exact(Bytes bytes) : data(new std::uint8_t[bytes.size()]), size(bytes.size()) {
        std::copy(bytes.begin(), bytes.end(), data.get());
    }
    Bytes bytes() const { return {data.get(), size}; }
    std::unique_ptr<std::uint8_t[]> data;
    std::size_t size;
};

TEST(Ohb, EveryConfigByteAtEverySizeIsReadOrRefused) {
    for (int config = 0; config < 256; ++config) {
        const std::size_t block = 1u + ((config & 2) != 0 ? 1 : 0) + ((config & 1) != 0 ? 2 : 0);
        const bool legal = (config & 0xf0) == 0 && (config & 0x0c) != 0x08;
        for (std::size_t size = 0; size <= 24; ++size) {
            std::vector<std::uint8_t> text(size, 0x55);
            if (size > 0) text.back() = static_cast<std::uint8_t>(config);
            const auto ohb = read_ohb(Exact(text).bytes());
            ASSERT_EQ(ohb.has_value(), size > 0 && legal && size >= 16 + block)
                << config << " " << size;
            if (!ohb) continue;
            EXPECT_EQ(ohb->size_bytes(), block);
            EXPECT_EQ(ohb->payload_type.has_value(), (config & 2) != 0);
            EXPECT_EQ(ohb->sequence.has_value(), (config & 1) != 0);
            EXPECT_EQ(ohb->marker.has_value(), (config & 4) != 0);
            EXPECT_EQ(ohb->payload_type.value_or(0x55), 0x55);
            EXPECT_EQ(ohb->sequence.value_or(0x5555), 0x5555);
            EXPECT_EQ(ohb->marker.value_or(false), (config & 8) != 0);
        }
    }
}

TEST(Ohb, PayloadTypeAbove127IsRefused) {
    std::vector<std::uint8_t> text(20, 0);
    text[19] = 0x02;
    text[18] = 127;
    EXPECT_TRUE(read_ohb(text));
    text[18] = 128;
    EXPECT_FALSE(read_ohb(text));
    text[19] = 0x03;  // now the payload type stands before the sequence
    text[18] = 0xff;
    EXPECT_TRUE(read_ohb(text));
    text[16] = 0x80;
    EXPECT_FALSE(read_ohb(text));
}

TEST(Ohb, LayoutsAreThoseOfTheRfc) {
    const std::vector<std::pair<Ohb, std::string>> layouts = {
        {{{}, {}, {}}, "00"},
        {{{}, 0x1234, {}}, "123401"},
        {{0x60, {}, {}}, "6002"},
        {{0x60, 0x1234, {}}, "60123403"},
        {{{}, {}, true}, "0c"},
        {{{}, {}, false}, "04"},
        {{{}, 0x1234, true}, "12340d"},
        {{{}, 0x1234, false}, "123405"},
        {{0x60, {}, true}, "600e"},
        {{0x60, {}, false}, "6006"},
        {{0x60, 0x1234, true}, "6012340f"},
        {{0x60, 0x1234, false}, "60123407"},
    };
    for (const auto& [ohb, hex] : layouts) {
        std::vector<std::uint8_t> text(16 + ohb.size_bytes());
        EXPECT_EQ(write_ohb(ohb, text.data() + 16), hex.size() / 2);
        EXPECT_EQ(test::to_hex(Bytes(text).subspan(16)), hex);
        EXPECT_EQ(read_ohb(text), ohb) << hex;
    }
}

TEST(Ohb, ChainsOfDistributorsKeepTheOriginalSequence) {
    std::mt19937 random(11);
    for (int round = 0; round < 1'000'000; ++round) {
        // A small range makes returns to the original frequent.
        const auto any = [&] { return static_cast<std::uint16_t>(random() % 5); };
        const std::uint16_t original = any();
        Ohb ohb;
        if (random() % 2 == 0) ohb.payload_type = std::uint8_t{96};
        if (random() % 2 == 0) ohb.marker = random() % 2 == 0;
        const auto at_start = ohb;
        std::uint16_t header = original;
        for (unsigned hop = 0; hop < 1 + random() % 4; ++hop) {
            const auto sent = any();
            ohb = with_sequence(ohb, header, sent);
            header = sent;
            ASSERT_EQ(ohb.sequence.value_or(header), original);
            ASSERT_EQ(ohb.sequence.has_value(), header != original);
        }
        ASSERT_EQ(ohb.payload_type, at_start.payload_type);
        ASSERT_EQ(ohb.marker, at_start.marker);
    }
}

// What a hop reads and sends, against the RFC field by field: every config byte, with any fields,
// at every size.
TEST(HopOhb, ReadsAndSendsWhatTheRfcSays) {
    std::mt19937 random(12);
    for (unsigned round = 0; round < 256 * 64; ++round) {
        std::vector<std::uint8_t> text(random() % 26);
        for (auto& byte : text) byte = static_cast<std::uint8_t>(random());
        if (!text.empty()) text.back() = static_cast<std::uint8_t>(round);
        const auto header = static_cast<std::uint16_t>(random());
        const Exact exact(text);
        const auto expected = read_ohb(exact.bytes());
        HopOhb hop;
        ASSERT_EQ(hop.read(exact.bytes(), header), expected.has_value()) << test::to_hex(text);
        if (!expected) continue;
        EXPECT_EQ(hop.received_bytes, expected->size_bytes());
        EXPECT_EQ(hop.original_sequence, expected->sequence.value_or(header));
        for (const int step : {0, 1, -1, 256}) {
            const auto sent = static_cast<std::uint16_t>(hop.original_sequence + step);
            std::uint8_t wanted[kMaxOhbBytes];
            const auto size = write_ohb(with_sequence(*expected, header, sent), wanted);
            const auto& form = hop.for_sequence(sent);
            EXPECT_EQ(test::to_hex(Bytes(form.bytes).first(form.size_bytes)),
                      test::to_hex(Bytes(wanted, size)));
        }
    }
}

}  // namespace
}  // namespace mdd::srtp
