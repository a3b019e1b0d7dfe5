// EKT keys on their way from the KMF to its members (RFC 8870 §5): who gets which, when they
// change, and what an endpoint may answer.
#include <gtest/gtest.h>

#include "tests/support/hex.h"
#include "tests/unit/kmf/world.h"

namespace mdd::test {
namespace {

using namespace std::chrono_literals;
using kmf::Notice;
using kmf::Refusal;
using kmf::RekeyCause;

constexpr kmf::RekeyPolicy kNever{.on_join = false, .on_leave = false};

std::uint16_t newest(const DtlsClient& client) {
    return client.keys().empty() ? std::uint16_t{0} : client.keys().back().spi;
}

// Runs until every one of them has the conference's current key and the KMF knows it.
bool run_until_shared(World& world, const std::vector<std::uint8_t>& tags) {
    return world.run_until([&] {
        const auto* keys = world.kmf->ekt_of(world.conference);
        if (keys == nullptr || keys->current() == nullptr || keys->is_stale()) return false;
        return std::ranges::all_of(tags, [&](auto tag) {
            const auto& client = world.client(tag);
            return !client.keys().empty() && newest(client) == keys->current()->spi;
        });
    });
}

TEST(Ekt, TheFirstMemberGetsTheConferencesKey) {
    World world;
    auto& alice = world.join(1, world.alice);
    ASSERT_TRUE(run_until_shared(world, {1}));
    const auto& key = alice.keys().back();
    const auto& current = *world.kmf->ekt_of(world.conference)->current();
    EXPECT_EQ(key.spi, current.spi);
    EXPECT_EQ(key.key_bytes, 16u);
    EXPECT_EQ(to_hex(key.key_value()), to_hex(current.key.first(16)));
    EXPECT_EQ(to_hex(key.salt.bytes()), to_hex(current.salt.bytes()));
    EXPECT_GE(key.ttl, 24h - 10s);
    EXPECT_LE(key.ttl, 24h);
    ASSERT_TRUE(world.run_until([&] { return world.tally().ekt.acknowledged == 1; }));
    EXPECT_EQ(world.tally().ekt.delivered, 1u);
    EXPECT_EQ(world.tally()[RekeyCause::first], 1u);
}

TEST(Ekt, AConferenceOfDouble256HasKeysOf32Bytes) {
    World world(srtp::Profile::double_aes_256_gcm);
    auto& alice = world.join(1, world.alice, {.profiles = {srtp::Profile::double_aes_256_gcm}});
    ASSERT_TRUE(run_until_shared(world, {1}));
    EXPECT_EQ(alice.keys().back().key_bytes, 32u);
    EXPECT_EQ(alice.hello().ekt_cipher, dtls::EktCipher::aeskw_256);
}

TEST(Ekt, IsNegotiatedByExtension39WithTheCipherOfTheProfile) {
    World world;
    auto& alice = world.join(1, world.alice);
    ASSERT_TRUE(world.run_until_established(alice));
    EXPECT_EQ(alice.hello().ekt_cipher, dtls::EktCipher::aeskw_128);
}

TEST(Ekt, ADoubleConferenceRefusesAnEndpointWithoutIt) {
    for (const auto& offered :
         {std::vector<dtls::EktCipher>{}, std::vector{dtls::EktCipher::aeskw_256}}) {
        World world;
        auto& alice = world.join(1, world.alice, {.ekt = offered});
        EXPECT_FALSE(world.run_until_established(alice));
        EXPECT_EQ(alice.failure_reason(), SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE);
        EXPECT_EQ(world.tally()[Refusal::no_ekt], 1u);
        EXPECT_TRUE(world.keys_sent(1).empty());
    }
}

TEST(Ekt, AConferenceThatDoesNotRequireItLetsInWhoHasNoneAndSendsThatOneNothing) {
    World world({.edit = [](auto&, auto& conferences) { conferences[0].require_ekt = false; }});
    auto& alice = world.join(1, world.alice, {.ekt = {}, .takes_over = false});
    ASSERT_TRUE(world.run_until_established(alice));
    world.join(2, world.bob);
    ASSERT_TRUE(run_until_shared(world, {2}));
    EXPECT_EQ(world.kmf->ekt_of(world.conference)->members(), 1u);
    world.run_for(50ms);
    EXPECT_EQ(world.tally().ekt.delivered, 1u);
    EXPECT_TRUE(alice.is_established()) << "OpenSSL alone is content";
    world.reload({});
    EXPECT_EQ(world.tally().put_out, 1u) << "required after all";
}

TEST(Ekt, APlainConferenceNeitherNegotiatesNorSendsIt) {
    World world(srtp::Profile::aead_aes_128_gcm);
    auto& alice = world.join(1, world.alice, {.profiles = {srtp::Profile::aead_aes_128_gcm}});
    ASSERT_TRUE(world.run_until_established(alice));
    EXPECT_FALSE(alice.hello().ekt_cipher);
    world.run_for(50ms);
    EXPECT_EQ(world.tally().ekt.delivered, 0u);
    EXPECT_EQ(world.kmf->ekt_of(world.conference), nullptr);
}

TEST(Ekt, AllMembersShareOneKey) {
    World world;
    world.join(1, world.alice);
    world.join(2, world.bob);
    world.join(3, world.carol);
    ASSERT_TRUE(run_until_shared(world, {1, 2, 3}));
    const auto key = to_hex(world.client(1).keys().back().key_value());
    for (std::uint8_t tag : {2, 3})
        EXPECT_EQ(to_hex(world.client(tag).keys().back().key_value()), key);
}

TEST(Ekt, ConferencesShareNoKey) {
    World world;
    world.bring_up(TunnelId{2}, world.mdd_two);
    world.join(1, world.alice);
    ASSERT_TRUE(run_until_shared(world, {1}));
    world.route = TunnelId{2};
    world.conference = conference_id(0xC1);
    world.join(2, world.bob);
    ASSERT_TRUE(run_until_shared(world, {2}));
    EXPECT_NE(to_hex(world.client(1).keys().back().key_value()),
              to_hex(world.client(2).keys().back().key_value()));
}

TEST(Rekey, AJoinerGetsNoKeyThatWasUsedBefore) {
    World world;
    world.join(1, world.alice);
    ASSERT_TRUE(run_until_shared(world, {1}));
    const auto before = newest(world.client(1));
    auto& bob = world.join(2, world.bob);
    ASSERT_TRUE(run_until_shared(world, {1, 2}));
    ASSERT_EQ(bob.keys().size(), 1u);
    EXPECT_NE(bob.keys()[0].spi, before);
    EXPECT_EQ(world.tally()[RekeyCause::join], 1u);
}

TEST(Rekey, ALeaverGetsNoKeyThatIsUsedAfterwardsAndTheOthersGetOneAtOnce) {
    World world;
    for (const auto& [tag, who] : {std::pair<std::uint8_t, const TestCertificate*>{1, &world.alice},
                                   {2, &world.bob},
                                   {3, &world.carol}})
        world.join(tag, *who);
    ASSERT_TRUE(run_until_shared(world, {1, 2, 3}));
    const auto before = newest(world.client(3));
    const auto heard = world.client(3).keys().size();
    world.client(3).close();
    const auto start = World::kmf_now();
    ASSERT_TRUE(world.run_until([&] { return world.tally().closed == 1; }));
    ASSERT_TRUE(run_until_shared(world, {1, 2}));
    EXPECT_LT(World::kmf_now() - start, 100ms) << "in the same turn, not at a timer";
    EXPECT_NE(newest(world.client(1)), before);
    EXPECT_EQ(world.client(3).keys().size(), heard);
    EXPECT_EQ(world.tally()[RekeyCause::leave], 1u);
}

TEST(Rekey, ManyLeavesOfOneTurnAreOneRekey) {
    World world({.dialect = tunnel::Dialect::rfc9185});
    world.join(1, world.alice, {.tls_id = kAliceTlsId});
    world.join(2, world.bob, {.tls_id = kBobTlsId});
    world.join(3, world.carol, {.tls_id = kCarolTlsId});
    ASSERT_TRUE(run_until_shared(world, {1, 2, 3}));
    for (std::uint8_t tag : {2, 3})
        world.kmf->receive(world.route, {association_id(tag), {}, tunnel::Disconnect{}, {}},
                           World::kmf_now());
    world.finish_turn();
    EXPECT_EQ(world.tally()[RekeyCause::leave], 1u);
    EXPECT_TRUE(run_until_shared(world, {1}));
}

TEST(Rekey, NeitherJoinNorLeaveChangesTheKeyUnderThePolicyNever) {
    World world({.rekey = kNever});
    world.join(1, world.alice);
    ASSERT_TRUE(run_until_shared(world, {1}));
    world.join(2, world.bob);
    ASSERT_TRUE(run_until_shared(world, {1, 2}));
    world.client(2).close();
    ASSERT_TRUE(world.run_until([&] { return world.tally().closed == 1; }));
    world.run_for(150ms);
    EXPECT_EQ(world.client(1).keys().size(), 1u);
    EXPECT_EQ(world.kmf->ekt_of(world.conference)->spis_used(), 1u);
}

TEST(Rekey, ByTheClockReachesEveryMember) {
    World world({.rekey = {.on_join = false, .on_leave = false, .interval = 200ms}});
    world.join(1, world.alice);
    world.join(2, world.bob);
    ASSERT_TRUE(world.run_until([&] { return world.tally()[RekeyCause::interval] == 2; }));
    ASSERT_TRUE(run_until_shared(world, {1, 2}));
    EXPECT_GE(world.client(1).keys().size(), 3u);
}

TEST(Rekey, BeforeTheTtlEndsReachesEveryMember) {
    World world({.rekey = {.on_join = false, .on_leave = false, .interval = {}, .ttl = 1s}});
    world.join(1, world.alice);
    ASSERT_TRUE(run_until_shared(world, {1}));
    const auto start = World::kmf_now();
    ASSERT_TRUE(world.run_until([&] { return world.client(1).keys().size() == 2; }));
    EXPECT_LT(World::kmf_now() - start, 1s);
    EXPECT_EQ(world.tally()[RekeyCause::ttl], 1u);
}

// The endpoint may have restarted: under the old SPI its new master keys would be taken for old.
TEST(Rekey, ANewHandshakeOfAMemberChangesTheKey) {
    World world;
    world.join(1, world.alice);
    world.join(2, world.bob);
    ASSERT_TRUE(run_until_shared(world, {1, 2}));
    const auto before = newest(world.client(2));
    world.join(1, world.alice);
    ASSERT_TRUE(world.run_until([&] { return world.tally()[RekeyCause::join] == 2; }));
    ASSERT_TRUE(run_until_shared(world, {1, 2}));
    EXPECT_NE(newest(world.client(1)), before);
    EXPECT_EQ(world.keys_sent(1).size(), 2u) << "new hop keys as well";
    EXPECT_EQ(world.kmf->ekt_of(world.conference)->members(), 2u);
}

TEST(Rekey, AMemberThatMovesToANewAssociationStaysOneAndChangesTheKey) {
    World world;
    world.join(1, world.alice);
    world.join(2, world.bob);
    ASSERT_TRUE(run_until_shared(world, {1, 2}));
    const auto before = newest(world.client(2));
    world.join(7, world.alice);
    ASSERT_TRUE(world.run_until([&] { return world.tally().displaced == 1; }));
    ASSERT_TRUE(run_until_shared(world, {7, 2}));
    EXPECT_NE(newest(world.client(7)), before);
    EXPECT_EQ(world.kmf->ekt_of(world.conference)->members(), 2u);
}

TEST(Rekey, SpisOfAConferenceStartAtRandomAndDoNotRepeat) {
    std::set<std::uint16_t> starts;
    for (int round = 0; round < 4; ++round) {
        World world;
        world.join(1, world.alice);
        ASSERT_TRUE(run_until_shared(world, {1}));
        starts.insert(newest(world.client(1)));
    }
    EXPECT_GT(starts.size(), 1u);
}

TEST(EktDelivery, RepeatsAKeyThatIsLostUntilItIsAcknowledged) {
    World world;
    int lost = 0;
    world.loses_to_endpoint = [&](const tunnel::Message& message) {
        const bool is_ekt = tunnel::has_protected_handshake(message.dtls) &&
                            std::holds_alternative<tunnel::Empty>(message.body);
        return is_ekt && lost++ < 2;
    };
    world.join(1, world.alice);
    ASSERT_TRUE(run_until_shared(world, {1}));
    EXPECT_EQ(lost, 3);
    ASSERT_TRUE(world.run_until([&] { return world.tally().ekt.acknowledged == 1; }));
    EXPECT_EQ(world.tally().ekt.delivered, 1u);
}

TEST(EktDelivery, RepeatsAKeyWhoseAcknowledgementIsLost) {
    World world;
    int lost = 0;
    world.loses_to_kmf = [&](const Datagram& datagram) {
        return datagram.front() == 26 && lost++ < 1;
    };
    world.join(1, world.alice);
    ASSERT_TRUE(world.run_until([&] { return world.tally().ekt.acknowledged == 1; }));
    EXPECT_EQ(world.client(1).keys().size(), 1u) << "heard twice, told once";
}

TEST(EktDelivery, SurvivesHeavyLossBothWays) {
    unsigned count = 0;
    World world;
    world.loses_to_endpoint = [&](const auto&) { return ++count % 4 == 0; };
    world.loses_to_kmf = [&](const auto&) { return ++count % 4 == 1; };
    world.join(1, world.alice);
    world.join(2, world.bob);
    world.join(3, world.carol);
    ASSERT_TRUE(run_until_shared(world, {1, 2, 3}));
    ASSERT_TRUE(world.run_until([&] { return world.tally().ekt.acknowledged >= 3; }));
}

TEST(EktDelivery, AFatalAlertInAnswerEndsTheAssociationAndIsALeave) {
    World world;
    world.join(1, world.alice);
    world.join(2, world.bob);
    ASSERT_TRUE(run_until_shared(world, {1, 2}));
    const auto before = newest(world.client(1));
    world.client(2).fail(80);
    ASSERT_TRUE(world.run_until([&] { return world.tally().failed == 1; }));
    ASSERT_TRUE(run_until_shared(world, {1}));
    EXPECT_NE(newest(world.client(1)), before);
    ASSERT_EQ(world.count(Notice::Kind::failed), 1u);
    const auto news = std::ranges::find_if(
        world.notices, [](const auto& one) { return one.kind == Notice::Kind::failed; });
    EXPECT_EQ(news->alert, 80);
    EXPECT_EQ(news->endpoint, "bob");
    EXPECT_EQ(world.kmf->live_associations(), 1u);
}

TEST(EktDelivery, RefusedByAlertIsCountedWithItsSpi) {
    World world;
    world.loses_to_endpoint = [&](const tunnel::Message& message) {
        return tunnel::has_protected_handshake(message.dtls) &&
               std::holds_alternative<tunnel::Empty>(message.body);
    };
    auto& alice = world.join(1, world.alice);
    ASSERT_TRUE(world.run_until_established(alice));
    alice.fail(47);
    ASSERT_TRUE(world.run_until([&] { return world.tally().ekt.refused == 1; }));
    ASSERT_EQ(world.count(Notice::Kind::ekt_refused), 1u);
    const auto news = std::ranges::find_if(
        world.notices, [](const auto& one) { return one.kind == Notice::Kind::ekt_refused; });
    EXPECT_EQ(news->alert, 47);
    EXPECT_EQ(news->spi, world.kmf->ekt_of(world.conference)->current()->spi);
    EXPECT_EQ(world.kmf->live_associations(), 0u);
}

TEST(EktDelivery, WithoutATunnelIsMadeUpForWhenThereIsOne) {
    World world({.rekey = {.on_join = false, .on_leave = false, .interval = 300ms}});
    world.join(1, world.alice);
    ASSERT_TRUE(run_until_shared(world, {1}));
    world.kmf->tunnel_down(World::kTunnel);
    world.dead_tunnels.insert(World::kTunnel);
    const auto heard = world.client(1).keys().size();
    ASSERT_TRUE(world.run_until([&] { return world.tally()[RekeyCause::interval] == 2; }));
    EXPECT_EQ(world.client(1).keys().size(), heard);
    world.bring_up(TunnelId{9}, world.mdd);
    world.route = TunnelId{9};
    ASSERT_TRUE(run_until_shared(world, {1}));
    EXPECT_EQ(world.kmf->live_associations(), 1u);
}

TEST(EktDelivery, IsTakenUpAgainAfterALongSilenceOfTheTunnel) {
    World world({.rekey = kNever});
    world.loses_to_endpoint = [&](const tunnel::Message& message) {
        return tunnel::has_protected_handshake(message.dtls) &&
               std::holds_alternative<tunnel::Empty>(message.body);
    };
    auto& alice = world.join(1, world.alice);
    ASSERT_TRUE(world.run_until_established(alice));
    // The clock of the deliveries alone, so that nobody has to wait for forty seconds.
    for (auto at = World::kmf_now(); world.tally().ekt.unanswered == 0; at += 1s) {
        ASSERT_LT(at, World::kmf_now() + 120s);
        world.kmf->expire(at);
        world.kmf->finish_turn(at, World::wall_now());
    }
    EXPECT_EQ(world.count(Notice::Kind::ekt_unanswered), 1u);
    EXPECT_EQ(world.kmf->live_associations(), 1u) << "the tunnel may be all that is broken";
    world.loses_to_endpoint = nullptr;
    world.kmf->tunnel_down(World::kTunnel);
    world.bring_up(TunnelId{9}, world.mdd);
    world.route = TunnelId{9};
    ASSERT_TRUE(run_until_shared(world, {1}));
}

TEST(EktDelivery, TheKeyOfTheHopTravelsBeforeTheKeyOfTheConference) {
    World world;
    world.join(1, world.alice);
    ASSERT_TRUE(run_until_shared(world, {1}));
    const auto carries_keys = [](const auto& one) {
        return std::holds_alternative<tunnel::KeyInformation>(one.second.body);
    };
    const auto with_keys = std::ranges::find_if(world.sent, carries_keys);
    ASSERT_NE(with_keys, world.sent.end());
    ASSERT_NE(std::next(with_keys), world.sent.end());
    EXPECT_TRUE(tunnel::has_protected_handshake(std::next(with_keys)->second.dtls));
}

TEST(EktDelivery, NoEktKeyEverReachesTheMddReadable) {
    World world;
    world.join(1, world.alice);
    ASSERT_TRUE(run_until_shared(world, {1}));
    const auto& key = *world.kmf->ekt_of(world.conference)->current();
    const auto secret = key.key.first(16);
    for (const auto& [tunnel, message] : world.sent) {
        EXPECT_TRUE(std::ranges::search(message.dtls, secret).empty());
        const auto* keys = std::get_if<tunnel::KeyInformation>(&message.body);
        if (keys == nullptr) continue;
        for (const auto* field : {&keys->client_key, &keys->server_key})
            EXPECT_FALSE(std::ranges::equal(field->bytes(), secret));
    }
}

}  // namespace
}  // namespace mdd::test
