// The order and the times of what is due: shares, evenness, frames, greed, talk-spurts, and a pacer
// that says so when nobody came.
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "tests/unit/load/load_files.h"
#include "tools/mdd-load/pacer.h"

namespace mdd::load::test {
namespace {

const std::string kTen = "[conferences]\ncount = 10\nmembers = 4\nsenders = 2\n";
const std::string kAudio = "[audio]\npackets_per_second = 50\n";
const std::string kVideo = "[video]\nframes_per_second = 30\npackets_per_frame = 6\n";

struct Laid {
    explicit Laid(const std::string& text)
        : scenario(test::scenario(text)), plan(scenario, bed()), schedule(scenario, plan) {}
    Scenario scenario;
    Plan plan;
    Schedule schedule;
};

TEST(Schedule, EverySlotGetsItsShareOfEachKind) {
    const Laid laid(kTen + kAudio + kVideo);
    std::map<std::pair<SlotIndex, MediaKind>, double> packets;
    for (const auto& event : laid.schedule.events()) packets[{event.slot, event.kind}] += 1;
    for (SlotIndex slot = 0; slot < 20; ++slot) {
        const auto cycles = laid.schedule.cycles_per_second();
        EXPECT_EQ((packets[{slot, MediaKind::audio}] * cycles), 50);
        EXPECT_EQ((packets[{slot, MediaKind::video}] * cycles), 180);
    }
    EXPECT_EQ(laid.schedule.packets_per_second(), 20 * 230);
}

TEST(Schedule, OneKindAloneIsAnEvenStream) {
    const Laid laid(kTen + kAudio);
    const auto& events = laid.schedule.events();
    ASSERT_EQ(events.size(), 20u);
    for (std::size_t i = 1; i < events.size(); ++i)
        EXPECT_NEAR(events[i].at - events[i - 1].at, 0x1p32 / 20, 2);
    std::set<SlotIndex> slots;
    for (const auto& event : events) slots.insert(event.slot);
    EXPECT_EQ(slots.size(), 20u);
}

TEST(Schedule, AFrameIsDueAtOnceAndItsLastPacketEndsIt) {
    const Laid laid(kTen + kVideo);
    const auto& events = laid.schedule.events();
    for (std::size_t i = 0; i < events.size(); ++i) {
        EXPECT_EQ(events[i].ends_frame, i % 6 == 5);
        EXPECT_EQ(events[i].at, events[i / 6 * 6].at);
        EXPECT_EQ(events[i].slot, events[i / 6 * 6].slot);
    }
}

TEST(Schedule, AGreedyConferenceSendsSoManyTimesAsMuch) {
    const Laid laid(kTen + kAudio + "[greedy]\nconferences = 1\ntimes = 10\n");
    std::map<bool, std::size_t> packets;
    for (const auto& event : laid.schedule.events()) ++packets[event.slot < 2];
    EXPECT_EQ(packets[true], 20u);
    EXPECT_EQ(packets[false], 18u);
}

TEST(Schedule, TheSameSeedLaysOutTheSame) {
    const Laid one(kTen + kAudio), two(kTen + kAudio), other("seed = 9\n" + kTen + kAudio);
    const auto slots = [](const Laid& laid) {
        std::vector<SlotIndex> order;
        for (const auto& event : laid.schedule.events()) order.push_back(event.slot);
        return order;
    };
    EXPECT_EQ(slots(one), slots(two));
    EXPECT_NE(slots(one), slots(other));
}

TEST(Speakers, StayWithoutTalkSpurts) {
    const Laid laid(kTen + kAudio);
    Speakers speakers(laid.scenario, laid.plan, 1000);
    for (Tsc now = 1; now < 1'000'000; now += 1000) speakers.poll(now);
    for (SlotIndex slot = 0; slot < 20; ++slot)
        EXPECT_EQ(laid.plan.sender_of(*speakers.stream_in(slot, MediaKind::audio)),
                  slot / 2 * 4 + slot % 2);
    EXPECT_EQ(speakers.stream_in(0, MediaKind::video), std::nullopt);
}

TEST(Speakers, TakeTurnsAndNobodyIsInTwoSlots) {
    const Laid laid(kTen + kAudio + "[talk_spurts]\nmean = \"100ms\"\n");
    Speakers speakers(laid.scenario, laid.plan, 1000);
    std::set<EndpointIndex> heard;
    unsigned changes = 0;
    std::vector<EndpointIndex> last(20);
    for (Tsc now = 1; now < 20'000; ++now) {
        speakers.poll(now);
        for (SlotIndex slot = 0; slot < 20; ++slot) {
            const auto sender = laid.plan.sender_of(*speakers.stream_in(slot, MediaKind::audio));
            EXPECT_EQ(laid.plan.conference_of(sender), slot / 2);
            heard.insert(sender);
            changes += sender != last[slot] ? 1 : 0;
            last[slot] = sender;
        }
        for (SlotIndex slot = 0; slot < 20; slot += 2) ASSERT_NE(last[slot], last[slot + 1]);
    }
    EXPECT_EQ(heard.size(), 40u);
    // 20 slots, 20 s, 100 ms each; one in three draws the same member again.
    EXPECT_NEAR(changes, 2700, 600);
}

TEST(Pacer, GivesEachPacketAtItsTimeAndNoneTwice) {
    const Laid laid(kTen + kAudio);
    Pacer pacer(laid.schedule, 1000, 1'000'000, 5'000'000, 0);
    EXPECT_EQ(pacer.next(5'000'000), nullptr);
    for (Tsc now = 5'000'000; now < 7'000'000; now += 100)
        while (pacer.next(now)) {
        }
    EXPECT_NEAR(static_cast<double>(pacer.given()), 2000, 1);
    EXPECT_EQ(pacer.slipped(), 0u);
}

TEST(Pacer, TimeThatNobodyCameIsNotCaughtUpWithAndTold) {
    const Laid laid(kTen + kAudio);
    Pacer pacer(laid.schedule, 1000, 1'000'000, 0, 0);
    unsigned at_once = 0;
    while (pacer.next(1'000'000)) ++at_once;
    EXPECT_LE(at_once, 2u);
    EXPECT_NEAR(static_cast<double>(pacer.slipped()), 1e6, 1000);
    EXPECT_NE(pacer.next(1'001'000), nullptr);
}

TEST(Pacer, WhatWasDueInAShortAbsenceGoesOutAtOnce) {
    const Laid laid(kTen + kAudio);
    Pacer pacer(laid.schedule, 1000, 1'000'000, 0, 20'000);
    while (pacer.next(1'000'000)) {
    }
    const auto slipped = pacer.slipped();
    unsigned at_once = 0;
    while (pacer.next(1'020'000)) ++at_once;
    EXPECT_NEAR(at_once, 20, 1);
    EXPECT_EQ(pacer.slipped(), slipped);
}

}  // namespace
}  // namespace mdd::load::test
