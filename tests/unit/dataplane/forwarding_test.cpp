// What a worker does with media: copies, indexes, ownership, replay and changes of keys, seen from
// libsrtp2 endpoints.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "tests/support/hex.h"
#include "tests/support/worker_bed.h"

namespace mdd::test {
namespace {

using srtp::Verdict;

constexpr std::uint32_t kSsrc = 0xcafebabe;

struct Setting {
    unsigned workers;
    srtp::Profile profile;
};

class Forwarding : public testing::TestWithParam<Setting> {
  protected:
    void SetUp() override { ASSERT_EQ(srtp::aead_start(), srtp::AeadStart::ok); }

    std::unique_ptr<WorkerBed> keyed_bed(unsigned members) {
        auto bed = std::make_unique<WorkerBed>(BedOptions{
            .workers = GetParam().workers, .members = members, .profile = GetParam().profile});
        for (unsigned m = 0; m < members; ++m) bed->key(m);
        return bed;
    }
    bool is_double() const { return srtp::traits_of(GetParam().profile).is_double; }
};

std::vector<std::uint16_t> originals(const std::vector<Received>& received) {
    std::vector<std::uint16_t> sequences;
    for (const auto& packet : received) sequences.push_back(packet.original_sequence);
    return sequences;
}

std::vector<std::uint16_t> sequences(const std::vector<Received>& received) {
    std::vector<std::uint16_t> result;
    for (const auto& packet : received) result.push_back(packet.sequence);
    return result;
}

// Member 0 sends under kSsrc until its roll-over counter is 1, and member 1 hears it; what comes is
// the next sequence number.
std::uint16_t send_past_roc_0(WorkerBed& bed) {
    std::uint16_t sequence = 0;
    for (int i = 0; i < 70000; ++i) {
        bed.send_rtp(0, kSsrc, sequence++, 20);
        if (i % 200 == 0) bed.step();
    }
    bed.step();
    bed.take(1);
    return sequence;
}

using Proofs = std::vector<std::pair<std::uint64_t, srtp::Proof>>;

// What control was told, in order: epochs and what they proved.
Proofs proofs_told(const WorkerBed& bed) {
    Proofs told;
    for (const auto& notice : bed.notices())
        if (notice.kind == Notice::Kind::key_proved) told.emplace_back(notice.epoch, notice.proof);
    return told;
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

TEST_P(Forwarding, new_keys_of_a_live_sender_are_taken_at_once_and_prove_a_rekey) {
    auto bed = keyed_bed(2);
    for (std::uint16_t i = 0; i < 10; ++i) bed->send_rtp(0, kSsrc, i);
    bed->step();
    const auto late = bed->make_rtp(0, kSsrc, 10);
    bed->key(0, false);
    for (std::uint16_t i = 11; i < 20; ++i) bed->send_rtp(0, kSsrc, i);
    bed->send_datagram(0, late);  // still under the old key
    bed->step();
    const auto received = originals(bed->take(1));
    EXPECT_EQ(std::set<std::uint16_t>(received.begin(), received.end()).size(), 20u);
    unsigned proofs = 0;
    for (const auto& notice : bed->notices()) {
        if (notice.kind != Notice::Kind::key_proved) continue;
        ++proofs;
        EXPECT_EQ(notice.proof, srtp::Proof::rekey);
    }
    EXPECT_EQ(proofs, 1u);
    EXPECT_TRUE(bed->conserved());
}

TEST_P(Forwarding, one_index_under_the_old_and_the_new_key_gets_one_packet_through) {
    auto bed = keyed_bed(2);
    for (std::uint16_t i = 0; i < 10; ++i) bed->send_rtp(0, kSsrc, i);
    bed->step();
    const auto under_old = bed->make_rtp(0, kSsrc, 10);
    bed->key(0, false);
    bed->send_rtp(0, kSsrc, 11);
    bed->send_rtp(0, kSsrc, 10);
    bed->send_datagram(0, under_old);
    bed->step();
    EXPECT_EQ(bed->take(1).size(), 12u);
    EXPECT_EQ(bed->dropped(Verdict::replay_dup), 1u);
    EXPECT_TRUE(bed->conserved());
}

TEST_P(Forwarding, a_restarted_endpoint_is_heard_and_hears_again) {
    auto bed = keyed_bed(2);
    std::uint16_t sequence = 0, other = 0;
    for (int i = 0; i < 70000; ++i) {  // both directions past ROC 0
        bed->send_rtp(0, kSsrc, sequence++, 20);
        bed->send_rtp(1, kSsrc + 1, other++, 20);
        if (i % 200 == 0) bed->step();
    }
    bed->step();
    bed->take(0);
    bed->take(1);
    bed->key(0, false);  // a new libsrtp session: ROC 0 in both directions
    for (std::uint16_t i = 0; i < 5; ++i) bed->send_rtp(0, kSsrc, i);
    bed->step();
    EXPECT_EQ(bed->take(1).size(), 5u);
    const auto& proof = *(bed->notices().end() - 2);
    ASSERT_EQ(proof.kind, Notice::Kind::key_proved) << "before the SSRC that goes on";
    EXPECT_EQ(proof.proof, srtp::Proof::restart);
    bed->switch_transmit(0, true);
    for (int i = 0; i < 5; ++i) bed->send_rtp(1, kSsrc + 1, other++);
    bed->step();
    EXPECT_EQ(bed->take(0).size(), 5u);
    EXPECT_EQ(bed->refused(0) + bed->refused(1), 0u);
    EXPECT_TRUE(bed->conserved());
}

TEST_P(Forwarding, a_restarted_endpoint_gets_its_ssrcs_again_in_order_and_its_legs_go_on) {
    auto bed = keyed_bed(2);
    for (std::uint16_t i = 0; i < 10; ++i) {
        bed->send_rtp(0, kSsrc, static_cast<std::uint16_t>(20000 + i));
        bed->send_rtp(0, kSsrc + 7, static_cast<std::uint16_t>(20000 + i));
    }
    bed->step();
    bed->take(1);
    bed->key(0, false);
    std::vector<std::uint16_t> sent;
    for (std::uint16_t i = 0; i < 100; ++i) sent.push_back(i);
    for (const auto sequence : sent) bed->send_rtp(0, kSsrc, sequence);
    bed->step();
    const auto received = bed->take(1);
    ASSERT_EQ(received.size(), sent.size());
    EXPECT_EQ(received[0].sequence, 20010);
    if (is_double()) {
        EXPECT_EQ(originals(received), sent);
    }
    std::vector<std::pair<Notice::Kind, std::uint32_t>> told;
    for (const auto& notice : bed->notices()) told.emplace_back(notice.kind, notice.ssrc);
    using Told = decltype(told);
    EXPECT_EQ(told, (Told{{Notice::Kind::ssrc_seen, kSsrc},
                          {Notice::Kind::ssrc_seen, kSsrc + 7},
                          {Notice::Kind::key_proved, 0},
                          {Notice::Kind::ssrc_seen, kSsrc}}))
        << "the other one is parked until it is heard again";
    EXPECT_EQ(bed->refused(1), 0u);
    EXPECT_TRUE(bed->conserved());
}

TEST_P(Forwarding, an_endpoint_that_restarts_in_silence_hears_again_when_it_is_heard) {
    auto bed = keyed_bed(2);
    std::uint16_t other = 0;
    const auto send_from_other = [&](int count) {
        for (int i = 0; i < count; ++i) {
            bed->send_rtp(1, kSsrc + 1, other++, 20);
            if (i % 200 == 199) bed->step();
        }
        bed->step();
    };
    bed->send_rtp(0, kSsrc, 30000);
    send_from_other(70000);
    bed->take(0);
    bed->key(0, /*switch_transmit=*/false);  // a new libsrtp session: ROC 0 in both directions
    bed->switch_transmit(0, /*fresh=*/false);
    send_from_other(50);
    EXPECT_EQ(bed->take(0).size(), 0u) << "it cannot know the ROC";
    EXPECT_EQ(bed->refused(0), 50u);
    bed->send_rtp(0, kSsrc, 3);
    bed->step();
    bed->switch_transmit(0, /*fresh=*/true);
    send_from_other(70000);
    EXPECT_EQ(bed->take(0).size(), 70000u) << "the nonce ledger has watched";
    EXPECT_EQ(bed->refused(0), 50u);
    EXPECT_TRUE(bed->conserved());
}

TEST_P(Forwarding, a_new_ssrc_first_under_new_keys_does_not_end_a_stream_past_roc_0) {
    auto bed = keyed_bed(2);
    auto sequence = send_past_roc_0(*bed);
    bed->key(0, /*switch_transmit=*/false, /*fresh=*/true, /*goes_on=*/true);
    for (std::uint16_t i = 0; i < 5; ++i) bed->send_rtp(0, kSsrc + 7, i);
    bed->step();
    EXPECT_EQ(bed->take(1).size(), 5u);
    EXPECT_NE(bed->notices().back().kind, Notice::Kind::key_proved);
    for (int i = 0; i < 5; ++i) bed->send_rtp(0, kSsrc, sequence++);
    bed->step();
    EXPECT_EQ(bed->take(1).size(), 5u);
    EXPECT_EQ(bed->notices().back().kind, Notice::Kind::key_proved);
    EXPECT_EQ(bed->notices().back().proof, srtp::Proof::rekey);
    EXPECT_EQ(bed->refused(1), 0u);
    EXPECT_TRUE(bed->conserved());
}

TEST_P(Forwarding, new_ssrcs_alone_are_a_restart_after_an_open_second_and_stay_heard) {
    auto bed = keyed_bed(2);
    for (std::uint16_t i = 0; i < 10; ++i) bed->send_rtp(0, kSsrc, i);
    bed->key(0, false);
    const auto epoch = bed->newest_epoch();
    bed->step();
    EXPECT_EQ(bed->decide(0, epoch), Decision::silent);
    bed->step();
    EXPECT_EQ(bed->notices().back().kind, Notice::Kind::ssrc_seen) << "silence decides nothing";
    for (std::uint16_t i = 0; i < 5; ++i) bed->send_rtp(0, kSsrc + 7, i);
    bed->step();
    EXPECT_EQ(bed->decide(0, epoch - 1), Decision::settled);
    bed->step();
    EXPECT_EQ(bed->notices().back().kind, Notice::Kind::ssrc_seen) << "other keys were meant";
    EXPECT_EQ(bed->decide(0, epoch), Decision::open);
    bed->step();
    EXPECT_EQ(bed->notices().back().kind, Notice::Kind::ssrc_seen) << "it may just have begun";
    EXPECT_EQ(bed->decide(0, epoch), Decision::settled);
    bed->step();
    EXPECT_EQ(bed->notices().back().kind, Notice::Kind::key_proved);
    EXPECT_EQ(bed->notices().back().proof, srtp::Proof::restart);
    bed->take(1);
    const auto again = bed->make_rtp(0, kSsrc + 7, 5);
    bed->send_datagram(0, again);
    bed->send_datagram(0, again);
    bed->step();
    EXPECT_EQ(bed->take(1).size(), 1u);
    EXPECT_EQ(bed->dropped(Verdict::replay_dup), 1u);
    EXPECT_TRUE(bed->conserved());
}

TEST_P(Forwarding,
       a_stream_past_roc_0_goes_on_after_a_new_ssrc_that_came_just_before_the_question) {
    auto bed = keyed_bed(2);
    auto sequence = send_past_roc_0(*bed);
    bed->key(0, /*switch_transmit=*/false, /*fresh=*/true, /*goes_on=*/true);
    bed->send_rtp(0, kSsrc + 7, 0);
    bed->step();
    EXPECT_EQ(bed->decide(0, bed->newest_epoch()), Decision::open);
    for (int i = 0; i < 5; ++i) bed->send_rtp(0, kSsrc, sequence++);
    bed->step();
    EXPECT_EQ(bed->take(1).size(), 6u);
    EXPECT_EQ(bed->notices().back().kind, Notice::Kind::key_proved);
    EXPECT_EQ(bed->notices().back().proof, srtp::Proof::rekey);
    EXPECT_TRUE(bed->conserved());
}

TEST_P(Forwarding, a_restart_that_control_had_no_place_for_is_told_before_the_rekey_after_it) {
    auto bed = keyed_bed(2);
    bed->send_rtp(0, kSsrc, 20000);
    bed->step();
    bed->key(0, /*switch_transmit=*/false);
    const auto restarted = bed->newest_epoch();
    bed->send_rtp(0, kSsrc, 3);
    bed->fill_notices(bed->owner(0));
    bed->step();
    bed->key(0, /*switch_transmit=*/false, /*fresh=*/true, /*goes_on=*/true);
    const auto rekeyed = bed->newest_epoch();
    bed->send_rtp(0, kSsrc, 4);
    bed->fill_notices(bed->owner(0));
    bed->step();
    EXPECT_EQ(proofs_told(*bed), Proofs{});
    EXPECT_EQ(bed->decide(0, rekeyed), Decision::open) << "the notices are only just on their way";
    bed->step();
    EXPECT_EQ(proofs_told(*bed),
              (Proofs{{restarted, srtp::Proof::restart}, {rekeyed, srtp::Proof::rekey}}));
    EXPECT_EQ(bed->decide(0, rekeyed), Decision::settled);
    bed->take(1);
    bed->send_rtp(0, kSsrc, 5);
    bed->step();
    EXPECT_EQ(bed->take(1).size(), 1u);
    EXPECT_TRUE(bed->conserved());
}

TEST_P(Forwarding, a_restart_concluded_when_control_had_no_place_is_told_at_the_next_question) {
    auto bed = keyed_bed(2);
    bed->send_rtp(0, kSsrc, 20000);
    bed->step();
    bed->key(0, /*switch_transmit=*/false);
    const auto epoch = bed->newest_epoch();
    bed->send_rtp(0, kSsrc + 7, 3);
    bed->step();
    EXPECT_EQ(bed->decide(0, epoch), Decision::open);
    bed->fill_notices(bed->owner(0));
    EXPECT_EQ(bed->decide(0, epoch), Decision::open);
    bed->step();
    EXPECT_EQ(proofs_told(*bed), Proofs{});
    EXPECT_EQ(bed->decide(0, epoch), Decision::open);
    bed->step();
    EXPECT_EQ(proofs_told(*bed), (Proofs{{epoch, srtp::Proof::restart}}));
    EXPECT_EQ(bed->decide(0, epoch), Decision::settled);
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

INSTANTIATE_TEST_SUITE_P(workers_and_profiles, Forwarding,
                         testing::Values(Setting{1, srtp::Profile::double_aes_128_gcm},
                                         Setting{2, srtp::Profile::double_aes_128_gcm},
                                         Setting{2, srtp::Profile::double_aes_256_gcm},
                                         Setting{1, srtp::Profile::aead_aes_128_gcm},
                                         Setting{2, srtp::Profile::aead_aes_256_gcm}),
                         [](const auto& setting) {
                             return std::to_string(setting.param.workers) + "_workers_profile_" +
                                    std::to_string(static_cast<int>(setting.param.profile));
                         });

}  // namespace
}  // namespace mdd::test
