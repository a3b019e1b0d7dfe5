// Control as a whole: what becomes of datagrams, key messages and notices.
#include "controlplane/control.h"

#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <sstream>

#include "tests/unit/control/control_bed.h"
#include "tests/unit/control/dtls_datagrams.h"

namespace mdd::control {
namespace {

using namespace std::chrono_literals;
using srtp::Verdict;
using test::client_hello;

const auto kElsewhere = *net::parse_socket_address("192.0.2.10:5006");

class ControlTest : public test::ControlBed {};

TEST_F(ControlTest, PassesHellosUpWithProfilesAndTheRestWithout) {
    start();
    from_endpoint("alice", client_hello({}));
    from_endpoint("alice", client_hello({1, 2, 3}));
    from_endpoint("alice", test::record(22, 1));
    auto& messages = kmfs[0]->messages;
    run_until([&] { return messages.size() == 3; });
    for (int i = 0; i < 2; ++i) {
        const auto* supported = std::get_if<tunnel::SupportedProfiles>(&messages[i].body);
        ASSERT_NE(supported, nullptr);
        EXPECT_EQ(supported->profiles, (std::vector<std::uint16_t>{0x0009, 0x000A}));
        EXPECT_TRUE(supported->mki.empty());
    }
    EXPECT_TRUE(std::holds_alternative<tunnel::Empty>(messages[2].body));
    EXPECT_EQ(messages[2].dtls, test::record(22, 1));
    EXPECT_EQ(messages[0].association, messages[2].association);
    EXPECT_EQ(messages[0].conference.bytes[0], 0xc0);
    EXPECT_EQ(control->counters().consumed.read(), 3U);
    EXPECT_EQ(workers[1].log[2], "AddMember 0 owner 0");
    EXPECT_EQ(count(0, "AddMember 0 owner 0 receives"), 1U);
}

TEST_F(ControlTest, DropsWhatBelongsToNobodyOrBeginsNothing) {
    start();
    from_endpoint("zoe", client_hello({}));
    from_endpoint("alice", test::record(22, 1));
    from_endpoint("alice", {22, 1, 2, 3});
    run_until([&] { return dropped(Verdict::dtls_malformed) == 2; });
    EXPECT_EQ(dropped(Verdict::unknown_source), 1U);
    EXPECT_EQ(control->counters().consumed.read(), 0U);
    run_for(20ms);
    EXPECT_TRUE(kmfs[0]->messages.empty());
    EXPECT_EQ(count(0, "AddMember"), 0U);
}

TEST_F(ControlTest, AForgedHelloToAnotherPortKeepsNobodyOut) {
    start();
    from_endpoint("alice", client_hello({}), 0, kElsewhere);
    run_until([&] { return kmfs[0]->messages.size() == 1; });
    const auto first = kmfs[0]->messages[0].association;
    kmfs[0]->messages.clear();
    const auto id = begin("alice");
    EXPECT_NE(id, first);
    kmfs[0]->say(keys(id, 1, 2));
    run_until([&] { return statistics().handshakes == 1; });
    from_endpoint("alice", client_hello({}), 0, kElsewhere);
    run_until([&] { return dropped(Verdict::unknown_source) == 1; });
    EXPECT_EQ(count(0, "AddMember"), 2U) << "a keyed endpoint stays where it is";
}

TEST_F(ControlTest, AHelloElsewhereDoesNotDisturbAnAddressThatHasProvedItself) {
    start();
    begin("alice");
    kmfs[0]->say({control->conferences().all()[0].endpoints[0].association->id,
                  settings.conferences[0].id, tunnel::Empty{}, test::verify_request({7, 7})});
    run_until([&] { return statistics().down_passed == 1; });
    from_endpoint("alice", client_hello({7, 7}));
    run_until([&] { return kmfs[0]->messages.size() == 1; });
    from_endpoint("alice", client_hello({}), 0, kElsewhere);
    run_until([&] { return dropped(Verdict::unknown_source) == 1; });
}

TEST_F(ControlTest, DropsHellosAboveTheRate) {
    settings.limits.per_second = 2;
    start();
    for (const auto* name : {"alice", "bob", "carol"}) from_endpoint(name, client_hello({}));
    run_until([&] { return dropped(Verdict::dtls_rate) == 1; });
    EXPECT_EQ(control->counters().consumed.read(), 2U);
    EXPECT_EQ(statistics().hellos[static_cast<std::size_t>(Admission::Ruling::admitted)], 2U);
    EXPECT_EQ(statistics().hellos[static_cast<std::size_t>(Admission::Ruling::node_rate)], 1U);
}

TEST_F(ControlTest, PassesTheFinishedDownOnlyWhenEveryWorkerHasTheKeys) {
    start();
    const auto id = begin("alice", 1);
    workers[0].stuck = true;
    kmfs[0]->say(keys(id, 1, 2));
    run_until([&] { return count(1, "SetTransmitKeys") == 1; });
    run_for(30ms);
    EXPECT_EQ(count(1, "InstallReceiveKeys 0 epoch 1"), 1U);
    EXPECT_TRUE(workers[1].sent.empty());
    workers[0].stuck = false;
    run_until([&] { return workers[1].sent.size() == 1; });
    EXPECT_EQ(workers[1].sent[0], keys(id, 1, 2).dtls);
    EXPECT_EQ(count(0, "SetTransmitKeys 0 epoch 1 start 1"), 1U);
    EXPECT_EQ(count(0, "InstallReceiveKeys"), 0U);
    EXPECT_EQ(statistics().handshakes, 1U);
}

TEST_F(ControlTest, TakesRepeatedKeysForANoOpAndPassesTheFinishedAgain) {
    start();
    const auto id = key("alice", 1, 2);
    for (int i = 0; i < 3; ++i) kmfs[0]->say(keys(id, 1, 2));
    run_until([&] { return workers[0].sent.size() == 4; });
    EXPECT_EQ(count(0, "SetTransmitKeys"), 1U);
    EXPECT_EQ(count(0, "InstallReceiveKeys"), 1U);
    EXPECT_EQ(statistics().keys_repeated, 3U);
}

TEST_F(ControlTest, RefusesBadKeysAndKeepsTheirFinished) {
    start();
    const auto id = begin("alice");
    auto leak = keys(id, 1, 2);
    std::get<tunnel::KeyInformation>(leak.body).client_key = tunnel::SecretBytes(32);
    kmfs[0]->say(leak);
    kmfs[0]->say(keys(id, 3, 3));
    kmfs[0]->say(keys(id, 0, 4));
    auto plain = keys(id, 5, 6);
    std::get<tunnel::KeyInformation>(plain.body).profile = 0x0007;
    kmfs[0]->say(plain);
    const auto refused = [&](KeyRefusal why) {
        return statistics().key_refusals[static_cast<std::size_t>(why)];
    };
    run_until([&] { return refused(KeyRefusal::profile_not_offered) == 1; });
    EXPECT_EQ(refused(KeyRefusal::e2e_leak), 1U);
    EXPECT_EQ(refused(KeyRefusal::same_both_ways), 1U);
    EXPECT_EQ(refused(KeyRefusal::all_zero), 1U);
    run_for(20ms);
    EXPECT_TRUE(workers[0].sent.empty());
    EXPECT_EQ(count(0, "SetTransmitKeys"), 0U);
}

TEST_F(ControlTest, RefusesKeysThatComeBackAndAnotherProfileInTheConference) {
    start();
    const auto alice = key("alice", 1, 2);
    kmfs[0]->say(keys(alice, 3, 4));
    kmfs[0]->say(keys(alice, 1, 2));
    const auto bob = begin("bob");
    auto wide = keys(bob, 5, 6);
    auto& information = std::get<tunnel::KeyInformation>(wide.body);
    information.profile = 0x000A;
    information.client_key = tunnel::SecretBytes(srtp::Bytes(std::vector<std::uint8_t>(32, 7)));
    information.server_key = tunnel::SecretBytes(srtp::Bytes(std::vector<std::uint8_t>(32, 8)));
    kmfs[0]->say(wide);
    const auto refused = [&](KeyRefusal why) {
        return statistics().key_refusals[static_cast<std::size_t>(why)];
    };
    run_until([&] { return refused(KeyRefusal::profile_mixed) == 1; });
    EXPECT_EQ(refused(KeyRefusal::retired), 1U);
    EXPECT_EQ(statistics().rekeys, 1U);
}

TEST_F(ControlTest, IgnoresAKmfThatSpeaksOfOthersAssociations) {
    settings.conferences[0].kmfs = {0, 1};
    start(2);
    const auto id = begin("alice");
    auto stranger = keys(id, 1, 2);
    stranger.association.bytes[0] ^= 1;
    kmfs[0]->say(stranger);
    auto elsewhere = keys(id, 1, 2);
    elsewhere.conference.bytes[0] ^= 1;
    kmfs[0]->say(elsewhere);
    kmfs[1]->say(keys(id, 1, 2));
    run_until([&] {
        return statistics().unknown_association == 1 && statistics().wrong_conference == 1 &&
               statistics().foreign_association == 1;
    });
    EXPECT_EQ(statistics().handshakes, 0U);
    EXPECT_TRUE(workers[0].sent.empty());
}

TEST_F(ControlTest, SendsNothingButDtlsDownAndNotMoreThanTheAddressHasEarned) {
    start();
    const auto id = begin("alice");
    tunnel::Message down{id, keys(id, 1, 2).conference, tunnel::Empty{}, {128, 1, 2, 3}};
    kmfs[0]->say(down);
    down.dtls.assign(1473, 22);
    kmfs[0]->say(down);
    down.dtls.assign(1000, 22);
    kmfs[0]->say(down);
    down.dtls.clear();
    kmfs[0]->say(down);
    down.dtls.assign(100, 22);
    kmfs[0]->say(down);
    run_until([&] { return workers[0].sent.size() == 1; });
    EXPECT_EQ(workers[0].sent[0].size(), 100U);
    EXPECT_EQ(statistics().down_not_dtls, 1U);
    EXPECT_EQ(statistics().down_too_long, 1U);
    EXPECT_EQ(statistics().down_amplification, 1U);
    EXPECT_EQ(statistics().down_empty, 1U);
}

TEST_F(ControlTest, KeepsAssociationAndKeysOverTheTunnelsDeath) {
    start();
    const auto id = key("alice", 1, 2);
    run_for(150ms);  // keepalives are echoed by now
    restart_kmf(0);
    // What the endpoint says goes up under its old name as soon as a tunnel is there again.
    run_until([&] {
        from_endpoint("alice", test::record(23, 1));
        run_for(25ms);
        return !kmfs[0]->messages.empty();
    });
    ASSERT_FALSE(kmfs[0]->messages.empty());
    EXPECT_EQ(kmfs[0]->messages.front().association, id);
    EXPECT_EQ(count(0, "SetTransmitKeys 0 none"), 0U);
    EXPECT_EQ(statistics().departures, 0U);
}

TEST_F(ControlTest, AProofSwitchesOutboundOnEveryWorker) {
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

TEST_F(ControlTest, AProofThatIsOlderThanADepartureCountsForNothing) {
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

TEST_F(ControlTest, GrantsSsrcsToTheirOwnersWorkerAndRefusesOthers) {
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

TEST_F(ControlTest, AnEndpointMayRestartWithNewSsrcsAnyNumberOfTimes) {
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

TEST_F(ControlTest, ASilentEndpointGetsItsNewKeysAfterASecond) {
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

TEST_F(ControlTest, LogsNoMoreThanAFewOfManyRefusedSsrcs) {
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

TEST_F(ControlTest, LetsASilentEndpointGoAndGivesItsStreamBackWhenItRejoins) {
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

TEST_F(ControlTest, ForgetsTheSsrcsOfALeaverWhenNobodyIsLeftWhoHeardIt) {
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

TEST_F(ControlTest, GivesUnfinishedHandshakesUp) {
    settings.limits.idle = 1s;
    start();
    const auto id = begin("alice");
    run_until([&] { return statistics().expired == 1; });
    kmfs[0]->say(keys(id, 1, 2));
    run_until([&] { return statistics().ended_association == 1; });
    EXPECT_NE(begin("alice"), id);
    EXPECT_EQ(count(0, "AddMember"), 1U) << "the same seat";
}

TEST_F(ControlTest, AsksForNextHopsAndPassesOnWhatItLearns) {
    start();
    begin("alice");
    run_until([&] { return count(0, "ProbeNeighbour 192.0.2.97") == 1; });
    auto learnt = notice(Notice::Kind::neighbour, 0);
    learnt.flow.remote.ip = address_of("alice").ip;
    learnt.mac = {{2, 0, 0, 0, 0, 1}};
    notify(1, learnt);
    notify(1, learnt);
    learnt.flow.remote.ip = *net::parse_ipv4("198.51.100.1");
    notify(1, learnt);
    learnt.flow.remote.ip = address_of("bob").ip;
    notify(1, learnt);
    const std::string bob = "SetNeighbour 192.0.2.98 02:00:00:00:00:01";
    run_until([&] { return count(1, bob) == 1; });
    EXPECT_EQ(count(0, "SetNeighbour 192.0.2.97 02:00:00:00:00:01"), 1U);
    EXPECT_EQ(count(0, "SetNeighbour 198.51.100.1"), 0U) << "in no network of ours";
    begin("bob");
    run_until([&] { return count(1, bob) == 2; });
}

TEST_F(ControlTest, PausesALegThatExists) {
    start();
    key("alice", 1, 2);
    auto seen = notice(Notice::Kind::ssrc_seen, 0);
    seen.ssrc = 77;
    notify(0, seen);
    run_until([&] { return count(0, "GrantSsrc") == 1; });
    const auto& conference = settings.conferences[0].id;
    EXPECT_TRUE(control->pause_leg(conference, "alice", 77, "bob", true));
    EXPECT_FALSE(control->pause_leg(conference, "alice", 78, "bob", true));
    EXPECT_FALSE(control->pause_leg(conference, "alice", 77, "zoe", true));
    EXPECT_FALSE(control->pause_leg(settings.conferences[1].id, "alice", 77, "bob", true));
    run_until([&] { return count(0, "PauseLeg 77 to 1 paused") == 1; });
}

TEST_F(ControlTest, FreesAndCountsWhatIsLeftAtTheEnd) {
    start();
    const auto free_before = rte_mempool_avail_count(pool.get());
    const auto id = begin("alice");
    for (auto& worker : workers) worker.stuck = true;
    kmfs[0]->say({id, keys(id, 1, 2).conference, tunnel::Empty{}, test::record(22, 0)});
    run_until([&] { return statistics().down_passed == 1; });
    control->stop();
    from_endpoint("alice", client_hello({}));
    control->drain();
    EXPECT_EQ(dropped(Verdict::shutdown), 1U);
    EXPECT_EQ(rte_mempool_avail_count(pool.get()), free_before);
}

}  // namespace
}  // namespace mdd::control
