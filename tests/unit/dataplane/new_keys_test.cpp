// New keys of an endpoint at a worker: what re-keys, what restarts, and what control is told, seen
// from libsrtp2 endpoints. Which attempts prove what: hop_test.cpp.
#include <gtest/gtest.h>

#include <set>

#include "tests/unit/dataplane/forwarding.h"

namespace mdd::test {
namespace {

using srtp::Verdict;

class NewKeys : public Forwarding {};

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

TEST_P(NewKeys, new_keys_of_a_live_sender_are_taken_at_once_and_prove_a_rekey) {
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

TEST_P(NewKeys, one_index_under_the_old_and_the_new_key_gets_one_packet_through) {
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

TEST_P(NewKeys, what_came_before_a_restart_in_the_same_burst_is_sent_before_it) {
    auto bed = keyed_bed(2);
    for (std::uint16_t i = 20000; i < 20010; ++i) bed->send_rtp(0, kSsrc, i);
    bed->step();
    bed->take(1);
    const auto last = bed->make_rtp(0, kSsrc, 20015);  // five were lost before it
    bed->key(0, false);
    bed->send_datagram(0, last);
    bed->send_rtp(0, kSsrc, 3);
    bed->step();
    EXPECT_EQ(proofs_told(*bed), (Proofs{{bed->newest_epoch(), srtp::Proof::restart}}));
    std::vector<std::uint16_t> sequences;
    for (const auto& packet : bed->take(1)) sequences.push_back(packet.sequence);
    EXPECT_EQ(sequences, (std::vector<std::uint16_t>{20015, 20016}));
    EXPECT_EQ(bed->refused(1), 0u);
    EXPECT_TRUE(bed->conserved());
}

TEST_P(NewKeys, a_restarted_endpoint_is_heard_and_hears_again) {
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

TEST_P(NewKeys, a_restarted_endpoint_gets_its_ssrcs_again_in_order_and_its_legs_go_on) {
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

TEST_P(NewKeys, an_endpoint_that_restarts_in_silence_hears_again_when_it_is_heard) {
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

TEST_P(NewKeys, a_new_ssrc_first_under_new_keys_does_not_end_a_stream_past_roc_0) {
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

TEST_P(NewKeys, new_ssrcs_alone_are_a_restart_after_an_open_second_and_stay_heard) {
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

TEST_P(NewKeys, a_stream_past_roc_0_goes_on_after_a_new_ssrc_that_came_just_before_the_question) {
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

TEST_P(NewKeys, a_restart_that_control_had_no_place_for_is_told_before_the_rekey_after_it) {
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

// Member 0 has restarted with a new SSRC, which it may go on with, and control could not be told.
void restart_untold(WorkerBed& bed) {
    bed.send_rtp(0, kSsrc, 20000);
    bed.step();
    bed.key(0, /*switch_transmit=*/false);
    bed.send_rtp(0, kSsrc + 7, 3);
    bed.step();
    EXPECT_EQ(bed.decide(0, bed.newest_epoch()), Decision::open);
    bed.fill_notices(bed.owner(0));
    EXPECT_EQ(bed.decide(0, bed.newest_epoch()), Decision::open);
    bed.step();
    EXPECT_EQ(proofs_told(bed), Proofs{});
}

TEST_P(NewKeys, a_restart_concluded_when_control_had_no_place_is_told_at_the_next_question) {
    auto bed = keyed_bed(2);
    restart_untold(*bed);
    const auto epoch = bed->newest_epoch();
    EXPECT_EQ(bed->decide(0, epoch), Decision::open);
    bed->step();
    EXPECT_EQ(proofs_told(*bed), (Proofs{{epoch, srtp::Proof::restart}}));
    EXPECT_EQ(bed->decide(0, epoch), Decision::settled);
    EXPECT_TRUE(bed->conserved());
}

TEST_P(NewKeys, a_restart_concluded_when_control_had_no_place_is_told_with_the_next_packet) {
    auto bed = keyed_bed(2);
    restart_untold(*bed);
    bed->send_rtp(0, kSsrc + 7, 4);
    bed->step();
    EXPECT_EQ(proofs_told(*bed), (Proofs{{bed->newest_epoch(), srtp::Proof::restart}}));
    EXPECT_TRUE(bed->conserved());
}

INSTANTIATE_TEST_SUITE_P(workers_and_profiles, NewKeys, kSettings, name_of_setting);

}  // namespace
}  // namespace mdd::test
