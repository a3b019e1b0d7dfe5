// A worker whose queues fill faster than it forwards. Two queues give it a burst each in every
// round, and it forwards one burst: its backlog grows by another, whatever the machine's speed.
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/unit/dataplane/forwarding.h"

namespace mdd::test {
namespace {

using srtp::Verdict;

constexpr unsigned kAtItsPort = 0, kByTheOther = 1;
constexpr std::uint32_t kAudio = kSsrc + 1, kVideo = kSsrc + 2;

// Worker 0 owns everybody; what arrives at worker 1 is handed over.
struct Overload : testing::Test {
    static constexpr unsigned kBurst = kDefaultBurst;
    // More than a queue holds, fewer than wait in a backlog.
    static constexpr unsigned kTooMany = 256;

    void SetUp() override {
        ASSERT_EQ(srtp::aead_start(), srtp::AeadStart::ok);
        bed = std::make_unique<WorkerBed>(
            BedOptions{.workers = 2, .members = 4, .owner = [](unsigned) { return 0; }});
        for (unsigned m = 0; m < 4; ++m) bed->key(m);
        // Control grants the streams.
        send(0, kVideo, kAtItsPort, 1);
        send(1, kSsrc, kByTheOther, 1);
        send(2, kAudio, kAtItsPort, 1);
        bed->step();
        for (unsigned m = 0; m < 4; ++m) bed->take(m);
    }
    void send(unsigned member, std::uint32_t ssrc, unsigned queue, unsigned count) {
        const auto type = ssrc == kAudio ? WorkerBed::kAudioType : WorkerBed::kVideoType;
        for (unsigned i = 0; i < count; ++i)
            bed->send_rtp(member, ssrc, next[member]++, 20, static_cast<int>(queue), type);
    }
    void work(unsigned rounds) {
        for (unsigned i = 0; i < rounds; ++i) {
            bed->poll(1);
            bed->poll(0);
            bed->collect();
        }
    }
    // Video on both queues, for longer than they could hold it.
    void press() {
        send(0, kVideo, kAtItsPort, kBurst);
        send(1, kSsrc, kByTheOther, kBurst);
        for (unsigned sent = 0; sent < WorkerBed::kHandOffRoom + kTooMany; sent += kBurst) {
            send(0, kVideo, kAtItsPort, kBurst);
            send(1, kSsrc, kByTheOther, kBurst);
            work(1);
        }
    }
    unsigned sent_by(unsigned member) const { return next[member] - kFirst - 1U; }
    static std::vector<std::uint16_t> heard_of(std::uint32_t ssrc,
                                               const std::vector<Received>& all) {
        std::vector<std::uint16_t> sequences;
        for (const auto& packet : all)
            if (!packet.is_rtcp && packet.ssrc == ssrc)
                sequences.push_back(packet.original_sequence);
        return sequences;
    }

    static constexpr std::uint16_t kFirst = 100;
    std::unique_ptr<WorkerBed> bed;
    std::array<std::uint16_t, 4> next{kFirst, kFirst, kFirst, kFirst};
};

TEST_F(Overload, WhatComesFasterThanItGoesWaitsAndKeepsItsOrder) {
    press();
    bed->step();
    const auto received = bed->take(3);
    EXPECT_EQ(heard_of(kVideo, received).size(), sent_by(0));
    EXPECT_EQ(heard_of(kSsrc, received).size(), sent_by(1));
    for (const auto ssrc : {kVideo, kSsrc})
        EXPECT_TRUE(std::ranges::is_sorted(heard_of(ssrc, received)));
    EXPECT_EQ(bed->dropped(Verdict::shed), 0u);
    EXPECT_TRUE(bed->conserved());
}

TEST_F(Overload, WhatIsTooMuchIsShedAndNeitherAudioNorRtcp) {
    press();
    Packet report(8);
    report[0] = 0x80;
    report[1] = 201;
    report[3] = 1;
    srtp::store_be32(report.data() + 4, kAudio);
    constexpr unsigned kRounds = 40;
    for (unsigned i = 0; i < kRounds; ++i) {
        send(0, kVideo, kAtItsPort, kBurst - 4);
        send(2, kAudio, kAtItsPort, 3);
        send(1, kSsrc, kByTheOther, kBurst);
        bed->send_rtcp(2, report, kAtItsPort);
        work(1);
    }
    bed->step();
    EXPECT_GT(bed->dropped(Verdict::shed), 0u);
    EXPECT_EQ(heard_of(kAudio, bed->take(3)).size(), kRounds * 3);
    EXPECT_EQ(bed->total(&Counters::rtcp_received), kRounds);
    EXPECT_TRUE(bed->conserved());
}

TEST_F(Overload, WhatAnEndpointSentFromItsOldAddressIsNobodysOnceItHasMoved) {
    press();
    bed->seat(1);
    const auto lost = bed->dropped(Verdict::unknown_source);
    EXPECT_GT(lost, 0u);
    bed->step();
    EXPECT_EQ(bed->dropped(Verdict::unknown_source), lost);
    const auto received = bed->take(3);
    EXPECT_EQ(heard_of(kSsrc, received).size(), sent_by(1) - lost);
    EXPECT_EQ(heard_of(kVideo, received).size(), sent_by(0));
    EXPECT_TRUE(bed->conserved());
}

TEST_F(Overload, MembersAreHeardThroughAFloodOfStrangers) {
    constexpr unsigned kRounds = 20, kOfEach = 7, kStrangers = kBurst - 2 * kOfEach;
    constexpr unsigned kFirstStranger = 1000;
    unsigned strangers = 0;
    for (unsigned round = 0; round < kRounds; ++round) {
        for (unsigned i = 0; i < kStrangers; ++i)
            bed->ring().inject(
                kAtItsPort, WorkerBed::frame_from(kFirstStranger + strangers++, Packet(60, 0x80)));
        send(0, kVideo, kAtItsPort, kOfEach);
        send(2, kAudio, kAtItsPort, kOfEach);
        work(1);
    }
    bed->step();
    const auto received = bed->take(3);
    EXPECT_EQ(heard_of(kVideo, received).size(), kRounds * kOfEach);
    EXPECT_EQ(heard_of(kAudio, received).size(), kRounds * kOfEach);
    EXPECT_EQ(bed->dropped(Verdict::unknown_source), strangers);
    EXPECT_TRUE(bed->conserved());
}

TEST_F(Overload, WhatStillWaitsAtTheEndIsCounted) {
    press();
    bed->drain();
    EXPECT_GT(bed->dropped(Verdict::shutdown), 0u);
    EXPECT_TRUE(bed->conserved());
}

}  // namespace
}  // namespace mdd::test
