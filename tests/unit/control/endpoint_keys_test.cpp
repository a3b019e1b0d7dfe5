// One endpoint's keys over its life: first keys, re-key, restart, silence, leaving.
#include "controlplane/endpoint_keys.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/unit/control/keys_for_tests.h"
#include "tests/unit/control/postings_text.h"
#include "tests/unit/control/who_and_when.h"

namespace mdd::control {
namespace {

using namespace std::chrono_literals;
using srtp::Proof;
using test::kBob;
using test::kOwner;
using test::kStart;
using test::texts_of;
using Texts = std::vector<std::string>;

class EndpointKeysTest : public testing::Test {
  protected:
    // New keys, epochs in order. Remembers the keysets weakly, as [receive, transmit] pairs.
    Change install(TimePoint now = kStart) {
        const auto epoch = keys_.next_epoch();
        auto receive = test::keyset(static_cast<std::uint8_t>(2 * epoch), epoch);
        auto transmit = test::key_copies(static_cast<std::uint8_t>(2 * epoch + 1), epoch);
        receive_.push_back(receive);
        transmit_.push_back(transmit);
        return keys_.install(publisher_, kBob, kOwner, std::move(receive), std::move(transmit),
                             now);
    }
    Change prove(std::uint64_t epoch, Proof proof, TimePoint now = kStart) {
        return keys_.proved(publisher_, kBob, kOwner, epoch, proof, now);
    }
    Change decided(std::uint64_t epoch, Decision decision, TimePoint now) {
        return keys_.decided(publisher_, kBob, epoch, decision, now);
    }
    Change silent(std::uint64_t epoch, TimePoint now) {
        return decided(epoch, Decision::silent, now);
    }
    Change on_time(TimePoint now) { return keys_.on_time(publisher_, kBob, kOwner, now); }

