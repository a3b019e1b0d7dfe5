// Who may send under which SSRC.
#include "controlplane/ssrc_book.h"

#include <gtest/gtest.h>

namespace mdd::control {
namespace {

using srtp::Verdict;

TEST(SsrcBook, GrantsAnSsrcOnceWithOneLegPerSeat) {
    SsrcBook book(5, 16);
    const auto first = book.ask(2, 0x11);
    EXPECT_EQ(first.verdict, Verdict::accepted);
    EXPECT_TRUE(first.first_time);
    ASSERT_NE(first.stream, nullptr);
    EXPECT_EQ(first.stream->ssrc, 0x11U);
    EXPECT_EQ(first.stream->legs.size(), 5U);
    const auto again = book.ask(2, 0x11);
    EXPECT_EQ(again.verdict, Verdict::accepted);
    EXPECT_EQ(again.stream, nullptr) << "the worker has it already";
}

TEST(SsrcBook, RefusesAnotherEndpointsSsrcEvenAfterItsOwnerLeft) {
    SsrcBook book(2, 16);
    book.ask(0, 0x11);
    EXPECT_EQ(book.ask(1, 0x11).verdict, Verdict::ssrc_owned);
    book.park(0);
    EXPECT_EQ(book.ask(1, 0x11).verdict, Verdict::ssrc_owned);
    EXPECT_EQ(book.live(1), 0U);
}

TEST(SsrcBook, GivesARejoinTheSameStream) {
    SsrcBook book(2, 16);
    auto* stream = book.ask(0, 0x11).stream;
    book.park(0);
    EXPECT_EQ(book.live(0), 0U);
    const auto back = book.ask(0, 0x11);
    EXPECT_EQ(back.verdict, Verdict::accepted);
    EXPECT_EQ(back.stream, stream);
    EXPECT_FALSE(back.first_time);
    EXPECT_EQ(book.live(0), 1U);
}

TEST(SsrcBook, CapsWhatOneEndpointUsesAtATime) {
    SsrcBook book(2, 3);
    for (std::uint32_t ssrc = 1; ssrc <= 3; ++ssrc)
        EXPECT_EQ(book.ask(0, ssrc).verdict, Verdict::accepted);
    EXPECT_EQ(book.ask(0, 4).verdict, Verdict::ssrc_cap);
    EXPECT_EQ(book.ask(0, 2).verdict, Verdict::accepted);
    EXPECT_EQ(book.ask(1, 4).verdict, Verdict::accepted);
    book.park(0);
    EXPECT_EQ(book.ask(0, 5).verdict, Verdict::accepted) << "parked ones do not count";
    EXPECT_EQ(book.ask(0, 1).verdict, Verdict::accepted);
    EXPECT_EQ(book.ask(0, 2).verdict, Verdict::accepted);
    EXPECT_EQ(book.ask(0, 3).verdict, Verdict::ssrc_cap) << "its own, but one too many";
}

TEST(SsrcBook, RefusesRatherThanEvictsWhenTheConferenceIsFull) {
    SsrcBook book(2, SsrcBook::kPerConference + 1);
    for (std::uint32_t ssrc = 0; ssrc < SsrcBook::kPerConference; ++ssrc)
        ASSERT_EQ(book.ask(0, ssrc).verdict, Verdict::accepted);
    book.park(0);
    EXPECT_EQ(book.ask(1, 0xffffffff).verdict, Verdict::ssrc_cap);
    EXPECT_EQ(book.ask(0, 7).verdict, Verdict::accepted) << "its own is still there";
    EXPECT_EQ(book.size(), SsrcBook::kPerConference);
}

}  // namespace
}  // namespace mdd::control
