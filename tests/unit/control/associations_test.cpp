// Which KMF an endpoint's keying goes to, over which tunnel, and when another gets it.
#include "controlplane/associations.h"

#include <set>

#include "tests/unit/control/associations_bed.h"

namespace mdd::control {
namespace {

using namespace std::chrono_literals;
using srtp::Verdict;
using test::client_hello;
using tunnel::Dialect;

class AssociationsTest : public test::AssociationsBed {};

TEST(QuarantineTest, RemembersEndedAssociationsForFiveMinutes) {
    Quarantine ended;
    const auto early = tunnel::random_association_id(), late = tunnel::random_association_id();
    const TimePoint start{1h};
    ended.add(early, start);
    ended.add(late, start + 1min);
    ended.forget_old(start + 5min - 1s);
    EXPECT_TRUE(ended.contains(early));
    ended.forget_old(start + 5min);
    EXPECT_FALSE(ended.contains(early));
    EXPECT_TRUE(ended.contains(late));
}

// --- Tunnels

class Sharings : public AssociationsTest,
                 public testing::WithParamInterface<std::tuple<Dialect, Sharing, Connect>> {};

TEST_P(Sharings, OpenAsManyTunnelsAsConfiguredAndKeepEachAssociationOnItsOwn) {
    const auto [dialect, sharing, connect] = GetParam();
    speak(dialect);
    kmf_plans[0].sharing = sharing;
    kmf_plans[0].connect = connect;
    start();
    const std::size_t all = sharing == Sharing::shared           ? 1
                            : sharing == Sharing::per_conference ? 2
                                                                 : 4;
    const std::size_t used = sharing == Sharing::per_endpoint ? 3 : all;
    EXPECT_EQ(kmfs[0]->tunnels_up(), connect == Connect::eager ? all : 0U);
    std::set<tunnel::TunnelId> over;
    for (const auto* name : {"alice", "bob", "dave"}) {
        begin(name);
        over.insert(kmfs[0]->came_over.back());
    }
    EXPECT_EQ(over.size(), used);
    EXPECT_EQ(kmfs[0]->tunnels_up(), connect == Connect::eager ? all : used);
    EXPECT_EQ(kmfs[0]->came_over.size(), 3U) << "no hello was lost, none said twice";
    EXPECT_EQ(control->tunnels()[0].tunnels_up, kmfs[0]->tunnels_up());
}

INSTANTIATE_TEST_SUITE_P(All, Sharings,
                         testing::Combine(testing::Values(Dialect::dtls_v1, Dialect::rfc9185),
                                          testing::Values(Sharing::shared, Sharing::per_conference,
                                                          Sharing::per_endpoint),
                                          testing::Values(Connect::eager, Connect::first_use)));

TEST_F(AssociationsTest, ClosesATunnelOfFirstUseAMinuteAfterItsLastAssociation) {
    speak(Dialect::rfc9185);
    kmf_plans[0].sharing = Sharing::per_endpoint;
    kmf_plans[0].connect = Connect::first_use;
    settings.endpoint_timeout = 1h;
    start();
    key("alice", 1, 2);
    begin("bob");
    EXPECT_EQ(kmfs[0]->tunnels_up(), 2U);
    control->on_time(Clock::now() + 30s);  // bob's handshake is given up
    EXPECT_EQ(control->tunnels()[0].tunnels, 2U);
    control->on_time(Clock::now() + 95s);
    run_until([&] { return kmfs[0]->tunnels_up() == 1; });
    EXPECT_EQ(control->tunnels()[0].tunnels, 1U);
    EXPECT_TRUE(endpoint(0).keys.keyed());
}

// --- Several KMFs

class SeveralKmfs : public AssociationsTest, public testing::WithParamInterface<Dialect> {
  protected:
    void SetUp() override {
        speak(GetParam(), 2);
        for (auto& conference : settings.conferences) conference.kmfs = {0, 1};
    }
    // Nothing of it is left, and its port refuses.
    void kill(std::size_t kmf) {
        run_for(150ms);  // keepalives are echoed by now
        kmfs[kmf].reset();
    }
};

TEST_P(SeveralKmfs, PreferTheFirst) {
    start(2);
    begin("alice");
    EXPECT_TRUE(kmfs[1]->messages.empty());
}

TEST_P(SeveralKmfs, ANewJoinGoesToAnotherWithinASecondOfTheFirstOnesDeath) {
    start(2);
    key("alice", 1, 2);
    kill(0);
    const auto dead = Clock::now();
    while (kmfs[1]->messages.empty() && Clock::now() - dead < 3s) {
        from_endpoint("bob", client_hello({}));
        run_for(50ms);
    }
    EXPECT_LT(Clock::now() - dead, 1s);
    ASSERT_FALSE(kmfs[1]->messages.empty());
    EXPECT_TRUE(endpoint(0).keys.keyed()) << "media goes on";
    EXPECT_EQ(count(0, "SetTransmitKeys 0 none"), 0U);
}

TEST_P(SeveralKmfs, AnAssociationGoesOverToAnotherWhenItsKmfStaysAwayAndStaysThere) {
    start(2);
    const auto id = key("alice", 1, 2);
    kill(0);
    run_until([&] { return statistics().moves == 1; });
    auto rekey = keys(id, 3, 4);
    kmfs[1]->say(rekey);
    run_until([&] { return count(0, "InstallReceiveKeys 0 epoch 2") == 1; });
    from_endpoint("alice", test::record(23, 1));
    run_until([&] { return !kmfs[1]->messages.empty(); });
    EXPECT_EQ(kmfs[1]->messages.back().association, id);
}

TEST_P(SeveralKmfs, AnAssociationStaysWithItsKmfOverAShortAbsence) {
    start(2);
    const auto id = key("alice", 1, 2);
    run_for(150ms);
    restart_kmf(0);
    run_until([&] { return !kmfs[0]->peers.empty() && control->tunnels()[0].up(); });
    from_endpoint("alice", test::record(23, 1));
    run_until([&] { return !kmfs[0]->messages.empty(); });
    EXPECT_EQ(kmfs[0]->messages.back().association, id);
    EXPECT_EQ(statistics().moves, 0U);
    kmfs[1]->say(keys(id, 3, 4));
    run_until([&] { return statistics().foreign_association != 0; });
    EXPECT_EQ(count(0, "InstallReceiveKeys 0 epoch 2"), 0U);
}

TEST_P(SeveralKmfs, AConferenceStaysWithTheOneItWentTo) {
    start(2);
    const auto port = kmfs[0]->port();
    kill(0);
    run_until([&] { return control->tunnels()[0].tunnels_up == 0; });
    key("alice", 1, 2, 0, 1);
    kmfs[0] = std::make_unique<test::PlayedKmf>(io, pki.credentials("kmf-0"), port);
    run_until([&] { return control->tunnels()[0].tunnels_up == 1; });
    begin("bob", 0, 1);
    EXPECT_TRUE(kmfs[0]->messages.empty());
    from_endpoint("dave", client_hello({}));
    run_until([&] { return !kmfs[0]->messages.empty(); });
}

INSTANTIATE_TEST_SUITE_P(All, SeveralKmfs, testing::Values(Dialect::dtls_v1, Dialect::rfc9185));

TEST_F(AssociationsTest, AKmfThatIsSilentIsPassedOverWithinASecond) {
    speak(Dialect::rfc9185, 2);
    settings.conferences[0].kmfs = {0, 1};
    start(2);
    kmfs[0]->deaf = true;
    const auto asked = Clock::now();
    from_endpoint("alice", client_hello({}));
    run_until([&] { return !kmfs[1]->messages.empty(); });
    EXPECT_LT(Clock::now() - asked, 1s);
    EXPECT_EQ(kmfs[1]->messages[0].dtls, client_hello({}));
    EXPECT_EQ(statistics().failovers, 1U);
    const auto id = endpoint(0).association->id;
    EXPECT_EQ(kmfs[1]->messages[0].association, id);
    kmfs[1]->messages.clear();
    begin("bob", 0, 1);
    EXPECT_EQ(statistics().failovers, 1U) << "it is known to be silent";
}

TEST_F(AssociationsTest, AFirstUseTunnelThatComesUpToASilentKmfIsPassedOverToo) {
    speak(Dialect::rfc9185, 2);
    for (auto& plan : kmf_plans) plan.connect = Connect::first_use;
    settings.conferences[0].kmfs = {0, 1};
    start(2);
    kmfs[0]->deaf = true;
    from_endpoint("alice", client_hello({}));
    run_until([&] { return !kmfs[1]->messages.empty(); });
    EXPECT_EQ(kmfs[1]->messages.size(), 1U);
    EXPECT_EQ(statistics().failovers, 1U);
}

TEST_F(AssociationsTest, AFirstUseTunnelThatDoesNotComeUpIsPassedOverToo) {
    speak(Dialect::dtls_v1, 2);
    for (auto& plan : kmf_plans) plan.connect = Connect::first_use;
    settings.conferences[0].kmfs = {0, 1};
    start(2);
    kmfs[0].reset();
    const auto asked = Clock::now();
    from_endpoint("alice", client_hello({}));
    run_until([&] { return !kmfs[1]->messages.empty(); });
    EXPECT_LT(Clock::now() - asked, 1s);
}

TEST_F(AssociationsTest, TheOneThatTakesOverFromASilentKmfMaySpeakForItsAssociations) {
    speak(Dialect::rfc9185, 2);
    settings.conferences[0].kmfs = {0, 1};
    start(2);
    const auto id = key("alice", 1, 2);
    kmfs[1]->say(keys(id, 3, 4));
    run_until([&] { return statistics().foreign_association == 2; });
    kmfs[0]->deaf = true;
    from_endpoint("bob", client_hello({}));
    run_until([&] { return statistics().failovers == 1; });
    kmfs[1]->say(keys(id, 3, 4));
    run_until([&] { return count(0, "InstallReceiveKeys 0 epoch 2") == 1; });
    EXPECT_EQ(statistics().moves, 1U);
}

TEST_F(AssociationsTest, AKmfThatAnswersOthersIsNotPassedOver) {
    for (const auto sharing : {Sharing::shared, Sharing::per_endpoint}) {
        speak(Dialect::rfc9185, 2);
        kmfs.clear();
        control.reset();
        for (auto& plan : kmf_plans) plan.sharing = sharing;
        settings.conferences[0].kmfs = {0, 1};
        start(2);
        const auto bob = begin("bob");
        const auto bobs_tunnel = kmfs[0]->came_over.back();
        begin("alice");
        kmfs[0]->say(bobs_tunnel, {bob, {}, tunnel::Empty{}, test::record(22, 0)});
        run_for(900ms);
        EXPECT_EQ(statistics().failovers, 0U);
        EXPECT_TRUE(kmfs[1]->messages.empty());
    }
}

TEST_F(AssociationsTest, APieceOfAHelloThatIsNotAnsweredSaysNothingOfTheKmf) {
    speak(Dialect::rfc9185, 2);
    settings.conferences[0].kmfs = {0, 1};
    start(2);
    auto piece = client_hello({});
    piece[16] += 40;  // bytes of the whole message
    from_endpoint("alice", piece);
    run_until([&] { return !kmfs[0]->messages.empty(); });
    kmfs[0]->messages.clear();
    run_for(900ms);
    EXPECT_EQ(statistics().failovers, 0U);
    begin("bob", 0, 0);
    EXPECT_TRUE(kmfs[1]->messages.empty());
}

TEST_F(AssociationsTest, AHelloThatNobodyAnswersGoesToEachKmfOnceAndMakesOnlyTheFirstSuspect) {
    speak(Dialect::rfc9185, 3);
    settings.conferences[0].kmfs = {0, 1};
    settings.conferences[1].kmfs = {1, 2};
    start(3);
    from_endpoint("alice", client_hello({}));
    run_until([&] { return !kmfs[1]->messages.empty(); });
    run_for(1700ms);
    EXPECT_EQ(statistics().failovers, 1U);
    EXPECT_EQ(kmfs[0]->messages.size(), 1 + disconnects(0).size());
    EXPECT_EQ(kmfs[1]->messages.size(), 1U);
    from_endpoint("dave", client_hello({}));
    run_until([&] { return kmfs[1]->messages.size() == 2; });
    EXPECT_TRUE(kmfs[2]->messages.empty());
    restart_kmf(0);
    run_until([&] { return !kmfs[0]->messages.empty(); });
    EXPECT_EQ(kmfs[0]->messages[0].dtls, client_hello({})) << "it is another one now";
}

TEST_F(AssociationsTest, AHelloThatWaitsForTheTunnelIsNotCountedAsDropped) {
    speak(Dialect::rfc9185);
    start();
    const auto id = begin("alice");
    const auto port = kmfs[0]->port();
    kmfs[0].reset();
    run_until([&] { return control->tunnels()[0].tunnels_up == 0; });
    from_endpoint("alice", client_hello({1, 2, 3}));
    run_until([&] { return control->counters().consumed.read() == 2; });
    EXPECT_EQ(dropped(Verdict::dtls_no_tunnel), 0U);
    kmfs[0] = std::make_unique<test::PlayedKmf>(io, pki.credentials("kmf-0"), port);
    run_until([&] { return kmfs[0]->messages.size() == 2; });
    EXPECT_EQ(kmfs[0]->messages[1].association, id);
    EXPECT_EQ(kmfs[0]->messages[1].dtls, client_hello({1, 2, 3}));
    kmfs[0].reset();
    run_until([&] { return control->tunnels()[0].tunnels_up == 0; });
    from_endpoint("alice", test::record(22, 1));
    run_until([&] { return dropped(Verdict::dtls_no_tunnel) == 1; });
}

// --- Certificates

TEST_F(AssociationsTest, NewCertificatesComeIntoUseWithoutDroppingTunnelsOrEndpoints) {
    for (const auto dialect : {Dialect::dtls_v1, Dialect::rfc9185}) {
        speak(dialect);
        kmfs.clear();
        control.reset();
        start();
        const auto shift = static_cast<std::uint8_t>(dialect == Dialect::dtls_v1 ? 0 : 40);
        const auto id = key("alice", static_cast<std::uint8_t>(1 + shift),
                            static_cast<std::uint8_t>(2 + shift));
        const auto fresh = pki.credentials("mdd-renewed");
        EXPECT_TRUE(control->renew({fresh}));
        run_until([&] { return kmfs[0]->peers.size() == 2; });
        EXPECT_EQ(kmfs[0]->peers[1].common_name, "mdd-renewed");
        run_until([&] { return kmfs[0]->downs == 1; });
        from_endpoint("alice", test::record(23, 1));
        run_until([&] { return !kmfs[0]->messages.empty(); });
        EXPECT_EQ(kmfs[0]->messages.back().association, id);
        EXPECT_EQ(count(0, "RetireReceiveKeys"), 0U);
        EXPECT_EQ(dropped(Verdict::dtls_no_tunnel), 0U);
    }
}

TEST_F(AssociationsTest, CertificatesThatCannotBeLoadedChangeNothing) {
    speak(Dialect::rfc9185);
    start();
    auto broken = kmf_plans[0].link.credentials;
    broken.cert_file = "/no/such/file.pem";
    EXPECT_FALSE(control->renew({broken}));
    run_for(100ms);
    EXPECT_EQ(kmfs[0]->peers.size(), 1U);
    begin("alice");
}

}  // namespace
}  // namespace mdd::control
