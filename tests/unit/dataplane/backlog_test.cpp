// Who waits, who goes next and who finds no place, in the terms of packets that nobody looks into.
#include "dataplane/backlog.h"

#include <gtest/gtest.h>

#include <deque>
#include <map>
#include <numeric>

namespace mdd::test {
namespace {

constexpr std::size_t kConferences = 600;

// Packets with a number instead of a buffer.
class Arrivals {
  public:
    Arrivals() {
        for (std::size_t slot = 0; slot < kConferences; ++slot)
            senders_.emplace_back().conference = static_cast<ConferenceSlot>(slot);
    }
    MediaPacket packet(std::size_t conference) {
        return {.packet = reinterpret_cast<rte_mbuf*>(++newest_), .sender = &senders_[conference]};
    }
    std::uintptr_t newest() const { return newest_; }

  private:
    std::deque<Member> senders_;
    std::uintptr_t newest_ = 0;
};

std::uintptr_t number_of(const MediaPacket& packet) {
    return reinterpret_cast<std::uintptr_t>(packet.packet);
}

struct BacklogTest : testing::Test {
    Arrivals arrivals;
    Backlog backlog{kConferences};
    MediaLanes lanes;

    // True: nothing had to go.
    bool add(std::size_t conference, MediaClass kind = MediaClass::other) {
        return add_for(conference, kind) == 0;
    }
    // The number of the packet that has to go; 0: none.
    std::uintptr_t add_for(std::size_t conference, MediaClass kind = MediaClass::other) {
        return reinterpret_cast<std::uintptr_t>(backlog.add(arrivals.packet(conference), kind));
    }
    // Conferences in the order in which their packets come out.
    std::vector<std::size_t> take(unsigned most = kMaxBurst) {
        lanes.clear();
        backlog.take(most, lanes);
        std::vector<std::size_t> taken;
        for (unsigned i = 0; i < lanes.rtp.count; ++i)
            taken.push_back(lanes.rtp.packets[i].sender->conference);
        return taken;
    }
};

TEST_F(BacklogTest, GivesBackEveryPacketOnceAndAConferencesInTheirOrder) {
    for (int round = 0; round < 7; ++round)
        for (std::size_t conference = 0; conference < 10; ++conference)
            ASSERT_TRUE(add(conference));
    std::map<std::size_t, std::vector<std::uintptr_t>> seen;
    for (auto taken = take(); !taken.empty(); taken = take())
        for (unsigned i = 0; i < lanes.rtp.count; ++i)
            seen[taken[i]].push_back(number_of(lanes.rtp.packets[i]));
    ASSERT_EQ(seen.size(), 10u);
    for (const auto& [conference, numbers] : seen) {
        std::vector<std::uintptr_t> all;
        for (unsigned round = 0; round < 7; ++round) all.push_back(1 + conference + 10 * round);
        EXPECT_EQ(numbers, all);
    }
    EXPECT_TRUE(backlog.empty());
}

TEST_F(BacklogTest, ConferencesTakeTurnsOfAsManyPacketsAsGoTogether) {
    for (unsigned i = 0; i < 20; ++i) add(7);
    for (unsigned i = 0; i < 3; ++i) add(8);
    std::vector<std::size_t> expected(kMaxGroup, 7);
    expected.insert(expected.end(), 3, 8);
    expected.insert(expected.end(), 12, 7);
    EXPECT_EQ(take(), expected);
}

TEST_F(BacklogTest, TakesNoMoreThanAskedForNorThanALaneHolds) {
    for (std::size_t conference = 0; conference < 200; ++conference) add(conference);
    EXPECT_EQ(take(5).size(), 5u);
    EXPECT_EQ(take(1000).size(), kMaxBurst);
}

TEST_F(BacklogTest, WithinAConferenceRtcpComesBeforeAudioAndAudioBeforeTheRest) {
    add(3, MediaClass::other);
    add(3, MediaClass::audio);
    add(3, MediaClass::rtcp);
    lanes.clear();
    backlog.take(1, lanes);
    EXPECT_EQ(lanes.rtcp.count, 1u);
    EXPECT_EQ(lanes.rtp.count, 0u);
    take(1);
    EXPECT_EQ(number_of(lanes.rtp.packets[0]), 2u);
    take(1);
    EXPECT_EQ(number_of(lanes.rtp.packets[0]), 1u);
}

TEST_F(BacklogTest, WhenAllPlacesAreTakenTheLongestQueueGivesUpItsOldest) {
    while (add(0)) {
    }
    const auto places = arrivals.newest() - 1;
    EXPECT_EQ(places, Backlog::kPlaces * 3 / 4);
    // Its own next packets find no place, another conference's do.
    EXPECT_EQ(add_for(0), places + 2);
    EXPECT_EQ(add_for(1), 1u);
    EXPECT_EQ(add_for(1), 2u);
    // Even the conference itself when what comes is worth more, and there is nothing worth less.
    while (add(0, MediaClass::audio)) {
    }
    EXPECT_EQ(add_for(0, MediaClass::audio), 4u);
}

TEST_F(BacklogTest, ConferencesWithTheSameWaitingGiveNothingUpForEachOther) {
    for (std::size_t conference = 0; conference < 4; ++conference)
        for (std::size_t i = 0; i < Backlog::kPlaces * 3 / 16; ++i) ASSERT_TRUE(add(conference));
    for (std::size_t conference = 0; conference < 4; ++conference) {
        const auto given_up = add_for(conference);
        EXPECT_EQ(given_up, arrivals.newest());
    }
}

// The property that fairness rests on, in the steady state of an overload: in each round every
// conference sends its share but one ten times that, and half of it can be forwarded.
TEST_F(BacklogTest, AGreedyConferenceLosesItsOwnPacketsOnly) {
    constexpr std::size_t kOthers = 50;
    unsigned taken_greedy = 0, taken_others = 0;
    for (unsigned round = 0; round < 1000; ++round) {
        for (std::size_t other = 1; other <= kOthers; ++other) add(other);
        for (unsigned i = 0; i < 2 * kOthers; ++i) add(0);
        for (unsigned left = kOthers + kOthers / 2; left > 0;) {
            const auto taken = take(std::min<unsigned>(left, 32));
            left -= static_cast<unsigned>(taken.size());
            for (const auto conference : taken) ++(conference == 0 ? taken_greedy : taken_others);
        }
    }
    EXPECT_GE(taken_others, 1000 * kOthers - kOthers);
    // What is left over is the greedy one's: no capacity is given away.
    EXPECT_NEAR(taken_greedy, 1000.0 * kOthers / 2, Backlog::kPlaces);
}

TEST_F(BacklogTest, AllThatSendTooMuchGetTheSame) {
    constexpr std::size_t kSenders = 40;
    std::vector<double> taken(kSenders);
    for (unsigned round = 0; round < 2000; ++round) {
        for (std::size_t sender = 0; sender < kSenders; ++sender)
            for (std::size_t i = 0; i <= sender % 4; ++i) add(sender);
        for (const auto conference : take(32)) ++taken[conference];
    }
    const double sum = std::accumulate(taken.begin(), taken.end(), 0.0);
    const double squares = std::inner_product(taken.begin(), taken.end(), taken.begin(), 0.0);
    EXPECT_GT(sum * sum / (kSenders * squares), 0.99);  // Jain's index
}

TEST_F(BacklogTest, AudioAndRtcpFindPlacesWhenTheRestFindsNone) {
    std::size_t conference = 0;
    while (add(conference)) ++conference;
    EXPECT_TRUE(add(conference, MediaClass::audio));
    while (add(conference, MediaClass::audio)) ++conference;
    EXPECT_TRUE(add(conference, MediaClass::rtcp));
}

TEST_F(BacklogTest, RemovesOneSendersPacketsAndKeepsTheOrderOfTheRest) {
    Member leaver;
    leaver.conference = 4;
    unsigned dropped = 0;
    for (unsigned i = 0; i < 3; ++i) {
        add(4);
        backlog.add({.packet = reinterpret_cast<rte_mbuf*>(100 + i), .sender = &leaver},
                    MediaClass::other);
    }
    backlog.remove(&leaver, [&](rte_mbuf* packet) {
        EXPECT_EQ(reinterpret_cast<std::uintptr_t>(packet), 100 + dropped++);
    });
    EXPECT_EQ(dropped, 3u);
    EXPECT_EQ(take().size(), 3u);
    for (unsigned i = 0; i < 3; ++i) EXPECT_EQ(number_of(lanes.rtp.packets[i]), i + 1);
}

TEST_F(BacklogTest, IsAsGoodAsNewOnceEverythingIsRemoved) {
    for (int round = 0; round < 3; ++round) {
        std::size_t added = 0, removed = 0;
        for (std::size_t conference = 0; conference < kConferences; ++conference)
            added += add(conference, MediaClass::rtcp) ? 1 : 0;
        EXPECT_EQ(added, Backlog::kPlaces);
        backlog.remove(nullptr, [&](rte_mbuf*) { ++removed; });
        EXPECT_EQ(removed, Backlog::kPlaces);
        EXPECT_TRUE(backlog.empty());
        EXPECT_TRUE(take().empty());
    }
}

TEST(ClassOf, GoesByThePayloadTypesThatTheConferenceCallsAudio) {
    const Conference conference(1, PayloadTypes{}.set(111).set(0));
    std::array<std::uint8_t, 12> header{0x80, 0x80 | 111};
    MediaPacket packet{.data = header.data(), .bytes = header.size()};
    EXPECT_EQ(class_of(packet, false, conference), MediaClass::audio);
    EXPECT_EQ(class_of(packet, true, conference), MediaClass::rtcp);
    header[1] = 96;
    EXPECT_EQ(class_of(packet, false, conference), MediaClass::other);
    // Too short to have one.
    header[1] = 0;
    packet.bytes = 1;
    EXPECT_EQ(class_of(packet, false, conference), MediaClass::other);
}

}  // namespace
}  // namespace mdd::test
