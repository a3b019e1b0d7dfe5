// Frames that are refused: one bent field each, and the verdict that names it; every truncation;
// random bytes.
#include <gtest/gtest.h>

#include <functional>
#include <random>

#include "dataplane/net/frame.h"
#include "tests/unit/net/frames.h"

namespace mdd::net {
namespace {

using srtp::Verdict;
using test::FrameBytes;

struct Bend {
    const char* what;
    Verdict verdict;
    std::function<void(FrameBytes&)> apply;
    bool fix_checksum = true;
};

void set_ip(FrameBytes& frame, std::size_t at, std::initializer_list<std::uint8_t> bytes) {
    std::copy(bytes.begin(), bytes.end(), frame.begin() + static_cast<long>(at));
}

TEST(FrameRejects, every_bent_field_has_its_verdict) {
    const Bend bends[] = {
        {"IPv6", Verdict::bad_l2,
         [](auto& f) {
             set_ip(f, 12, {0x86, 0xdd});
         }},
        {"802.3 length", Verdict::bad_l2,
         [](auto& f) {
             set_ip(f, 12, {0x00, 0x2e});
         }},
        {"provider tag", Verdict::bad_l2,
         [](auto& f) {
             set_ip(f, 12, {0x88, 0xa8});
         }},
        {"group source", Verdict::bad_l2, [](auto& f) { f[6] |= 1; }},
        {"version 6", Verdict::bad_ip, [](auto& f) { f[14] = 0x65; }},
        {"IHL 4", Verdict::bad_ip, [](auto& f) { f[14] = 0x44; }},
        {"IHL 6", Verdict::bad_ip, [](auto& f) { f[14] = 0x46; }},
        {"IHL 15", Verdict::bad_ip, [](auto& f) { f[14] = 0x4f; }},
        {"total length 19", Verdict::bad_ip, [](auto& f) { f[17] = 19; }},
        {"total length 0", Verdict::bad_ip, [](auto& f) { f[17] = 0; }},
        {"total length past frame", Verdict::bad_ip, [](auto& f) { ++f[17]; }},
        {"total length 65535", Verdict::bad_ip,
         [](auto& f) {
             set_ip(f, 16, {0xff, 0xff});
         }},
        {"checksum", Verdict::bad_ip, [](auto& f) { f[25] ^= 1; }, false},
        {"reserved flag", Verdict::bad_ip, [](auto& f) { f[20] = 0x80; }},
        {"more fragments", Verdict::ip_fragment, [](auto& f) { f[20] = 0x20; }},
        {"last fragment", Verdict::ip_fragment, [](auto& f) { f[21] = 1; }},
        {"high offset", Verdict::ip_fragment, [](auto& f) { f[20] = 0x10; }},
        {"protocol TCP", Verdict::bad_ip, [](auto& f) { f[23] = 6; }},
        {"source 0.0.0.0", Verdict::bad_ip,
         [](auto& f) {
             set_ip(f, 26, {0, 0, 0, 0});
         }},
        {"source loopback", Verdict::bad_ip,
         [](auto& f) {
             set_ip(f, 26, {127, 0, 0, 1});
         }},
        {"source multicast", Verdict::bad_ip,
         [](auto& f) {
             set_ip(f, 26, {224, 0, 0, 1});
         }},
        {"source broadcast", Verdict::bad_ip,
         [](auto& f) {
             set_ip(f, 26, {255, 255, 255, 255});
         }},
        {"UDP length short", Verdict::bad_udp, [](auto& f) { --f[39]; }},
        {"UDP length long", Verdict::bad_udp, [](auto& f) { ++f[39]; }},
        {"UDP length 0", Verdict::bad_udp, [](auto& f) { f[39] = 0; }},
        {"UDP header cut", Verdict::bad_udp, [](auto& f) { f[17] = 27; }},
        {"ICMP header cut", Verdict::bad_ip,
         [](auto& f) {
             f[23] = 1;
             f[17] = 27;
         }},
    };
    for (const Bend& bend : bends) {
        FrameBytes bytes = test::udp_frame();
        bend.apply(bytes);
        if (bend.fix_checksum) test::fix_ip_checksum(bytes);
        Frame frame;
        const Verdict verdict = parse_frame(test::exact_copy(bytes).bytes(), frame);
        EXPECT_EQ(srtp::text_of(verdict).name, srtp::text_of(bend.verdict).name) << bend.what;
    }
}

TEST(FrameRejects, tags_of_a_vlan_and_double_tags) {
    for (const char* tags : {"81000001", "8100e064", "8100000081000000", "8100000088a80000"}) {
        FrameBytes bytes = test::udp_frame();
        const auto inserted = test::from_hex(tags);
        bytes.insert(bytes.begin() + 12, inserted.begin(), inserted.end());
        Frame frame;
        EXPECT_EQ(parse_frame(test::exact_copy(bytes).bytes(), frame), Verdict::bad_l2) << tags;
    }
}

// A frame that ends early is refused at every byte, by the layer that misses the byte, and nothing
// past it is read.
TEST(FrameRejects, every_truncation) {
    FrameBytes tagged = test::udp_frame();
    const auto tag = test::from_hex("81000000");
    tagged.insert(tagged.begin() + 12, tag.begin(), tag.end());
    for (const FrameBytes& whole :
         {test::udp_frame(), test::echo_frame(), test::arp_frame(), tagged}) {
        const bool is_arp = whole[12] == 8 && whole[13] == 6;
        const std::size_t l2_bytes = whole[12] == 0x81 ? 18 : 14;
        for (std::size_t size = 0; size < whole.size(); ++size) {
            Frame frame;
            const auto copy = test::exact_copy(std::span(whole).first(size));
            const Verdict expected = is_arp || size < l2_bytes ? Verdict::bad_l2 : Verdict::bad_ip;
            EXPECT_EQ(parse_frame(copy.bytes(), frame), expected) << size << " of " << whole.size();
        }
    }
}

TEST(FrameRejects, random_damage_never_leads_outside_the_frame) {
    std::mt19937 random(2);
    const FrameBytes seeds[] = {test::udp_frame(), test::echo_frame(), test::arp_frame()};
    unsigned accepted = 0;
    for (int round = 0; round < 200000; ++round) {
        FrameBytes bytes = seeds[random() % 3];
        for (unsigned hits = random() % 4; hits > 0; --hits)
            bytes[random() % bytes.size()] = static_cast<std::uint8_t>(random());
        bytes.resize(random() % (bytes.size() + 8));
        const auto copy = test::exact_copy(bytes);
        Frame frame;
        const auto trust = random() % 2 == 0 ? IpChecksum::verify : IpChecksum::verified_by_device;
        if (parse_frame(copy.bytes(), frame, trust) != Verdict::accepted) continue;
        ++accepted;
        ASSERT_LE(frame.payload_offset + frame.payload_bytes, bytes.size());
        ASSERT_GE(frame.payload_offset, frame.l3_offset);
    }
    EXPECT_GT(accepted, 1000u);
}

}  // namespace
}  // namespace mdd::net
