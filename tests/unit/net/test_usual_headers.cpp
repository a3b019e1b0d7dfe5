// The quick look at the usual headers, held against the parser: both say the same of every frame
// that is bent in a bit or in a few bytes, cut short or padded.
#include <gtest/gtest.h>

#include <random>

#include "dataplane/net/usual_headers.h"
#include "tests/unit/net/frames.h"

namespace mdd::net {
namespace {

using test::FrameBytes;

const SocketAddress kOurs{test::kLocalIp, to_be(std::uint16_t{5004})};

// Says of the frame what the parser says of it.
void expect_agreement(const FrameBytes& bytes, const std::string& of) {
    SCOPED_TRACE(of);
    const UsualHeaders usual(kOurs);
    const auto frame = test::exact_copy(bytes);
    for (const auto checksum : {IpChecksum::verify, IpChecksum::verified_by_device}) {
        Frame parsed;
        const bool is_usual =
            parse_frame(frame.bytes(), parsed, checksum) == srtp::Verdict::accepted &&
            parsed.kind == FrameKind::udp && parsed.destination == kOurs &&
            parsed.l3_offset == kEthernetBytes;
        UsualHeaders::Match match{};
        ASSERT_EQ(usual.match(frame.bytes(), match, checksum), is_usual);
        if (!is_usual) continue;
        ASSERT_EQ(match.source, parsed.source);
        ASSERT_EQ(match.payload_bytes, parsed.payload_bytes);
        ASSERT_EQ(parsed.payload_offset, kHeaderBytes);
    }
}

TEST(UsualHeaders, match_a_datagram_to_our_address) {
    UsualHeaders::Match match{};
    const auto frame = test::exact_copy(test::udp_frame());
    ASSERT_TRUE(UsualHeaders(kOurs).match(frame.bytes(), match, IpChecksum::verify));
    EXPECT_EQ(to_string(match.source), "192.0.2.21:40000");
    EXPECT_EQ(match.payload_bytes, 5);
}

TEST(UsualHeaders, match_none_to_another_address_or_port) {
    UsualHeaders::Match match{};
    const auto frame = test::exact_copy(test::udp_frame());
    const SocketAddress other_port{kOurs.ip, to_be(std::uint16_t{5005})};
    const SocketAddress other_ip{*parse_ipv4("192.0.2.11"), kOurs.port};
    for (const auto& other : {other_port, other_ip})
        EXPECT_FALSE(UsualHeaders(other).match(frame.bytes(), match, IpChecksum::verify));
}

TEST(UsualHeaders, agree_with_the_parser_on_every_bit_of_every_header) {
    for (std::size_t bit = 0; bit < 8 * kHeaderBytes; ++bit) {
        auto bytes = test::udp_frame();
        bytes[bit / 8] ^= static_cast<std::uint8_t>(1 << bit % 8);
        expect_agreement(bytes, "bit " + std::to_string(bit));
        test::fix_ip_checksum(bytes);
        expect_agreement(bytes, "bit " + std::to_string(bit) + ", with a good checksum");
    }
}

TEST(UsualHeaders, agree_with_the_parser_on_every_length) {
    for (std::size_t size = 0; size < 100; ++size) {
        auto bytes = test::udp_frame();
        bytes.resize(size, 0xee);
        expect_agreement(bytes, std::to_string(size) + " bytes");
    }
}

TEST(UsualHeaders, agree_with_the_parser_on_other_kinds_of_frames) {
    expect_agreement(test::echo_frame(), "echo");
    expect_agreement(test::arp_frame(), "ARP");
    auto tagged = test::udp_frame();
    const auto tag = test::from_hex("8100a000");
    tagged.insert(tagged.begin() + 12, tag.begin(), tag.end());
    expect_agreement(tagged, "priority tag");
}

TEST(UsualHeaders, agree_with_the_parser_on_bytes_at_random) {
    std::mt19937 random(1);
    for (int i = 0; i < 20'000; ++i) {
        auto bytes = test::udp_frame();
        for (auto changes = 1 + random() % 3; changes > 0; --changes)
            bytes[random() % bytes.size()] = static_cast<std::uint8_t>(random());
        if (random() % 2 == 0) test::fix_ip_checksum(bytes);
        expect_agreement(bytes, std::to_string(i));
    }
}

}  // namespace
}  // namespace mdd::net
