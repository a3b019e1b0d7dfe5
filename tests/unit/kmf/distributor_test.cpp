// Who may have keys, and for how long: authorisation, re-handshakes, displacement, tunnels that
// come and go.
#include <gtest/gtest.h>

#include <numeric>

#include "tests/unit/kmf/world.h"

namespace mdd::test {
namespace {

using kmf::Drop;
using kmf::Notice;
using kmf::Refusal;

TEST(Admission, DropsMessagesOfAnUnknownMdd) {
    World world;
    EXPECT_EQ(world.bring_up(TunnelId{2}, world.mallory), nullptr);
    world.route = TunnelId{2};
    auto& client = world.join(1, world.alice);
    world.run_for(std::chrono::milliseconds(80));
    EXPECT_FALSE(client.is_established());
    EXPECT_GE(world.tally()[Drop::mdd_unknown], 1u);
    EXPECT_TRUE(world.sent.empty());
}

TEST(Admission, DropsMessagesForAConferenceThatDoesNotExist) {
    World world;
    world.conference = conference_id(0xCF);
    world.join(1, world.alice);
    world.run_for(std::chrono::milliseconds(20));
    EXPECT_GE(world.tally()[Drop::conference_unknown], 1u);
    EXPECT_TRUE(world.sent.empty());
}

TEST(Admission, DropsMessagesForAConferenceThatTheMddMayNotServe) {
    World world;
    world.conference = conference_id(0xC1);
    world.join(1, world.alice);
    world.run_for(std::chrono::milliseconds(20));
    EXPECT_GE(world.tally()[Drop::conference_forbidden], 1u);
    EXPECT_TRUE(world.sent.empty());
}

TEST(Admission, NeedsTheProfileListWithAFirstClientHello) {
    World world;
    auto& client = world.join(1, world.alice);
    world.give({association_id(1), world.conference, tunnel::Empty{}, client.outbox.front()});
    EXPECT_EQ(world.tally()[Drop::no_profiles], 1u);
    EXPECT_TRUE(world.sent.empty());
}

TEST(Admission, DropsWhatBelongsToNoAssociation) {
    World world;
    auto& client = world.join(1, world.alice);
    ASSERT_TRUE(world.run_until_established(client));
    client.close();
    world.to_kmf(2, client.outbox.front());
    EXPECT_EQ(world.tally()[Drop::stray], 1u);
    world.to_kmf(1, {});
    EXPECT_EQ(world.tally()[Drop::empty], 1u);
}

TEST(Admission, HoldsAnAssociationToItsConferenceAndProfileList) {
    World world;
    auto& client = world.join(1, world.alice);
    ASSERT_TRUE(world.run_until_established(client));
    auto& again = world.join(1, world.alice);
    const auto hello = again.outbox.front();
    auto elsewhere = world.wrapped(association_id(1), hello);
    elsewhere.conference = conference_id(0xC1);
    world.give(elsewhere);
    EXPECT_EQ(world.tally()[Drop::conference_forbidden], 1u);
    world.mdd_profiles.pop_back();
    world.to_kmf(1, hello);
    EXPECT_EQ(world.tally()[Drop::profiles_changed], 1u);
}

TEST(Admission, DropsHellosBeyondTheLimitOfHandshakes) {
    World world(srtp::Profile::double_aes_128_gcm, {.handshakes = 1});
    world.loses_to_endpoint = [&](const auto&) { return world.tally().handshakes_started > 0; };
    world.join(1, world.alice);
    ASSERT_TRUE(world.run_until([&] { return world.tally().handshakes_started == 1; }));
    world.join(2, world.bob);
    world.run_for(std::chrono::milliseconds(20));
    EXPECT_EQ(world.tally().handshakes_started, 1u);
    EXPECT_GE(world.tally()[Drop::busy], 1u);
}

TEST(Admission, AnMddThatIsFloodedLeavesRoomForTheOthers) {
    World world({.limits = {.handshakes = 6}, .dialect = tunnel::Dialect::rfc9185});
    world.loses_to_endpoint = [&](const auto& message) {
        return message.association != association_id(9) && message.dtls.size() > 100;
    };
    for (std::uint8_t tag = 1; tag <= 4; ++tag)
        world.join(tag, world.alice, {.tls_id = kAliceTlsId});
    ASSERT_TRUE(world.run_until([&] { return world.tally()[Drop::busy] >= 1; }));
    EXPECT_EQ(world.tally().handshakes_started, 3u) << "half of all";
    world.bring_up(TunnelId{2}, world.mdd_two);
    world.route = TunnelId{2};
    EXPECT_TRUE(world.run_until_established(world.join(9, world.bob, {.tls_id = kBobTlsId})));
}

std::uint64_t rekeys(const World& world) {
    const auto tally = world.tally();
    return std::accumulate(tally.rekeys.begin(), tally.rekeys.end(), std::uint64_t{0});
}

// A handshake as far as the KMF turns it away.
bool is_too_often(World& world, std::uint8_t tag, const TestCertificate& certificate) {
    const auto before = world.tally()[Refusal::too_often];
    const auto& client = world.join(tag, certificate);
    return world.run_until([&] {
        return client.is_established() || world.tally()[Refusal::too_often] > before;
    }) && !client.is_established();
}

TEST(Rehandshake, AgainAndAgainCostsTheOthersNoKeyOnceItIsTooOften) {
    World world({.limits = {.joins = 3, .join_interval = std::chrono::seconds(3)}});
    ASSERT_TRUE(world.run_until_established(world.join(1, world.alice)));
    for (int i = 0; i < 3; ++i) ASSERT_TRUE(world.run_until_established(world.join(2, world.bob)));
    ASSERT_TRUE(is_too_often(world, 2, world.bob));
    EXPECT_EQ(world.kmf->live_associations(), 1u) << "its own older connection is gone";
    EXPECT_EQ(world.kmf->ekt_of(world.conference)->members(), 1u) << "it has left";
    EXPECT_EQ(world.tally()[kmf::RekeyCause::leave], 1u);
    const auto before = rekeys(world);
    for (int i = 0; i < 3; ++i) EXPECT_TRUE(is_too_often(world, 2, world.bob));
    EXPECT_EQ(rekeys(world), before);
    EXPECT_EQ(world.keys_sent(2).size(), 3u) << "who is turned away gets no keys";
    world.run_for(std::chrono::seconds(3));
    EXPECT_TRUE(world.run_until_established(world.join(2, world.bob)))
        << "after a while it may join again";
}

TEST(Rehandshake, OnOtherAssociationsTooOftenLeavesTheLastGoodOneAlone) {
    World world({.limits = {.joins = 2, .join_interval = std::chrono::hours(1)}});
    ASSERT_TRUE(world.run_until_established(world.join(1, world.alice)));
    ASSERT_TRUE(world.run_until_established(world.join(2, world.bob)));
    ASSERT_TRUE(world.run_until_established(world.join(3, world.bob)));
    ASSERT_TRUE(is_too_often(world, 4, world.bob));
    EXPECT_EQ(world.kmf->live_associations(), 2u);
    EXPECT_EQ(world.kmf->ekt_of(world.conference)->members(), 2u);
    EXPECT_TRUE(world.run_until([&] {
        const auto spi = world.kmf->ekt_of(world.conference)->current()->spi;
        return !world.client(3).keys().empty() && world.client(3).keys().back().spi == spi;
    }));
    ASSERT_TRUE(world.run_until_established(world.join(5, world.carol))) << "its pace is its own";
    world.conference = conference_id(0xC1);
    world.bring_up(TunnelId{2}, world.mdd_two);
    world.route = TunnelId{2};
    ASSERT_TRUE(world.run_until_established(world.join(6, world.bob))) << "of that conference";
}

TEST(Rehandshake, OnTheSameAssociationGivesOtherKeys) {
    World world;
    ASSERT_TRUE(world.run_until_established(world.join(1, world.alice)));
    auto& again = world.join(1, world.alice);
    ASSERT_TRUE(world.run_until_established(again));
    const auto keys = world.keys_sent(1);
    ASSERT_EQ(keys.size(), 2u);
    EXPECT_NE(keys[0].client_key, keys[1].client_key);
    EXPECT_NE(keys[0].server_key, keys[1].server_key);
    EXPECT_EQ(world.kmf->live_associations(), 1u);
    EXPECT_EQ(world.tally().displaced, 0u);
    world.run_for(std::chrono::milliseconds(20));
    EXPECT_FALSE(again.was_closed()) << "the close of the old must not reach the new";
}

TEST(Rehandshake, LeavesTheOldOneAliveUntilItCompletes) {
    World world;
    auto& first = world.join(1, world.alice);
    ASSERT_TRUE(world.run_until_established(first));
    DtlsClient beside(world.mallory, {});
    for (int exchange = 0; exchange < 3; ++exchange) {
        const auto before = world.sent.size();
        for (const auto& datagram : std::exchange(beside.outbox, {})) world.to_kmf(1, datagram);
        for (auto i = before; i < world.sent.size(); ++i) beside.feed(world.sent[i].second.dtls);
    }
    EXPECT_EQ(world.tally()[Refusal::unknown_certificate], 1u);
    EXPECT_EQ(world.kmf->live_associations(), 1u);
    EXPECT_EQ(world.keys_sent(1).size(), 1u);
    first.close();
    ASSERT_TRUE(world.run_until([&] { return world.tally().closed == 1; }))
        << "the first connection still hears its endpoint";
}

TEST(Rehandshake, MayStartOverBeforeItIsDone) {
    World world;
    world.loses_to_endpoint = [&](const auto&) { return world.tally().handshakes_started == 1; };
    world.join(1, world.alice);
    ASSERT_TRUE(world.run_until([&] { return world.tally().handshakes_started == 1; }));
    auto& again = world.join(1, world.alice);
    world.loses_to_endpoint = nullptr;
    ASSERT_TRUE(world.run_until_established(again));
    EXPECT_EQ(world.tally()[Refusal::superseded], 1u);
    EXPECT_EQ(world.tally().handshakes_completed, 1u);
}

TEST(Displacement, EndsTheOlderAssociationOfTheSameEndpointOnlyOnCompletion) {
    World world;
    auto& old_one = world.join(1, world.alice);
    ASSERT_TRUE(world.run_until_established(old_one));
    world.loses_to_endpoint = [&](const auto& message) {
        return std::holds_alternative<tunnel::KeyInformation>(message.body);
    };
    world.loses_to_kmf = [](const auto& datagram) {
        return tunnel::has_protected_handshake(datagram);
    };
    auto& new_one = world.join(2, world.alice);
    ASSERT_TRUE(world.run_until([&] { return world.tally().handshakes_started == 2; }));
    world.run_for(std::chrono::milliseconds(30));
    EXPECT_EQ(world.tally().displaced, 0u);
    EXPECT_FALSE(old_one.was_closed());
    world.loses_to_endpoint = nullptr;
    world.loses_to_kmf = nullptr;
    ASSERT_TRUE(world.run_until_established(new_one));
    ASSERT_TRUE(world.run_until([&] { return old_one.was_closed(); })) << "told by close_notify";
    EXPECT_EQ(world.tally().displaced, 1u);
    EXPECT_EQ(world.kmf->live_associations(), 1u);
    EXPECT_EQ(world.count(Notice::Kind::displaced), 1u);
}

TEST(Displacement, LeavesOtherEndpointsAlone) {
    World world;
    auto& one = world.join(1, world.alice);
    auto& two = world.join(2, world.bob);
    ASSERT_TRUE(world.run_until([&] { return one.is_established() && two.is_established(); }));
    EXPECT_EQ(world.tally().displaced, 0u);
    EXPECT_EQ(world.kmf->live_associations(), 2u);
    EXPECT_NE(world.keys_sent(1)[0].client_key, world.keys_sent(2)[0].client_key);
}

TEST(Tunnels, AssociationsFollowTheMddToItsNextTunnel) {
    World world;
    auto& client = world.join(1, world.alice);
    ASSERT_TRUE(world.run_until_established(client));
    world.kmf->tunnel_down(World::kTunnel);
    world.dead_tunnels.insert(World::kTunnel);
    world.bring_up(TunnelId{7}, world.mdd);
    auto& elsewhere = world.join(2, world.alice);  // displaces the first: a close_notify is due
    world.route = TunnelId{7};
    ASSERT_TRUE(world.run_until_established(elsewhere));
    ASSERT_TRUE(world.run_until([&] { return client.was_closed(); }));
    EXPECT_EQ(world.tally().unsent, 0u);
}

TEST(Tunnels, AHandshakeGoesOnAcrossAReconnect) {
    World world;
    auto& client = world.join(1, world.alice);
    world.loses_to_endpoint = [&](const auto&) { return world.tally().handshakes_started > 0; };
    ASSERT_TRUE(world.run_until([&] { return world.tally().handshakes_started == 1; }));
    world.kmf->tunnel_down(World::kTunnel);
    world.run_for(std::chrono::milliseconds(100));
    EXPECT_GE(world.tally().unsent, 1u) << "repeats while no tunnel is up are counted";
    world.loses_to_endpoint = nullptr;
    world.bring_up(TunnelId{8}, world.mdd);
    world.route = TunnelId{8};
    ASSERT_TRUE(world.run_until_established(client));
    EXPECT_EQ(world.tally().handshakes_started, 1u);
}

TEST(Tunnels, AnotherMddCannotSpeakForAnAssociation) {
    World world;
    auto& client = world.join(1, world.alice);
    ASSERT_TRUE(world.run_until_established(client));
    world.bring_up(TunnelId{2}, world.mdd_two);
    client.close();
    world.route = TunnelId{2};
    world.run_for(std::chrono::milliseconds(20));
    EXPECT_EQ(world.tally().closed, 0u);
    EXPECT_EQ(world.tally()[Drop::stray], 1u)
        << "the same id of another MDD is another association";
}

}  // namespace
}  // namespace mdd::test