    Publisher publisher_{Homes::on_one_node(2)};
    EndpointKeys keys_;
    std::vector<std::weak_ptr<const srtp::Keyset>> receive_;
    std::vector<std::weak_ptr<const KeyCopies>> transmit_;
};

TEST_F(EndpointKeysTest, FirstKeysGoOutAtOnceUnderANewNumber) {
    EXPECT_FALSE(keys_.keyed());
    EXPECT_EQ(texts_of(install()),
              (Texts{"w0 SetTransmitKeys 1 epoch 1 start 1", "w1 SetTransmitKeys 1 epoch 1 start 1",
                     "w1 InstallReceiveKeys 1 epoch 1"}));
    EXPECT_TRUE(keys_.keyed());
    EXPECT_TRUE(on_time(kStart + 100s).postings.empty());
}

TEST_F(EndpointKeysTest, ARekeySwitchesOutboundWhenProvedAndGoesOnCounting) {
    install();
    EXPECT_EQ(texts_of(install()), (Texts{"w1 InstallReceiveKeys 1 epoch 2"}));
    EXPECT_EQ(texts_of(prove(2, Proof::rekey)), (Texts{"w0 SetTransmitKeys 1 epoch 2 start 1",
                                                       "w1 SetTransmitKeys 1 epoch 2 start 1"}));
    EXPECT_TRUE(on_time(kStart + 9s).postings.empty());
    EXPECT_EQ(texts_of(on_time(kStart + 10s)), (Texts{"w1 RetireReceiveKeys 1 old"}));
    EXPECT_TRUE(on_time(kStart + 20s).postings.empty());
}

TEST_F(EndpointKeysTest, ARestartSwitchesOutboundToANewCountAndDropsTheOldKeys) {
    install();
    install();
    EXPECT_EQ(texts_of(prove(2, Proof::restart)),
              (Texts{"w0 SetTransmitKeys 1 epoch 2 start 2", "w1 SetTransmitKeys 1 epoch 2 start 2",
                     "w1 RetireReceiveKeys 1 old"}));
}

TEST_F(EndpointKeysTest, SilenceSwitchesOutboundAfterASecond) {
    install();
    install();
    EXPECT_TRUE(on_time(kStart + 999ms).postings.empty());
    EXPECT_EQ(texts_of(on_time(kStart + 1s)), (Texts{"w1 DecideKeys 1 epoch 2"}));
    EXPECT_TRUE(on_time(kStart + 1s).postings.empty());
    EXPECT_EQ(texts_of(silent(2, kStart + 1s)), (Texts{"w0 SetTransmitKeys 1 epoch 2 start 1",
                                                       "w1 SetTransmitKeys 1 epoch 2 start 1"}));
    EXPECT_EQ(texts_of(on_time(kStart + 2s)), (Texts{"w1 DecideKeys 1 epoch 2"}))
        << "it may have been heard since";
    EXPECT_TRUE(silent(2, kStart + 2s).postings.empty());
    prove(2, Proof::rekey, kStart + 3s);
    EXPECT_TRUE(silent(2, kStart + 3s).postings.empty()) << "the proof was faster";
    EXPECT_TRUE(on_time(kStart + 12s).postings.empty());
    EXPECT_EQ(texts_of(on_time(kStart + 13s)), (Texts{"w1 RetireReceiveKeys 1 old"}));
    EXPECT_TRUE(on_time(kStart + 99s).postings.empty());
}

TEST_F(EndpointKeysTest, AnOpenQuestionIsAskedAgainAndSwitchesNothing) {
    install();
    install();
    EXPECT_EQ(texts_of(on_time(kStart + 1s)), (Texts{"w1 DecideKeys 1 epoch 2"}));
    EXPECT_TRUE(decided(2, Decision::open, kStart + 1s).postings.empty());
    EXPECT_TRUE(on_time(kStart + 1900ms).postings.empty());
    EXPECT_EQ(texts_of(on_time(kStart + 2s)), (Texts{"w1 DecideKeys 1 epoch 2"}));
    EXPECT_TRUE(decided(2, Decision::settled, kStart + 2s).postings.empty());
    EXPECT_TRUE(on_time(kStart + 9s).postings.empty()) << "the proof is on its way";
    EXPECT_EQ(texts_of(prove(2, Proof::restart, kStart + 9s))[0],
              "w0 SetTransmitKeys 1 epoch 2 start 2");
}

TEST_F(EndpointKeysTest, OldInboundKeysOfASilentEndpointGoAfterAMinute) {
    install();
    install();
    on_time(kStart + 1s);
    silent(2, kStart + 1s);
    EXPECT_EQ(texts_of(on_time(kStart + 61s)).back(), "w1 RetireReceiveKeys 1 old");
}

TEST_F(EndpointKeysTest, SilenceUnderKeysThatNewerOnesHaveReplacedSwitchesNothing) {
    install();
    install();
    on_time(kStart + 1s);
    install(kStart + 1s);
    EXPECT_TRUE(silent(2, kStart + 1s).postings.empty());
    EXPECT_EQ(texts_of(on_time(kStart + 2s)), (Texts{"w1 DecideKeys 1 epoch 3"}));
    prove(3, Proof::rekey);
    EXPECT_TRUE(silent(3, kStart + 2s).postings.empty()) << "the proof was faster";
}

TEST_F(EndpointKeysTest, ARestartProvedAfterSilenceStartsTheCountOverOnce) {
    install();
    install();
    silent(2, kStart + 1s);
    EXPECT_EQ(texts_of(prove(2, Proof::restart, kStart + 5s)),
              (Texts{"w0 SetTransmitKeys 1 epoch 2 start 2", "w1 SetTransmitKeys 1 epoch 2 start 2",
                     "w1 RetireReceiveKeys 1 old"}));
    EXPECT_TRUE(prove(2, Proof::restart, kStart + 6s).postings.empty());
    EXPECT_TRUE(prove(2, Proof::rekey, kStart + 6s).postings.empty());
}

TEST_F(EndpointKeysTest, ARestartProvedByOlderKeysCountsForTheNewerOnes) {
    install();
    install();
    install();
    EXPECT_TRUE(prove(2, Proof::restart).postings.empty()) << "the owner has let those go";
    EXPECT_EQ(texts_of(prove(3, Proof::rekey)), (Texts{"w0 SetTransmitKeys 1 epoch 3 start 2",
                                                       "w1 SetTransmitKeys 1 epoch 3 start 2"}));
}

TEST_F(EndpointKeysTest, LeavingTakesEverythingAndComingBackCountsAfresh) {
    install();
    install();
    EXPECT_EQ(texts_of(keys_.leave(publisher_, kBob, kOwner)),
              (Texts{"w0 SetTransmitKeys 1 none", "w1 SetTransmitKeys 1 none",
                     "w1 RetireReceiveKeys 1 all"}));
    EXPECT_FALSE(keys_.keyed());
    EXPECT_TRUE(on_time(kStart + 100s).postings.empty());
    EXPECT_TRUE(prove(2, Proof::rekey).postings.empty());
    EXPECT_EQ(texts_of(install())[0], "w0 SetTransmitKeys 1 epoch 3 start 2");
}

TEST_F(EndpointKeysTest, AProofFromBeforeLeavingChangesNothingAfterComingBack) {
    install();
    install();
    EXPECT_TRUE(keys_.expects_proof(2));
    keys_.leave(publisher_, kBob, kOwner);
    install();
    EXPECT_FALSE(keys_.expects_proof(2));
    EXPECT_TRUE(prove(2, Proof::restart).postings.empty());
    install();
    EXPECT_TRUE(prove(2, Proof::restart).postings.empty());
    EXPECT_EQ(texts_of(prove(4, Proof::rekey))[0], "w0 SetTransmitKeys 1 epoch 4 start 2");
}

TEST_F(EndpointKeysTest, ARestartProvedByOlderKeysHoldsWhenSilenceHasSwitchedToNewerOnes) {
    install();
    install();
    install();
    EXPECT_EQ(texts_of(silent(3, kStart + 1s))[0], "w0 SetTransmitKeys 1 epoch 3 start 1");
    EXPECT_EQ(
        texts_of(prove(2, Proof::restart, kStart + 1s)),
        (Texts{"w0 SetTransmitKeys 1 epoch 3 start 2", "w1 SetTransmitKeys 1 epoch 3 start 2"}))
        << "it counts from ROC 0 since then";
}

TEST_F(EndpointKeysTest, KeysLiveUntilTheChangeThatReplacesThemIsLetGo) {
    install();
    {
        const auto installed = install();
        EXPECT_TRUE(installed.replaced.empty()) << "both inbound keys are in use";
        const auto switched = prove(2, Proof::rekey);
        EXPECT_FALSE(transmit_[0].expired());
        EXPECT_EQ(switched.replaced.size(), 1U);
    }
    EXPECT_TRUE(transmit_[0].expired());
    EXPECT_FALSE(receive_[0].expired());
    {
        const auto installed = install();
        EXPECT_EQ(installed.replaced.size(), 1U) << "a worker keeps the newest two";
        EXPECT_FALSE(receive_[0].expired());
    }
    EXPECT_TRUE(receive_[0].expired());
    {
        const auto left = keys_.leave(publisher_, kBob, kOwner);
        EXPECT_FALSE(receive_[1].expired());
        EXPECT_FALSE(receive_[2].expired());
        EXPECT_FALSE(transmit_[1].expired());
        EXPECT_TRUE(transmit_[2].expired()) << "no worker has ever seen these";
    }
    const auto gone = [](const auto& keys) { return keys.expired(); };
    EXPECT_TRUE(std::ranges::all_of(receive_, gone));
    EXPECT_TRUE(std::ranges::all_of(transmit_, gone));
}

}  // namespace
}  // namespace mdd::control
