// What is asked for ahead: every cache line once, in portions that end with the copies.
#include "dataplane/read_ahead.h"

#include <gtest/gtest.h>

namespace mdd::test {
namespace {

struct alignas(64) Room {
    std::array<std::uint8_t, 4096> bytes{};
};

TEST(ReadAhead, counts_the_lines_that_a_range_touches) {
    const Room room;
    ReadAhead ahead;
    EXPECT_EQ(ahead.lines(), 0u);
    ahead.add(room.bytes.data(), 64);
    EXPECT_EQ(ahead.lines(), 1u);
    ahead.add(room.bytes.data() + 63, 2);
    EXPECT_EQ(ahead.lines(), 3u);
    ahead.add(room.bytes.data() + 64, 1200);
    EXPECT_EQ(ahead.lines(), 22u);
}

TEST(ReadAhead, shares_the_lines_among_the_calls_so_that_none_is_left) {
    const Room room;
    ReadAhead ahead;
    EXPECT_EQ(ahead.share(10), 0u);
    for (std::size_t i = 0; i < kMaxGroup; ++i) ahead.add(room.bytes.data() + i, 1216);
    const auto lines = ahead.lines();
    EXPECT_EQ(ahead.share(0), 0u) << "nobody copies";
    for (std::size_t calls : {1u, 7u, 80u, 1000u}) {
        EXPECT_GE(ahead.share(calls) * calls, lines);
        EXPECT_LT((ahead.share(calls) - 1) * calls, lines);
    }
    const auto share = ahead.share(7);
    for (unsigned call = 0; call < 6; ++call) {
        ahead.ask(share);
        EXPECT_EQ(ahead.lines(), lines - (call + 1) * share);
    }
    ahead.ask(share);
    EXPECT_EQ(ahead.lines(), 0u);
    ahead.ask(share);
    EXPECT_EQ(ahead.lines(), 0u) << "more was asked for than there is";
}

TEST(ReadAhead, begins_anew_once_it_is_finished) {
    const Room room;
    ReadAhead ahead;
    for (unsigned round = 0; round < 3; ++round) {
        for (std::size_t i = 0; i < kMaxGroup; ++i) ahead.add(room.bytes.data(), 640);
        EXPECT_EQ(ahead.lines(), 10 * kMaxGroup);
        ahead.ask(round * 25);
        ahead.finish();
        EXPECT_EQ(ahead.lines(), 0u);
    }
}

}  // namespace
}  // namespace mdd::test
