// Who may send under which SSRC.
#include "controlplane/ssrc_book.h"

#include <gtest/gtest.h>

namespace mdd::control {
namespace {

using srtp::Verdict;

constexpr std::uint64_t kEpoch = 3;

TEST(SsrcBook, GrantsAnSsrcOnceWithOneLegPerSeat) {
    SsrcBook book(5, 16);
    const auto first = book.ask(2, 0x11, kEpoch);
    EXPECT_EQ(first.verdict, Verdict::accepted);
    EXPECT_TRUE(first.first_time);
    ASSERT_NE(first.stream, nullptr);
    EXPECT_EQ(first.stream->ssrc, 0x11U);
    EXPECT_EQ(first.stream->legs.size(), 5U);
    const auto again = book.ask(2, 0x11, kEpoch);
    EXPECT_EQ(again.verdict, Verdict::accepted);
    EXPECT_EQ(again.stream, first.stream) << "every question has an answer";
    EXPECT_FALSE(again.first_time);
    EXPECT_EQ(book.live(2), 1U);
}

TEST(SsrcBook, RefusesAnotherEndpointsSsrcEvenAfterItsOwnerLeft) {
    SsrcBook book(2, 16);
    book.ask(0, 0x11, kEpoch);
    EXPECT_EQ(book.ask(1, 0x11, kEpoch).verdict, Verdict::ssrc_owned);
    book.park(0, 1);
    EXPECT_EQ(book.ask(1, 0x11, kEpoch).verdict, Verdict::ssrc_owned);
    EXPECT_EQ(book.live(1), 0U);
}

TEST(SsrcBook, OfAConferenceWithoutSeatsIsEmpty) {
    EXPECT_EQ(SsrcBook(0, 16).size(), 0U);
}

TEST(SsrcBook, GivesARejoinTheSameStream) {
    SsrcBook book(2, 16);
    auto* stream = book.ask(0, 0x11, kEpoch).stream;
    book.park(0, 1);
    EXPECT_EQ(book.live(0), 0U);
    const auto back = book.ask(0, 0x11, kEpoch);
    EXPECT_EQ(back.verdict, Verdict::accepted);
    EXPECT_EQ(back.stream, stream);
    EXPECT_FALSE(back.first_time);
    EXPECT_EQ(book.live(0), 1U);
}

TEST(SsrcBook, ParksWhatARestartedEndpointWasHeardUnderBefore) {
    SsrcBook book(2, 2);
    auto* old = book.ask(0, 0x11, 1).stream;
    book.ask(1, 0x12, 1);
    auto* kept = book.ask(0, 0x13, 2).stream;
    book.park_older(0, 2, 1);
    EXPECT_EQ(book.live(0), 1U);
    EXPECT_EQ(book.live(1), 1U);
    EXPECT_EQ(book.ask(0, 0x13, 2).stream, kept);
    EXPECT_EQ(book.ask(0, 0x11, 2).stream, old) << "it goes on using this one";
    EXPECT_EQ(book.ask(0, 0x14, 2).verdict, Verdict::ssrc_cap);
    book.park_older(0, 2, 1);
    EXPECT_EQ(book.live(0), 2U) << "both are heard under the keys that proved the restart";
}

TEST(SsrcBook, ForgetsAParkedSsrcWhenEveryKeyItWasSentUnderIsGone) {
    SsrcBook book(3, 16);
    book.ask(0, 0x11, kEpoch);
    book.ask(1, 0x12, kEpoch);
    book.park(0, 7);
    EXPECT_TRUE(book.forget(7).empty()) << "somebody is there who may have heard it";
    EXPECT_EQ(book.ask(2, 0x11, kEpoch).verdict, Verdict::ssrc_owned);
    const auto gone = book.forget(8);
    ASSERT_EQ(gone.size(), 1U);
    EXPECT_EQ(gone[0]->ssrc, 0x11U);
    EXPECT_EQ(book.size(), 1U) << "the other one is live";
    EXPECT_TRUE(book.ask(2, 0x11, kEpoch).first_time);
}

TEST(SsrcBook, CapsWhatOneEndpointUsesAtATime) {
    SsrcBook book(2, 3);
    for (std::uint32_t ssrc = 1; ssrc <= 3; ++ssrc)
        EXPECT_EQ(book.ask(0, ssrc, kEpoch).verdict, Verdict::accepted);
    EXPECT_EQ(book.ask(0, 4, kEpoch).verdict, Verdict::ssrc_cap);
    EXPECT_EQ(book.ask(0, 2, kEpoch).verdict, Verdict::accepted);
    EXPECT_EQ(book.ask(1, 4, kEpoch).verdict, Verdict::accepted);
    book.park(0, 1);
    EXPECT_EQ(book.ask(0, 5, kEpoch).verdict, Verdict::accepted) << "parked ones do not count";
    EXPECT_EQ(book.ask(0, 1, kEpoch).verdict, Verdict::accepted);
    EXPECT_EQ(book.ask(0, 2, kEpoch).verdict, Verdict::accepted);
    EXPECT_EQ(book.ask(0, 3, kEpoch).verdict, Verdict::ssrc_cap) << "its own, but one too many";
}

TEST(SsrcBook, OneEndpointThatRestartsForEverLeavesRoomForTheOthers) {
    constexpr std::size_t kMembers = 100, kLive = 16;
    SsrcBook book(kMembers, kLive);
    std::uint32_t ssrc = 0;
    std::size_t granted = 0;
    for (std::uint64_t epoch = 1; epoch <= 300; ++epoch) {
        book.park_older(0, epoch, 1);
        for (std::size_t i = 0; i < kLive; ++i)
            granted += book.ask(0, ++ssrc, epoch).verdict == Verdict::accepted;
    }
    EXPECT_EQ(granted, SsrcBook::kRestarts * kLive);
    EXPECT_EQ(book.ask(0, ++ssrc, 301).verdict, Verdict::ssrc_cap);
    EXPECT_EQ(book.ask(0, 1, 301).verdict, Verdict::accepted) << "its own";
    EXPECT_EQ(book.ask(1, ++ssrc, 1).verdict, Verdict::accepted);
    book.park(0, 1);
    book.forget(2);
    EXPECT_EQ(book.ask(0, ++ssrc, 301).verdict, Verdict::accepted) << "the parked ones are gone";
}

TEST(SsrcBook, AnEndpointMayUseItsShareOfASmallConference) {
    SsrcBook book(4, 16);
    std::uint32_t ssrc = 0;
    std::size_t granted = 0;
    for (std::uint64_t epoch = 1; epoch <= 300; ++epoch) {
        book.park_older(0, epoch, 1);
        for (int i = 0; i < 16; ++i)
            granted += book.ask(0, ++ssrc, epoch).verdict == Verdict::accepted;
    }
    EXPECT_EQ(granted, SsrcBook::kPerConference / 4);
}

TEST(SsrcBook, RefusesRatherThanEvictsWhenTheConferenceIsFull) {
    SsrcBook book(2, SsrcBook::kPerConference + 1);
    for (std::uint32_t ssrc = 0; ssrc < SsrcBook::kPerConference; ++ssrc)
        ASSERT_EQ(book.ask(0, ssrc, kEpoch).verdict, Verdict::accepted);
    book.park(0, 1);
    EXPECT_EQ(book.ask(1, 0xffffffff, kEpoch).verdict, Verdict::ssrc_cap);
    EXPECT_EQ(book.ask(0, 7, kEpoch).verdict, Verdict::accepted) << "its own is still there";
    EXPECT_EQ(book.size(), SsrcBook::kPerConference);
}

}  // namespace
}  // namespace mdd::control
