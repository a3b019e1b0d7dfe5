// Keepalive in virtual time: echoes, silence, recovery, KMFs that do not echo, and hints that may
// be forged.
#include <gtest/gtest.h>

#include "kmf-tunnel/session.h"
#include "tests/unit/tunnel/session_pair.h"

namespace mdd::tunnel {
namespace {

using test::message_of;
using test::SessionPair;
using test::TestPki;

class TunnelKeepalive : public ::testing::Test {
  protected:
    static TestPki& pki() {
        static TestPki made;
        return made;
    }
    SessionPair pair_{pki().credentials("mdd-1"), pki().credentials("kmf-a")};
};

TEST_F(TunnelKeepalive, AProbeEveryHalfSecondIsEchoedAndReachesNobodyElse) {
    pair_.connect();
    pair_.pass(Milliseconds(20));
    EXPECT_EQ(pair_.mdd.counters().echoes, 1u) << "the first at once";
    pair_.pass(Milliseconds(9'980));
    EXPECT_EQ(pair_.mdd.counters().probes, 20u);
    EXPECT_EQ(pair_.mdd.counters().echoes, 20u);
    EXPECT_EQ(pair_.kmf.counters().echoes, 20u);
    EXPECT_EQ(pair_.count<Received>(pair_.mdd_events), 0u);
    EXPECT_EQ(pair_.count<Received>(pair_.kmf_events), 0u);
    ASSERT_TRUE(pair_.mdd.round_trip());
    EXPECT_EQ(pair_.mdd.round_trip()->count(), 0);
}

TEST_F(TunnelKeepalive, EightUnansweredProbesAreSilence) {
    pair_.connect();
    pair_.pass(Milliseconds(1'000));
    pair_.cut_to_mdd = true;
    pair_.pass(Milliseconds(3'900));
    EXPECT_EQ(pair_.count<Silent>(pair_.mdd_events), 0u);
    pair_.pass(Milliseconds(200));
    EXPECT_EQ(pair_.count<Silent>(pair_.mdd_events), 1u);
    pair_.pass(Milliseconds(60'000));
    EXPECT_EQ(pair_.count<Silent>(pair_.mdd_events), 1u) << "said once";
    EXPECT_TRUE(pair_.mdd.is_up()) << "the owner decides what follows";
}

TEST_F(TunnelKeepalive, AnEchoAfterSilenceIsLife) {
    pair_.connect();
    pair_.pass(Milliseconds(1'000));
    pair_.cut_to_mdd = true;
    pair_.pass(Milliseconds(10'000));
    ASSERT_EQ(pair_.count<Silent>(pair_.mdd_events), 1u);
    pair_.cut_to_mdd = false;
    pair_.pass(Milliseconds(600));
    EXPECT_EQ(pair_.count<Alive>(pair_.mdd_events), 1u);
    pair_.cut_to_mdd = true;
    pair_.pass(Milliseconds(10'000));
    EXPECT_EQ(pair_.count<Silent>(pair_.mdd_events), 2u);
}

TEST_F(TunnelKeepalive, SilenceMeansNothingBeforeTheFirstEcho) {
    pair_.connect();
    pair_.cut_to_mdd = true;  // as a foreign KMF that ignores keepalives
    pair_.pass(Milliseconds(60'000));
    EXPECT_EQ(pair_.count<Silent>(pair_.mdd_events), 0u);
    EXPECT_GT(pair_.mdd.counters().probes, 100u);
}

TEST_F(TunnelKeepalive, AKmfThatDiesSoonAfterTheHandshakeIsMissed) {
    pair_.connect();
    pair_.pass(Milliseconds(100));
    pair_.cut_to_mdd = true;
    pair_.pass(Milliseconds(4'600));
    EXPECT_EQ(pair_.count<Silent>(pair_.mdd_events), 1u);
}

TEST_F(TunnelKeepalive, OtherMessagesAreNoLife) {
    pair_.connect();
    pair_.pass(Milliseconds(1'000));
    pair_.cut_to_kmf = true;
    for (int i = 0; i < 50; ++i) {
        pair_.kmf.send(message_of(1, 10));
        pair_.pass(Milliseconds(100));
    }
    EXPECT_EQ(pair_.count<Silent>(pair_.mdd_events), 1u);
}

TEST_F(TunnelKeepalive, LossyPathsAreNotSilent) {
    pair_.connect();
    pair_.weather.loss = 0.2;
    pair_.pass(Milliseconds(600'000));
    EXPECT_EQ(pair_.count<Silent>(pair_.mdd_events), 0u);
    EXPECT_LT(pair_.mdd.counters().echoes, pair_.mdd.counters().probes);
}

TEST_F(TunnelKeepalive, AnEchoWithAStrangeNonceIsCountedAndIsNoLife) {
    pair_.connect();
    pair_.pass(Milliseconds(1'000));
    pair_.cut_to_kmf = true;
    for (int i = 0; i < 50; ++i) {
        Message forged;
        // The number of the probe just sent, but not this session's random half.
        forged.conference.bytes.back() = static_cast<std::uint8_t>(pair_.mdd.counters().probes);
        pair_.kmf.send(forged);
        pair_.pass(Milliseconds(100));
    }
    EXPECT_EQ(pair_.mdd.counters().stray_echoes, 50u);
    EXPECT_EQ(pair_.count<Silent>(pair_.mdd_events), 1u);
    EXPECT_EQ(pair_.count<Received>(pair_.mdd_events), 0u);
}

TEST_F(TunnelKeepalive, TheMddNeverEchoes) {
    pair_.connect();
    pair_.pass(Milliseconds(100));
    pair_.captured.clear();
    pair_.kmf.send(Message{});
    pair_.exchange();
    EXPECT_EQ(pair_.captured.size(), 1u);
}

TEST_F(TunnelKeepalive, AHintAsksAtOnceButNotFasterThanAnswersCanCome) {
    pair_.connect();
    pair_.pass(Milliseconds(600));
    ASSERT_EQ(pair_.mdd.counters().probes, 2u);
    for (int i = 0; i < 1000; ++i) pair_.mdd.probe_now(pair_.now);
    pair_.exchange();
    EXPECT_EQ(pair_.mdd.counters().probes, 3u) << "100 ms have passed: one probe, not a thousand";
    for (int i = 0; i < 100; ++i) {
        pair_.mdd.probe_now(pair_.now);
        pair_.pass(Milliseconds(10));
    }
    EXPECT_LE(pair_.mdd.counters().probes, 24u) << "one in 50 ms";
    EXPECT_EQ(pair_.count<Silent>(pair_.mdd_events), 0u) << "all were answered";
}

TEST_F(TunnelKeepalive, TheKmfDropsAPeerThatProbedAndThenFellSilent) {
    pair_.connect();
    pair_.pass(Milliseconds(1'000));
    pair_.cut_to_kmf = true;
    pair_.pass(Milliseconds(29'000));
    EXPECT_EQ(SessionPair::down_reason(pair_.kmf_events), "up");
    pair_.pass(Milliseconds(1'500));
    EXPECT_EQ(SessionPair::down_reason(pair_.kmf_events), "silent");
}

TEST(TunnelKeepaliveOff, APeerThatNeverProbedMayBeSilent) {
    TestPki pki;
    SessionConfig config;
    config.keepalive.interval = Milliseconds(0);
    SessionPair pair(pki.credentials("mdd-1"), pki.credentials("kmf-a"), config);
    pair.connect();
    EXPECT_FALSE(pair.mdd.deadline(pair.now));
    EXPECT_FALSE(pair.kmf.deadline(pair.now));
    pair.pass(Milliseconds(120'000));
    EXPECT_EQ(pair.mdd.counters().probes, 0u);
    EXPECT_EQ(SessionPair::down_reason(pair.kmf_events), "up");
}

}  // namespace
}  // namespace mdd::tunnel
