// The outbound index: never twice, never back, runs disjoint, first below 2^15.
#include "dataplane/srtp/outbound.h"

#include <gtest/gtest.h>

#include <random>
#include <unordered_set>

namespace mdd::test {
namespace {

using srtp::OutboundIndex;
using srtp::Verdict;

TEST(OutboundIndex, keeps_a_low_sequence_and_brings_a_high_one_below_2_15) {
    OutboundIndex low, high;
    EXPECT_EQ(low.place(1234).index, 1234u);
    EXPECT_EQ(high.place((7u << 16) + 0x9234).index, 0x1234u);
}

TEST(OutboundIndex, follows_the_source_within_a_run) {
    OutboundIndex out;
    const auto base = out.place(100).index;
    EXPECT_EQ(out.place(103).index, base + 3);
    EXPECT_EQ(out.place(101).index, base + 1);
    EXPECT_EQ(out.place(100 + OutboundIndex::kMaxJump).index, base + OutboundIndex::kMaxJump);
}

TEST(OutboundIndex, a_new_run_starts_right_behind_and_refuses_what_is_older) {
    OutboundIndex out;
    out.place(1000);
    out.place(1010);
    out.end_run();
    EXPECT_EQ(out.place(500000).index, 1011u);
    EXPECT_EQ(out.place(499999).verdict, Verdict::run_old);
    EXPECT_EQ(out.place(1005).verdict, Verdict::run_old);
    EXPECT_EQ(out.place(500002).index, 1013u);
}

TEST(OutboundIndex, a_jump_past_2_14_is_no_loss_but_a_new_run) {
    OutboundIndex out;
    out.place(10);
    EXPECT_EQ(out.place(11 + OutboundIndex::kMaxJump).index, 11u);
}

TEST(OutboundIndex, stops_at_the_packet_limit_of_the_key) {
    OutboundIndex out(OutboundIndex::kLimit - 1);
    EXPECT_EQ(out.place(5).verdict, Verdict::accepted);
    EXPECT_EQ(out.place(6).verdict, Verdict::key_exhausted);
    out.end_run();
    EXPECT_EQ(out.place(0).verdict, Verdict::key_exhausted);
}

TEST(OutboundIndex, starting_over_counts_from_roc_0_around_what_the_key_was_used_for) {
    OutboundIndex out(70'000);
    out.place(5);
    out.follow_key();
    EXPECT_EQ(out.place(100).index, 70'095u);
    EXPECT_EQ(out.place(102).index, 70'097u);
    EXPECT_EQ(out.place(99).index, 70'094u) << "late, but under this key";
    out.start_over();
    EXPECT_EQ(out.place(40'000).index, 40'000u & 0x7fff);
    std::uint64_t source = 40'000, last = 0;
    for (std::uint64_t at = 40'000 & 0x7fff; at < 70'093; ++at) last = out.place(++source).index;
    EXPECT_EQ(last, 70'093u);
    EXPECT_EQ(out.place(++source).index, 70'098u) << "behind what was used";
    EXPECT_EQ(out.place(++source).index, 70'099u);
}

TEST(OutboundIndex, does_not_start_over_where_the_receiver_finds_in_or_a_second_time) {
    OutboundIndex low;
    low.place(100);
    low.start_over();
    EXPECT_EQ(low.place(101).index, 101u);
    OutboundIndex twice(1u << 17);
    twice.place(7);
    twice.start_over();
    EXPECT_EQ(twice.place(8).index, 8u);
    twice.start_over();
    EXPECT_EQ(twice.place(9).index, 9u);
    OutboundIndex unused(1u << 17);
    unused.place(7);
    unused.follow_key();
    unused.start_over();
    EXPECT_EQ(unused.place(8).index, 8u) << "nothing was sent under this key";
}

// Random sources with loss, reordering, jumps, pauses and restarts: the law in one property.
// Between two calls of end_run() no source index comes twice; that is the replay window's promise.
TEST(OutboundIndex, no_index_is_ever_given_twice) {
    unsigned went_around = 0;
    for (unsigned seed = 0; seed < 200; ++seed) {
        std::mt19937_64 random(seed);
        OutboundIndex out(seed % 4 == 0 ? 0 : 65'000 + random() % 3000);
        std::unordered_set<std::uint64_t> given, seen_in_run;
        std::uint64_t source = random() % 70000;
        std::uint64_t behind_used = 0;  // of what the key was used for before it started over
        for (int i = 0; i < 5000; ++i) {
            const auto what = random() % 1000;
            if (what < 3 && i < 600) {
                // Both restart the receiver's count; the second one under another key.
                if (random() % 4 != 0) {
                    const auto next = out.next();
                    out.start_over();
                    if (out.next() == 0 && !given.empty()) behind_used = next;
                } else {
                    out.follow_key();
                    given.clear();
                    behind_used = 0;
                }
            } else if (what == 3) {
                out.end_run();
                seen_in_run.clear();
                if (random() % 2 == 0) source = random() % 70000;  // restart
            } else if (what < 24) {
                source += random() % 16'000;  // followed
            } else if (what == 24) {
                source += random() % 100'000;  // a new run
            } else {
                source += random() % 3;
            }
            const auto late = source >= 40 ? source - random() % 40 : source;
            const auto index = what < 300 ? late : source;
            if (!seen_in_run.insert(index).second) continue;
            const auto placed = out.place(index);
            if (placed.verdict != Verdict::accepted) continue;
            ASSERT_TRUE(given.insert(placed.index).second) << "seed " << seed << ", step " << i;
            ASSERT_LT(placed.index, out.next());
            if (behind_used != 0 && placed.index == behind_used) ++went_around;
        }
    }
    EXPECT_GE(went_around, 20u) << "the property was not tried where it is hard";
}

}  // namespace
}  // namespace mdd::test
