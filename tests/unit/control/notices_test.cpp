// Control as a whole: what becomes of what its workers tell it, of proofs, SSRCs and silence.
#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <sstream>

#include "controlplane/control.h"
#include "tests/unit/control/control_bed.h"

namespace mdd::control {
namespace {

using namespace std::chrono_literals;

class ControlNotices : public test::ControlBed {};

TEST_F(ControlNotices, AProofSwitchesOutboundOnEveryWorker) {
    start();
    const auto id = key("alice", 1, 2);
    kmfs[0]->say(keys(id, 3, 4));
    run_until([&] { return count(0, "InstallReceiveKeys 0 epoch 2") == 1; });
    EXPECT_EQ(count(1, "SetTransmitKeys"), 1U);
    auto proof = notice(Notice::Kind::key_proved, 0);
    proof.epoch = 2;
    proof.proof = srtp::Proof::restart;
    notify(0, proof);
    run_until([&] { return count(1, "SetTransmitKeys 0 epoch 2 start 2") == 1; });
    EXPECT_EQ(count(0, "RetireReceiveKeys 0 old"), 1U);
    EXPECT_EQ(statistics().restarts, 1U);
}

TEST_F(ControlNotices, AProofThatIsOlderThanADepartureCountsForNothing) {
    settings.endpoint_timeout = 250ms;
    start();
    key("alice", 1, 2);
    run_until([&] { return statistics().departures == 1; });
    const auto heard = endpoint(0).heard;
    auto proof = notice(Notice::Kind::key_proved, 0);
    proof.epoch = 1;
    proof.proof = srtp::Proof::restart;
    notify(0, proof);
    run_for(50ms);
    EXPECT_EQ(statistics().restarts, 0U);
    EXPECT_EQ(endpoint(0).heard, heard);
}

TEST_F(ControlNotices, GrantsSsrcsToTheirOwnersWorkerAndRefusesOthers) {
    start();
    key("alice", 1, 2, 0);
    key("bob", 3, 4, 1);
    auto seen = notice(Notice::Kind::ssrc_seen, 0);
    seen.ssrc = 77;
    notify(0, seen);
    run_until([&] { return count(0, "GrantSsrc 0 77") == 1; });
    EXPECT_EQ(count(1, "SetSsrcOwner 77 0"), 1U);
    EXPECT_EQ(workers[0].granted.at(0)->legs.size(), 3U);
    seen.member = 1;
    notify(1, seen);
    run_until([&] { return count(1, "RefuseSsrc 1 77 ssrc_owned") == 1; });
    EXPECT_EQ(count(1, "GrantSsrc"), 0U);
    seen.member = 2;
    notify(1, seen);
    run_for(20ms);
    EXPECT_EQ(count(1, "RefuseSsrc 2"), 0U) << "carol is not keyed: an old notice";
}

TEST_F(ControlNotices, AnEndpointMayRestartWithNewSsrcsAnyNumberOfTimes) {
    settings.ssrcs_per_endpoint = 2;
    start();
    const auto id = key("alice", 1, 2);
    std::uint32_t ssrc = 100;
    for (std::uint8_t epoch = 1; epoch <= 5; ++epoch) {
        if (epoch > 1) {
            kmfs[0]->say(keys(id, static_cast<std::uint8_t>(2 * epoch + 1),
                              static_cast<std::uint8_t>(2 * epoch + 2)));
            run_until([&] {
                return count(0, "InstallReceiveKeys 0 epoch " + std::to_string(epoch)) == 1;
            });
            auto proof = notice(Notice::Kind::key_proved, 0);
            proof.epoch = epoch;
            proof.proof = srtp::Proof::restart;
            notify(0, proof);
        }
        auto seen = notice(Notice::Kind::ssrc_seen, 0);
        seen.epoch = epoch;
        for (int i = 0; i < 2; ++i) {
            seen.ssrc = ++ssrc;
            notify(0, seen);
        }
        run_until([&] { return statistics().ssrcs_granted == 2U * epoch; });
    }
    EXPECT_EQ(statistics().ssrcs_refused, 0U);
}

TEST_F(ControlNotices, ASilentEndpointGetsItsNewKeysAfterASecond) {
    start();
    const auto id = key("alice", 1, 2);
    kmfs[0]->say(keys(id, 3, 4));
    workers[0].decides = Decision::open;
    run_until([&] { return count(0, "InstallReceiveKeys 0 epoch 2") == 1; });
    run_until([&] { return count(0, "DecideKeys 0 epoch 2") == 1; });
    run_for(50ms);
    EXPECT_EQ(count(1, "SetTransmitKeys 0 epoch 2"), 0U) << "the worker has seen something";
    kmfs[0]->say(keys(id, 5, 6));
    workers[0].decides = Decision::silent;
    run_until([&] { return count(1, "SetTransmitKeys 0 epoch 3 start 1") == 1; });
    EXPECT_EQ(count(0, "DecideKeys 0 epoch 3"), 1U);
}

TEST_F(ControlNotices, LogsNoMoreThanAFewOfManyRefusedSsrcs) {
    start();
    key("alice", 1, 2, 0);
    key("bob", 3, 4, 1);
    auto seen = notice(Notice::Kind::ssrc_seen, 0);
    seen.ssrc = 77;
    notify(0, seen);
    run_until([&] { return count(0, "GrantSsrc 0 77") == 1; });
    std::ostringstream text;
    const auto before = spdlog::default_logger();
    spdlog::set_default_logger(std::make_shared<spdlog::logger>(
        "test", std::make_shared<spdlog::sinks::ostream_sink_mt>(text)));
    seen.member = 1;
    for (int i = 0; i < 100; ++i) notify(1, seen);
    run_until([&] { return statistics().ssrcs_refused == 100; });
    spdlog::set_default_logger(before);
    const auto log = text.str();
    const auto lines = std::count(log.begin(), log.end(), '\n');
    EXPECT_GE(lines, 1);
    EXPECT_LE(lines, 20);
}

TEST_F(ControlNotices, LetsASilentEndpointGoAndGivesItsStreamBackWhenItRejoins) {
    settings.endpoint_timeout = 250ms;
    start();
    const auto id = key("alice", 1, 2);
    key("bob", 5, 6, 1);
    workers[1].hears = true;  // somebody stays who has heard her
    auto seen = notice(Notice::Kind::ssrc_seen, 0);
    seen.ssrc = 77;
    notify(0, seen);
    run_until([&] { return count(0, "GrantSsrc") == 1; });
    workers[0].hears = true;
    run_for(600ms);
    EXPECT_EQ(statistics().departures, 0U);
    workers[0].hears = false;
    run_until([&] { return count(0, "RetireReceiveKeys 0 all") == 1; });
    EXPECT_EQ(count(1, "SetTransmitKeys 0 none"), 1U);
    const auto again = begin("alice", 1);
    EXPECT_NE(again, id);
    kmfs[0]->say(keys(again, 1, 2));
    const auto& refusals = statistics().key_refusals;
    run_until([&] { return refusals[static_cast<std::size_t>(KeyRefusal::retired)] == 1; });
    kmfs[0]->say(keys(again, 3, 4));
    run_until([&] { return count(0, "InstallReceiveKeys 0 epoch 2") == 1; });
    EXPECT_EQ(count(1, "InstallReceiveKeys 0"), 0U) << "its worker stays the first one";
    notify(0, seen);
    run_until([&] { return workers[0].granted.size() == 2; });
    EXPECT_EQ(workers[0].granted[0], workers[0].granted[1]);
}

TEST_F(ControlNotices, ForgetsTheSsrcsOfALeaverWhenNobodyIsLeftWhoHeardIt) {
    settings.endpoint_timeout = 250ms;
    start();
    key("alice", 1, 2, 0);
    key("bob", 3, 4, 1);
    auto seen = notice(Notice::Kind::ssrc_seen, 0);
    seen.ssrc = 77;
    seen.epoch = 1;
    notify(0, seen);
    run_until([&] { return count(0, "GrantSsrc 0 77") == 1; });
    workers[1].hears = true;
    run_until([&] { return statistics().departures == 1; });
    run_for(300ms);
    EXPECT_EQ(count(0, "ClearSsrcOwner"), 0U) << "bob's keys have sealed it";
    workers[1].hears = false;
    run_until([&] { return count(0, "ClearSsrcOwner 77") == 1; });
    EXPECT_EQ(count(1, "ClearSsrcOwner 77"), 1U);
    EXPECT_EQ(control->conferences().all()[0].ssrcs.size(), 0U);
}

}  // namespace
}  // namespace mdd::control
