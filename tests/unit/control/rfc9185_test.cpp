// The MDD's procedures of RFC 9185 §5.3 and §5.5, as far as they are control's.
#include <algorithm>
#include <set>

#include "tests/unit/control/associations_bed.h"

namespace mdd::control {
namespace {

using namespace std::chrono_literals;
using test::client_hello;
using tunnel::Dialect;

class Rfc9185 : public test::AssociationsBed {
  protected:
    Rfc9185() { speak(Dialect::rfc9185); }
};

TEST_F(Rfc9185, ForwardsAllDtlsBothWays) {
    start();
    const auto id = begin("alice");
    const std::vector<std::vector<std::uint8_t>> up{client_hello({1}),   test::record(22, 0),
                                                    test::record(20, 0), test::record(22, 1),
                                                    test::record(21, 1), test::record(23, 1)};
    for (const auto& datagram : up) from_endpoint("alice", datagram);
    run_until([&] { return kmfs[0]->messages.size() == up.size(); });
    for (std::size_t i = 0; i < up.size(); ++i) {
        EXPECT_EQ(kmfs[0]->messages[i].dtls, up[i]);
        EXPECT_EQ(kmfs[0]->messages[i].association, id);
    }
    for (const auto& datagram : up) kmfs[0]->say({id, {}, tunnel::Empty{}, datagram});
    run_until([&] { return workers[0].sent.size() == up.size(); });
    EXPECT_EQ(workers[0].sent, up);
}

TEST_F(Rfc9185, GivesEveryAssociationAFreshUuidOfVersion4) {
    settings.endpoint_timeout = 1s;
    start();
    std::set<std::array<std::uint8_t, 16>> seen;
    for (int i = 0; i < 3; ++i) {
        for (const auto* name : {"alice", "bob"}) {
            const auto id = begin(name);
            EXPECT_TRUE(seen.insert(id.bytes).second);
            EXPECT_EQ(id.bytes[6] >> 4, 4);
            EXPECT_EQ(id.bytes[8] >> 6, 2);
            kmfs[0]->say({id, {}, tunnel::Disconnect{}, {}});
            run_until([&] { return !endpoint(name == std::string("alice") ? 0 : 1).association; });
        }
    }
}

TEST_F(Rfc9185, UsesKeysForThatAssociationOnly) {
    start();
    const auto alice = begin("alice", 0);
    begin("bob", 1);
    kmfs[0]->say(keys(alice, 1, 2));
    run_until([&] { return count(0, "InstallReceiveKeys 0") == 1; });
    run_for(20ms);
    EXPECT_TRUE(endpoint(0).keys.keyed());
    EXPECT_FALSE(endpoint(1).keys.keyed());
    EXPECT_EQ(count(1, "InstallReceiveKeys"), 0U);
    EXPECT_EQ(count(1, "SetTransmitKeys"), 1U);
}

TEST_F(Rfc9185, TakesKeysThatComeAloneAndHoldsTheFinishedUntilTheWorkersHaveThem) {
    start();
    const auto id = begin("alice", 1);
    workers[0].stuck = true;
    auto alone = keys(id, 1, 2);
    const auto finished = std::exchange(alone.dtls, {});
    kmfs[0]->say(alone);
    kmfs[0]->say({id, {}, tunnel::Empty{}, finished});
    run_until([&] { return count(1, "InstallReceiveKeys 0") == 1; });
    run_for(30ms);
    EXPECT_TRUE(workers[1].sent.empty());
    workers[0].stuck = false;
    run_until([&] { return workers[1].sent.size() == 1; });
    EXPECT_EQ(workers[1].sent[0], finished);
    EXPECT_EQ(statistics().down_empty, 0U);
}

TEST_F(Rfc9185, AFinishedThatFollowsRefusedKeysStaysHereUntilGoodOnesCome) {
    start();
    const auto id = begin("alice");
    kmfs[0]->say(keys(id, 3, 3));
    kmfs[0]->say({id, {}, tunnel::Empty{}, test::record(22, 1)});
    run_until([&] { return statistics().down_barred == 2; });
    EXPECT_EQ(refused(KeyRefusal::same_both_ways), 1U);
    EXPECT_TRUE(workers[0].sent.empty());
    kmfs[0]->say(keys(id, 3, 4));
    run_until([&] { return workers[0].sent.size() == 1; });
}

TEST_F(Rfc9185, TakesTheLossOfAllRtpAndRtcpForADisconnectAndTellsTheKmf) {
    settings.endpoint_timeout = 250ms;
    start();
    const auto id = key("alice", 1, 2);
    workers[0].hears = true;
    run_for(500ms);
    EXPECT_TRUE(disconnects(0).empty());
    workers[0].hears = false;
    run_until([&] { return disconnects(0) == std::vector{id}; });
    EXPECT_EQ(count(0, "RetireReceiveKeys 0 all"), 1U);
    EXPECT_EQ(endpoint(0).ended, Ending::silent);
    EXPECT_EQ(statistics().departures, 1U);
    EXPECT_EQ(control->tunnels()[0].disconnects_sent, 1U);
}

TEST_F(Rfc9185, TellsTheKmfOfAHandshakeThatIsGivenUp) {
    settings.limits.idle = 1s;
    start();
    const auto id = begin("alice");
    run_until([&] { return disconnects(0) == std::vector{id}; });
    EXPECT_EQ(endpoint(0).ended, Ending::unfinished);
    EXPECT_EQ(statistics().expired, 1U);
}

TEST_F(Rfc9185, TellsTheKmfOfAnAssociationThatANewOneReplaces) {
    start();
    const auto id = begin("alice");
    from_endpoint("alice", client_hello({}), 0, *net::parse_socket_address("192.0.2.10:5006"));
    run_until([&] { return kmfs[0]->messages.size() == 2; });
    EXPECT_EQ(disconnects(0), std::vector{id});
    EXPECT_NE(kmfs[0]->messages.back().association, id);
}

TEST_F(Rfc9185, TellsTheKmfOfADepartureThatItMissedAsSoonAsItIsBack) {
    settings.endpoint_timeout = 300ms;
    start();
    const auto id = key("alice", 1, 2);
    const auto port = kmfs[0]->port();
    kmfs[0].reset();
    run_until([&] { return endpoint(0).ended == Ending::silent; });
    kmfs[0] = std::make_unique<test::PlayedKmf>(io, pki.credentials("kmf-0"), port);
    run_until([&] { return disconnects(0) == std::vector{id}; });
}

TEST_F(Rfc9185, AnEndpointThatIsPutOutLosesItsKeysAtOnceAndTheKmfIsNotToldAgain) {
    start();
    std::vector<Clock::duration> times;
    for (std::uint8_t round = 1; round <= 20; ++round) {
        const auto id = key("alice", static_cast<std::uint8_t>(2 * round),
                            static_cast<std::uint8_t>(2 * round + 1));
        kmfs[0]->messages.clear();
        const auto said = Clock::now();
        kmfs[0]->say({id, {}, tunnel::Disconnect{}, {}});
        run_until([&] { return count(0, "RetireReceiveKeys 0 all") == round; });
        times.push_back(Clock::now() - said);
        EXPECT_EQ(count(0, "SetTransmitKeys 0 none"), round);
        EXPECT_EQ(count(1, "SetTransmitKeys 0 none"), round);
        EXPECT_EQ(endpoint(0).ended, Ending::put_out);
        EXPECT_FALSE(endpoint(0).association);
        // What it still says of it is late.
        kmfs[0]->say(keys(id, 200, 201));
        run_until([&] { return statistics().ended_association == 2U * round; });
        EXPECT_TRUE(kmfs[0]->messages.empty());
    }
    std::ranges::sort(times);
    const auto median = times[times.size() / 2];
    RecordProperty("put_out_us", static_cast<int>(median / 1us));
    EXPECT_LT(median, 10ms);
    EXPECT_EQ(statistics().put_out, 20U);
    EXPECT_EQ(control->tunnels()[0].disconnects_received, 20U);
    EXPECT_EQ(control->tunnels()[0].disconnects_sent, 0U);
}

TEST_F(Rfc9185, ADisconnectOfAnUnknownAssociationDoesNothing) {
    start();
    key("alice", 1, 2);
    kmfs[0]->say({tunnel::random_association_id(), {}, tunnel::Disconnect{}, {}});
    run_until([&] { return statistics().unknown_association == 1; });
    EXPECT_TRUE(endpoint(0).keys.keyed());
}

TEST_F(Rfc9185, OneAssociationMayUseAnyTunnelOfItsKmf) {
    kmf_plans[0].sharing = Sharing::per_conference;
    start();
    const auto id = begin("alice");
    const auto of_alice = kmfs[0]->came_over.back();
    from_endpoint("dave", client_hello({}));
    run_until([&] { return !kmfs[0]->messages.empty(); });
    const auto of_dave = kmfs[0]->came_over.back();
    ASSERT_NE(of_alice, of_dave);
    kmfs[0]->say(of_dave, keys(id, 1, 2));
    run_until([&] { return workers[0].sent.size() == 1; });
}

}  // namespace
}  // namespace mdd::control
