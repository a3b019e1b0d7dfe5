// Copies at the edges of what a worker has: buffers, frame lengths, groups of packets. What is in
// them: forwarding_test.cpp.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <map>
#include <random>

#include "dataplane/batch.h"
#include "dataplane/net/header_template.h"
#include "dataplane/srtp/ohb.h"
#include "tests/unit/dataplane/forwarding.h"

namespace mdd::test {
namespace {

using srtp::Verdict;

class Copies : public Forwarding {};

TEST_P(Copies, the_last_buffers_are_used_and_every_copy_without_one_is_counted) {
    auto bed = keyed_bed(4);
    bed->send_rtp(0, kSsrc, 0);
    bed->step();
    for (unsigned m = 1; m < 4; ++m) bed->take(m);
    constexpr std::uint16_t kPackets = 3;
    constexpr unsigned kCopies = 3 * kPackets;
    std::uint16_t sequence = 1;
    for (unsigned left = 0; left <= kCopies; ++left) {
        const auto before = bed->dropped(Verdict::leg_nombuf);
        const Shortage shortage(bed->copy_pool(), left);
        for (unsigned i = 0; i < kPackets; ++i) bed->send_rtp(0, kSsrc, sequence++);
        bed->step();
        std::size_t arrived = 0;
        for (unsigned m = 1; m < 4; ++m) arrived += bed->take(m).size();
        EXPECT_EQ(arrived, left);
        EXPECT_EQ(bed->dropped(Verdict::leg_nombuf) - before, kCopies - left);
        EXPECT_TRUE(bed->conserved());
    }
    for (unsigned m = 1; m < 4; ++m) EXPECT_EQ(bed->refused(m), 0u);
}

TEST_P(Copies, buffers_that_were_expected_and_not_needed_go_back) {
    auto bed = keyed_bed(4);
    bed->send_rtp(0, kSsrc, 0);
    bed->step();
    const auto before = bed->free_buffers();
    std::uint16_t sequence = 1;
    // Of three copies of each packet there are fewer every time.
    for (unsigned paused = 1; paused < 4; ++paused) {
        bed->pause(0, kSsrc, paused, true);
        for (const unsigned packets : {1u, 5u}) {
            for (unsigned i = 0; i < packets; ++i) bed->send_rtp(0, kSsrc, sequence++);
            bed->step();
            EXPECT_EQ(bed->free_buffers(), before) << paused << " paused";
        }
    }
    EXPECT_EQ(bed->dropped(Verdict::leg_paused), 6u * (1 + 2 + 3));
    EXPECT_TRUE(bed->conserved());
}

TEST_P(Copies, do_not_depend_on_what_their_buffers_were_used_for_before) {
    constexpr std::uint16_t kCopies = 40;
    auto bed = keyed_bed(2);
    bed->send_rtp(0, kSsrc, 0);
    bed->step();
    bed->take(1);
    {
        Shortage all(bed->copy_pool(), 0);
        for (auto* packet : all.buffers()) {
            packet->data_off = 0;
            packet->ol_flags = RTE_MBUF_F_TX_UDP_CKSUM;
        }
    }
    for (std::uint16_t i = 1; i <= kCopies; ++i) bed->send_rtp(0, kSsrc, i);
    bed->step();
    EXPECT_EQ(bed->take(1).size(), kCopies);
    // The pool gives them as they came back.
    std::vector<void*> buffers(rte_mempool_avail_count(bed->copy_pool()));
    const auto count = static_cast<unsigned>(buffers.size());
    ASSERT_EQ(rte_mempool_get_bulk(bed->copy_pool(), buffers.data(), count), 0);
    const auto as_sent = std::ranges::count_if(buffers, [](const void* buffer) {
        const auto* packet = static_cast<const rte_mbuf*>(buffer);
        return packet->data_off == RTE_PKTMBUF_HEADROOM && packet->ol_flags == 0;
    });
    rte_mempool_put_bulk(bed->copy_pool(), buffers.data(), count);
    EXPECT_EQ(as_sent, kCopies);
}

TEST_P(Copies, that_could_be_longer_than_a_frame_are_not_sent) {
    auto bed = keyed_bed(2);
    const std::size_t added = srtp::kMaxOhbBytes + srtp::kTagBytes + (is_double() ? 1 : 0);
    const std::size_t most = net::max_udp_payload_bytes(1500) - 12 - added;
    bed->send_rtp(0, kSsrc, 1, most);
    bed->send_rtp(0, kSsrc, 2, most + 1);
    bed->send_rtp(0, kSsrc, 3, most);
    bed->step();
    EXPECT_EQ(bed->take(1).size(), 2u);
    EXPECT_EQ(bed->dropped(Verdict::too_long), 1u);
    EXPECT_TRUE(bed->conserved());
}

TEST_P(Copies, that_could_be_longer_than_a_buffer_are_not_sent) {
    WorkerBed bed(BedOptions{.workers = GetParam().workers,
                             .members = 2,
                             .profile = GetParam().profile,
                             .copy_frame_bytes = 300});
    for (unsigned m = 0; m < 2; ++m) bed.key(m);
    bed.send_rtp(0, kSsrc, 1, 200);
    bed.send_rtp(0, kSsrc, 2, 300);
    bed.send_rtp(0, kSsrc, 3, 200);
    bed.step();
    EXPECT_EQ(bed.take(1).size(), 2u);
    EXPECT_EQ(bed.dropped(Verdict::too_long), 1u);
    EXPECT_EQ(bed.refused(1), 0u);
    EXPECT_TRUE(bed.conserved());
}

TEST_P(Copies, of_a_burst_of_many_senders_reach_everybody_else_in_order) {
    constexpr unsigned kMembers = 5;
    WorkerBed bed(BedOptions{.workers = GetParam().workers,
                             .members = kMembers,
                             .profile = GetParam().profile,
                             .owner = [](unsigned) { return WorkerIndex{0}; }});
    for (unsigned m = 0; m < kMembers; ++m) bed.key(m);
    std::uint16_t sequence = 100;
    for (unsigned m = 0; m < kMembers; ++m) bed.send_rtp(m, kSsrc + m, sequence);
    bed.step();
    for (unsigned m = 0; m < kMembers; ++m) bed.take(m);
    // Groups of every size, senders taking turns within them.
    std::vector<std::pair<std::uint32_t, std::uint16_t>> sent;
    for (unsigned burst = 1; burst <= 2 * kMaxGroup + 1; ++burst) {
        for (unsigned i = 0; i < burst; ++i) {
            if (i % kMembers == 0) ++sequence;
            sent.emplace_back(kSsrc + i % kMembers, sequence);
            bed.send_rtp(i % kMembers, kSsrc + i % kMembers, sequence);
        }
        bed.step();
    }
    for (unsigned m = 0; m < kMembers; ++m) {
        auto expected = sent;
        std::erase_if(expected, [&](const auto& packet) { return packet.first == kSsrc + m; });
        std::vector<std::pair<std::uint32_t, std::uint16_t>> received;
        for (const auto& packet : bed.take(m))
            received.emplace_back(packet.ssrc, packet.original_sequence);
        EXPECT_EQ(received, expected) << "at member " << m;
        EXPECT_EQ(bed.refused(m), 0u);
    }
    EXPECT_TRUE(bed.conserved());
}

// Which conferences' packets share a burst is chance; so is how many of each do.
TEST_P(Copies, of_a_burst_of_many_conferences_stay_in_their_own_and_in_order) {
    constexpr unsigned kTogether = 4, kMembers = 3 * kTogether;
    WorkerBed bed(BedOptions{.workers = GetParam().workers,
                             .members = kMembers,
                             .conferences = kTogether,
                             .profile = GetParam().profile,
                             .owner = [](unsigned) { return WorkerIndex{0}; }});
    for (unsigned m = 0; m < kMembers; ++m) bed.key(m);
    // The first member of each conference sends.
    std::map<unsigned, std::vector<std::uint16_t>> sent;
    std::array<std::uint16_t, kTogether> sequences{};
    const auto send = [&](unsigned conference) {
        sent[conference].push_back(sequences[conference]);
        bed.send_rtp(conference, kSsrc + conference, sequences[conference]++);
    };
    for (unsigned c = 0; c < kTogether; ++c) send(c);
    bed.step();
    std::mt19937 random(11);
    for (unsigned burst = 0; burst < 60; ++burst) {
        const unsigned conferences = 1 + burst % kTogether;
        for (unsigned i = 0; i < 1 + burst / 2; ++i) send(random() % conferences);
        // One of them goes on under keys that wait for their proof, in the midst of the others.
        if (burst % 7 == 6) {
            bed.key(0, true, true, /*goes_on=*/true);
            for (unsigned c = 0; c < kTogether; ++c) send(c);
        }
        bed.step();
    }
    for (unsigned m = 0; m < kMembers; ++m) {
        const auto conference = m % kTogether;
        const auto received = bed.take(m);
        EXPECT_EQ(originals(received),
                  m < kTogether ? std::vector<std::uint16_t>{} : sent[conference])
            << "at member " << m;
        EXPECT_TRUE(std::ranges::all_of(
            received, [&](const Received& packet) { return packet.ssrc == kSsrc + conference; }));
        EXPECT_EQ(bed.refused(m), 0u);
    }
    EXPECT_TRUE(bed.conserved());
}

TEST_P(Copies, of_a_packet_that_an_earlier_hop_has_renumbered_tell_the_first_number) {
    if (!is_double()) GTEST_SKIP() << "this profile has no original header block";
    auto bed = keyed_bed(2);
    // [SEQ] Config, [PT][SEQ] Config: RFC 8723 §4.
    std::uint16_t sequence = 7;
    for (const auto& ohb : {Packet{0}, Packet{0x12, 0x34, 0x01}, Packet{96, 0x12, 0x34, 0x03}})
        bed->send_datagram(0, bed->make_rtp(0, kSsrc, sequence++, 100, ohb));
    bed->step();
    const auto received = bed->take(1);
    EXPECT_EQ(originals(received), (std::vector<std::uint16_t>{7, 0x1234, 0x1234}));
    for (const auto& packet : received) EXPECT_EQ(packet.plain.size(), 112u);
    EXPECT_TRUE(bed->conserved());
}

TEST_P(Copies, of_a_packet_that_nobody_else_is_there_for_are_none) {
    auto bed = keyed_bed(1);
    for (std::uint16_t i = 0; i < 10; ++i) bed->send_rtp(0, kSsrc, i);
    bed->step();
    EXPECT_EQ(bed->dropped(Verdict::no_subscriber), 10u);
    EXPECT_EQ(bed->total(&Counters::planned), 0u);
    EXPECT_TRUE(bed->conserved());
}

TEST_P(Copies, of_a_packet_whose_buffer_has_no_room_for_a_note_are_not_waited_for) {
    WorkerBed bed(BedOptions{.workers = GetParam().workers,
                             .members = 2,
                             .profile = GetParam().profile,
                             .grant_ssrcs = false});
    bed.key(0);
    bed.key(1);
    std::uint16_t sequence = 0;
    const auto arrives_with = [&](std::size_t headroom_bytes) {
        const auto frame = WorkerBed::frame_from(0, bed.make_rtp(0, kSsrc, sequence++));
        auto* packet = rte_pktmbuf_alloc(bed.ring().pool());
        packet->data_off = static_cast<std::uint16_t>(headroom_bytes);
        std::copy(frame.begin(), frame.end(),
                  rte_pktmbuf_append(packet, static_cast<std::uint16_t>(frame.size())));
        ASSERT_EQ(bed.ring().offer(bed.owner(0), &packet, 1), 1u);
        bed.step();
    };
    arrives_with(sizeof(HeldPacket));
    EXPECT_EQ(bed.dropped(Verdict::ssrc_pending), 0u);
    arrives_with(sizeof(HeldPacket) - 1);
    EXPECT_EQ(bed.dropped(Verdict::ssrc_pending), 1u);
    Stream stream(kSsrc, 2);
    bed.post(bed.owner(0), GrantSsrc{0, 0, &stream, bed.notices().back().epoch});
    bed.step();
    EXPECT_EQ(bed.take(1).size(), 1u);
    EXPECT_TRUE(bed.conserved());
}

INSTANTIATE_TEST_SUITE_P(workers_and_profiles, Copies, kSettings, name_of_setting);

}  // namespace
}  // namespace mdd::test
