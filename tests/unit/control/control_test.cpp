// Control as a whole: what becomes of datagrams, key messages and next hops. What workers tell it:
// notices_test.cpp.
#include "controlplane/control.h"

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
