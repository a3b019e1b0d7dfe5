// What a worker does with media: copies, indexes, ownership and replay, seen from libsrtp2
// endpoints. Changes of keys: new_keys_test.cpp.
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/support/hex.h"
#include "tests/unit/dataplane/forwarding.h"

namespace mdd::test {
namespace {

using srtp::Verdict;

std::vector<std::uint16_t> sequences(const std::vector<Received>& received) {
    std::vector<std::uint16_t> result;
    for (const auto& packet : received) result.push_back(packet.sequence);
    return result;
}

TEST_P(Forwarding, three_endpoints_exchange) {
    auto bed = keyed_bed(3);
    for (std::uint16_t i = 0; i < 50; ++i)
        for (unsigned m = 0; m < 3; ++m)
            bed->send_rtp(m, kSsrc + m, static_cast<std::uint16_t>(100 + i));
    bed->step();
    for (unsigned m = 0; m < 3; ++m) {
        const auto received = bed->take(m);
        EXPECT_EQ(received.size(), 100u);
        for (const auto& packet : received) EXPECT_NE(packet.ssrc, kSsrc + m);
        EXPECT_EQ(bed->refused(m), 0u);
    }
    EXPECT_TRUE(bed->conserved());
}

TEST_P(Forwarding, inner_payload_and_ekt_tag_come_out_untouched) {
    auto bed = keyed_bed(2);
    bed->send_rtp(0, kSsrc, 40000, 1000);
    bed->step();
    const auto received = bed->take(1);
    ASSERT_EQ(received.size(), 1u);
    EXPECT_EQ(received[0].plain.size(), 1012u);
    EXPECT_EQ(received[0].tail.size(), is_double() ? 1u : 0u);
    // First index on a leg lies below 2^15; the original is in the OHB.
    EXPECT_EQ(received[0].sequence, 40000 & 0x7fff);
    EXPECT_EQ(received[0].original_sequence, is_double() ? 40000 : 40000 & 0x7fff);
}

TEST_P(Forwarding, late_joiner_hears_from_its_first_packet) {
    auto bed = std::make_unique<WorkerBed>(
        BedOptions{.workers = GetParam().workers, .members = 3, .profile = GetParam().profile});
    bed->key(0);
    bed->key(1);
    std::uint16_t sequence = 65000;
    for (int i = 0; i < 70000; ++i) {
        bed->send_rtp(0, kSsrc, sequence++, 20);
        if (i % 500 == 0) bed->step();
    }
    bed->step();
    EXPECT_EQ(bed->take(1).size(), 70000u);
    bed->key(2);
    bed->send_rtp(0, kSsrc, sequence++);
    bed->send_rtp(0, kSsrc, sequence++);
    bed->step();
    EXPECT_EQ(bed->take(2).size(), 2u);
    EXPECT_EQ(bed->take(1).size(), 2u);
    EXPECT_EQ(bed->refused(1) + bed->refused(2), 0u);
    EXPECT_TRUE(bed->conserved());
}

TEST_P(Forwarding, leg_paused_for_any_number_of_packets_resumes_without_refusal) {
    for (const int pause : {1, 32767, 40000, 98304}) {
        auto bed = keyed_bed(2);
        std::uint16_t sequence = 30000;
        const auto send = [&](int count) {
            for (int i = 0; i < count; ++i) {
                bed->send_rtp(0, kSsrc, sequence++, 20);
                if (i % 500 == 499) bed->step();
            }
            bed->step();
        };
        send(40000);  // past the range in which libsrtp forgives a jump
        bed->pause(0, kSsrc, 1, true);
        const auto before = bed->take(1).size();
        send(pause);
        EXPECT_EQ(bed->take(1).size(), 0u);
        EXPECT_EQ(bed->dropped(Verdict::leg_paused), static_cast<std::uint64_t>(pause));
        bed->pause(0, kSsrc, 1, false);
        send(100);
        EXPECT_EQ(before, 40000u);
        EXPECT_EQ(bed->take(1).size(), 100u) << "after a pause of " << pause;
        EXPECT_EQ(bed->refused(1), 0u);
        EXPECT_TRUE(bed->conserved());
    }
}

TEST_P(Forwarding, a_leg_resumes_right_behind_the_last_packet_before_its_pause) {
    auto bed = keyed_bed(2);
    bed->send_rtp(0, kSsrc, 100);
    bed->step();
    bed->pause(0, kSsrc, 1, true);
    bed->send_rtp(0, kSsrc, 101);
    bed->send_rtp(0, kSsrc, 102);
    bed->step();
    bed->pause(0, kSsrc, 1, false);
    bed->send_rtp(0, kSsrc, 103);
    bed->step();
    EXPECT_EQ(sequences(bed->take(1)), (std::vector<std::uint16_t>{100, 101}));
}

TEST_P(Forwarding, a_leg_paused_while_its_source_is_away_is_paused_when_it_is_back) {
    auto bed = keyed_bed(3);
    bed->send_rtp(0, kSsrc, 1);
    bed->step();
    bed->leave(0);
    bed->pause(0, kSsrc, 1, true);
    bed->take(1);
    bed->take(2);
    bed->key(0);
    bed->send_rtp(0, kSsrc, 2);
    bed->step();
    EXPECT_EQ(bed->take(1).size(), 0u);
    EXPECT_EQ(bed->take(2).size(), 1u);
    EXPECT_EQ(bed->dropped(Verdict::leg_paused), 1u);
    EXPECT_TRUE(bed->conserved());
}

TEST_P(Forwarding, loss_and_reordering_upstream_stay_visible) {
    auto bed = keyed_bed(2);
    for (const std::uint16_t sequence : {1000, 1001, 1004, 1003, 1010})
        bed->send_rtp(0, kSsrc, sequence);
    bed->step();
    EXPECT_EQ(sequences(bed->take(1)), (std::vector<std::uint16_t>{1000, 1001, 1004, 1003, 1010}));
}

TEST_P(Forwarding, a_jump_past_2_14_starts_a_new_run_right_behind) {
    auto bed = keyed_bed(2);
    bed->send_rtp(0, kSsrc, 100);
    bed->send_rtp(0, kSsrc, 20000);
    bed->send_rtp(0, kSsrc, 19999);
    bed->step();
    EXPECT_EQ(sequences(bed->take(1)), (std::vector<std::uint16_t>{100, 101}));
    EXPECT_EQ(bed->dropped(Verdict::run_old), 1u);
    EXPECT_TRUE(bed->conserved());
}

TEST_P(Forwarding, a_stream_whose_sequence_wraps_in_its_first_burst_is_heard_whole) {
    auto bed = keyed_bed(2);
    std::vector<std::uint16_t> sent;
    for (int i = 0; i < 20; ++i) sent.push_back(static_cast<std::uint16_t>(65526 + i));
    for (const auto sequence : sent) bed->send_rtp(0, kSsrc, sequence);
    bed->step();
    const auto received = bed->take(1);
    EXPECT_EQ(received.size(), sent.size());
    if (is_double()) {
        EXPECT_EQ(originals(received), sent);
    }
    EXPECT_EQ(bed->dropped(Verdict::auth_fail), 0u);
    EXPECT_TRUE(bed->conserved());
}

TEST_P(Forwarding, a_stream_first_heard_by_its_rtcp_takes_rtp_of_any_sequence) {
    auto bed = keyed_bed(2);
    bed->send_rtcp(0, from_hex("80c90001cafebabe"));
    bed->step();
    std::vector<std::uint16_t> sent{0xfff0, 0xfff1};
    for (const auto sequence : sent) bed->send_rtp(0, kSsrc, sequence);
    bed->step();
    const auto received = bed->take(1);
    EXPECT_EQ(received.size(), sent.size());
    if (is_double()) {
        EXPECT_EQ(originals(received), sent);
    }
    EXPECT_TRUE(bed->conserved());
}

TEST_P(Forwarding, replayed_forged_and_truncated_packets_are_counted_and_go_nowhere) {
    auto bed = keyed_bed(2);
    const auto good = bed->make_rtp(0, kSsrc, 500);
    bed->send_datagram(0, good);
    bed->step();
    bed->send_datagram(0, good);
    bed->send_datagram(0, good);
    auto forged = bed->make_rtp(0, kSsrc, 501);
    forged[20] ^= 1;
    bed->send_datagram(0, forged);
    bed->send_datagram(0, Packet(good.begin(), good.begin() + 20));
    bed->step();
    EXPECT_EQ(bed->take(1).size(), 1u);
    EXPECT_EQ(bed->dropped(Verdict::replay_dup), 2u);
    EXPECT_EQ(bed->dropped(Verdict::auth_fail), 1u);
    EXPECT_EQ(bed->dropped(Verdict::rtp_malformed) + bed->dropped(Verdict::ekt_invalid), 1u);
    EXPECT_TRUE(bed->conserved());
}

TEST_P(Forwarding, the_same_packet_twice_in_one_burst_comes_out_once) {
    auto bed = keyed_bed(2);
    bed->send_rtp(0, kSsrc, 1);
    bed->step();
    const auto packet = bed->make_rtp(0, kSsrc, 2);
    bed->send_datagram(0, packet);
    bed->send_datagram(0, packet);
    bed->step();
    EXPECT_EQ(bed->take(1).size(), 2u);
    EXPECT_EQ(bed->dropped(Verdict::replay_dup), 1u);
}

TEST_P(Forwarding, second_endpoint_with_a_taken_ssrc_is_refused) {
    auto bed = keyed_bed(3);
    bed->send_rtp(0, kSsrc, 10);
    bed->step();
    for (std::uint16_t i = 0; i < 6; ++i) {
        bed->send_rtp(1, kSsrc, static_cast<std::uint16_t>(10 + i));
        bed->step();
    }
    EXPECT_EQ(bed->take(2).size(), 1u);
    EXPECT_EQ(bed->take(0).size(), 0u);
    EXPECT_EQ(bed->dropped(Verdict::ssrc_owned), 6u);
    EXPECT_TRUE(bed->conserved());
}

TEST_P(Forwarding, two_streams_of_a_sender_that_take_turns_in_a_burst_stay_apart) {
    auto bed = keyed_bed(2);
    for (std::uint16_t i = 0; i < 12; ++i) {
        bed->send_rtp(0, kSsrc, static_cast<std::uint16_t>(100 + i));
        bed->send_rtp(0, kSsrc + 1, static_cast<std::uint16_t>(20000 + i));
        if (i % 4 == 3) bed->step();
    }
    const auto received = bed->take(1);
    for (const auto ssrc : {kSsrc, kSsrc + 1})
        EXPECT_EQ(std::ranges::count(received, ssrc, &Received::ssrc), 12);
    EXPECT_EQ(bed->refused(1), 0u);
    EXPECT_TRUE(bed->conserved());
}

TEST_P(Forwarding, a_taken_ssrc_is_refused_right_behind_a_packet_of_its_owner_too) {
    auto bed = keyed_bed(3);
    // Of one worker where there are two, with nothing left to prove.
    constexpr unsigned kOwner = 0, kTaker = 2;
    for (std::uint16_t sequence = 10; sequence < 12; ++sequence) {
        bed->send_rtp(kOwner, kSsrc, sequence);
        bed->send_rtp(kTaker, kSsrc + 1, sequence);
        bed->step();
    }
    ASSERT_EQ(bed->take(1).size(), 4u);
    bed->send_rtp(kOwner, kSsrc, 12);
    bed->send_rtp(kTaker, kSsrc, 13);
    bed->step();
    const auto received = bed->take(1);
    ASSERT_EQ(received.size(), 1u);
    EXPECT_EQ(received[0].sequence, 12);
    EXPECT_EQ(bed->refused(1), 0u);
    EXPECT_EQ(bed->dropped(Verdict::ssrc_owned), 1u);
    EXPECT_TRUE(bed->conserved());
}

TEST_P(Forwarding, a_refused_ssrc_is_asked_for_again_once_an_ssrc_has_come_free) {
    auto bed = keyed_bed(3);
    bed->send_rtp(0, kSsrc, 10);
    bed->step();
    const auto asked_by_1 = [&] {
        return std::ranges::count_if(bed->notices(), [](const Notice& notice) {
            return notice.kind == Notice::Kind::ssrc_seen && notice.member == 1;
        });
    };
    std::uint16_t sequence = 10;
    const auto send_two = [&] {
        for (int i = 0; i < 2; ++i) {
            bed->send_rtp(1, kSsrc, sequence++);
            bed->step();
        }
    };
    send_two();
    EXPECT_EQ(asked_by_1(), 1);
    bed->post_all([] { return ClearSsrcOwner{0, kSsrc, {}}; });
    send_two();
    EXPECT_EQ(asked_by_1(), 2);
    send_two();
    EXPECT_EQ(asked_by_1(), 2) << "the new refusal holds";
    EXPECT_EQ(bed->dropped(Verdict::ssrc_owned), 6u);
    EXPECT_TRUE(bed->conserved());
}

TEST_P(Forwarding, a_few_packets_wait_for_the_grant_and_the_rest_are_counted) {
    WorkerBed bed(BedOptions{.workers = GetParam().workers,
                             .members = 2,
                             .profile = GetParam().profile,
                             .grant_ssrcs = false});
    bed.key(0);
    bed.key(1);
    constexpr auto kSent = static_cast<std::uint16_t>(PendingSsrc::kHeld + 10);
    for (std::uint16_t i = 0; i < kSent; ++i) bed.send_rtp(0, kSsrc, i);
    bed.step();
    EXPECT_EQ(bed.take(1).size(), 0u);
    EXPECT_EQ(bed.dropped(Verdict::ssrc_pending), kSent - PendingSsrc::kHeld);
    Stream stream(kSsrc, 2);
    const auto epoch = bed.notices().back().epoch;
    bed.post(bed.owner(0), GrantSsrc{0, 0, &stream, epoch + 1});
    EXPECT_EQ(stream.run, 0u) << "an answer to another question";
    bed.post(bed.owner(0), GrantSsrc{0, 0, &stream, epoch});
    bed.step();
    const auto waited = originals(bed.take(1));
    ASSERT_EQ(waited.size(), PendingSsrc::kHeld);
    for (std::uint16_t i = 0; i < waited.size(); ++i) EXPECT_EQ(waited[i], i);
    bed.send_rtp(0, kSsrc, kSent);
    bed.step();
    EXPECT_EQ(bed.take(1).size(), 1u);
    EXPECT_TRUE(bed.conserved());
}

TEST_P(Forwarding, leaver_rejoins_with_the_same_ssrc_and_a_low_sequence) {
    auto bed = keyed_bed(2);
    for (std::uint16_t i = 0; i < 1000; ++i)
        bed->send_rtp(0, kSsrc, static_cast<std::uint16_t>(5000 + i));
    bed->step();
    EXPECT_EQ(bed->take(1).size(), 1000u);
    for (int round = 0; round < 20; ++round) {
        bed->leave(0);
        bed->key(0);
        for (std::uint16_t i = 0; i < 10; ++i) bed->send_rtp(0, kSsrc, i);
        bed->step();
        const auto received = bed->take(1);
        ASSERT_EQ(received.size(), 10u);
        // The receiver's key has not changed: what was sent under it goes on above the highest
        // index.
        EXPECT_EQ(received[0].sequence, static_cast<std::uint16_t>(6000 + 10 * round));
    }
    EXPECT_EQ(bed->refused(1), 0u);
    EXPECT_TRUE(bed->conserved());
}

TEST_P(Forwarding, an_unkeyed_member_costs_a_counted_leg) {
    WorkerBed bed(
        BedOptions{.workers = GetParam().workers, .members = 3, .profile = GetParam().profile});
    bed.key(0);
    bed.key(1);
    bed.send_rtp(0, kSsrc, 1);
    bed.send_datagram(2, Packet(60, 0x80));
    bed.step();
    EXPECT_EQ(bed.take(1).size(), 1u);
    EXPECT_EQ(bed.dropped(Verdict::leg_not_keyed), 1u);
    EXPECT_EQ(bed.dropped(Verdict::not_keyed), 1u);
    EXPECT_TRUE(bed.conserved());
}

TEST_P(Forwarding, nothing_leaks) {
    auto bed = keyed_bed(3);
    const auto before = bed->free_buffers();
    for (int round = 0; round < 20; ++round) {
        for (std::uint16_t i = 0; i < 20; ++i)
            bed->send_rtp(0, kSsrc, static_cast<std::uint16_t>(round * 20 + i));
        bed->send_datagram(1, Packet(100, 0x81));
        bed->step();
    }
    EXPECT_EQ(bed->free_buffers(), before);
}

INSTANTIATE_TEST_SUITE_P(workers_and_profiles, Forwarding, kSettings, name_of_setting);

}  // namespace
}  // namespace mdd::test
