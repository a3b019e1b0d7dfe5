// The KMF's duties under RFC 9185 (§5.4, §5.5, §6), one test for each, and what follows from them.
#include <gtest/gtest.h>

#include "tests/unit/kmf/world.h"

namespace mdd::test {
namespace {

using namespace std::chrono_literals;
using kmf::Drop;
using kmf::Notice;
using kmf::Refusal;
using tunnel::Dialect;

const ClientOptions kAsAlice{.tls_id = kAliceTlsId};
const ClientOptions kAsBob{.tls_id = kBobTlsId};

bool is_disconnect(const tunnel::Message& message) {
    return std::holds_alternative<tunnel::Disconnect>(message.body);
}

TEST(Rfc9185Kmf, IdentifiesAnAssociationByItsIdAlone) {
    World world(kSetup9185);
    auto& alice = world.join(1, world.alice, kAsAlice);
    ASSERT_TRUE(world.run_until_established(alice));
    world.bring_up(TunnelId{2}, world.mdd);
    world.route = TunnelId{2};
    alice.close();
    ASSERT_TRUE(world.run_until([&] { return world.tally().closed == 1; }));
    EXPECT_EQ(world.sent.back().first, TunnelId{2}) << "the answer takes the tunnel used last";
}

// Not even one that may serve the conference and knows the id.
TEST(Rfc9185Kmf, LetsNoMddSpeakForAnAssociationOfAnother) {
    World world(kSetup9185);
    auto& alice = world.join(1, world.alice, kAsAlice);
    ASSERT_TRUE(world.run_until_established(alice));
    ASSERT_TRUE(world.run_until([&] { return world.tally().ekt.acknowledged == 1; }));
    world.bring_up(TunnelId{2}, world.mdd_two);
    world.route = TunnelId{2};
    world.sent.clear();
    world.to_kmf(1, Datagram{23, 0xfe, 0xfd, 0, 1, 0, 0, 0, 0, 0, 9, 0, 1, 0});
    world.disconnect(1);
    world.join(1, world.alice, kAsAlice);
    world.run_for(20ms);
    EXPECT_GE(world.tally()[Drop::foreign_mdd], 3u);
    EXPECT_TRUE(world.sent.empty()) << "it hears nothing";
    EXPECT_EQ(world.tally().disconnected, 0u);
    EXPECT_EQ(world.kmf->live_associations(), 1u);
}

TEST(Rfc9185Kmf, TakesTheTlsIdFromTheClientHelloAndRejectsAnotherOne) {
    struct Case {
        const char* what;
        std::string tls_id;
    };
    for (const auto& [what, tls_id] : {Case{"none", ""}, {"nobody's", "nobody-0123456789abcdef"}}) {
        World world(kSetup9185);
        auto& alice = world.join(1, world.alice, {.tls_id = tls_id});
        EXPECT_FALSE(world.run_until_established(alice)) << what;
        EXPECT_EQ(alice.failure_reason(), SSL_R_SSLV3_ALERT_ILLEGAL_PARAMETER) << what;
        EXPECT_EQ(world.tally()[Refusal::wrong_tls_id], 1u) << what;
        EXPECT_TRUE(world.keys_sent(1).empty()) << what;
    }
}

TEST(Rfc9185Kmf, MatchesCertificateAndTlsIdTogether) {
    World world(kSetup9185);
    auto& alice = world.join(1, world.alice, kAsBob);
    EXPECT_FALSE(world.run_until_established(alice));
    EXPECT_EQ(alice.failure_reason(), SSL_R_SSLV3_ALERT_ILLEGAL_PARAMETER);
    EXPECT_EQ(world.tally()[Refusal::wrong_tls_id], 1u);
    auto& mallory = world.join(2, world.mallory, kAsBob);
    EXPECT_FALSE(world.run_until_established(mallory));
    EXPECT_EQ(mallory.failure_reason(), SSL_R_SSLV3_ALERT_BAD_CERTIFICATE);
    EXPECT_EQ(world.tally()[Refusal::unknown_certificate], 1u);
}

TEST(Rfc9185Kmf, DeterminesTheConferenceFromCertificateAndTlsId) {
    World world(kSetup9185);
    world.bring_up(TunnelId{2}, world.mdd_two);
    world.route = TunnelId{2};
    ASSERT_TRUE(world.run_until_established(world.join(1, world.alice, kAsAlice)));
    ASSERT_TRUE(world.run_until_established(
        world.join(2, world.alice, {.tls_id = "second-" + kAliceTlsId})));
    std::vector<tunnel::ConferenceId> joined;
    for (const auto& notice : world.notices)
        if (notice.kind == Notice::Kind::keyed) joined.push_back(notice.conference);
    EXPECT_EQ(joined, (std::vector{conference_id(0xC0), conference_id(0xC1)}));
    EXPECT_EQ(world.tally().displaced, 0u) << "one endpoint, two conferences";
}

TEST(Rfc9185Kmf, SendsItsOwnTlsIdOfTheConference) {
    World world(kSetup9185);
    auto& alice =
        world.join(1, world.alice,
                   {.tls_id = kAliceTlsId, .kmf_tls_id = "kmf-c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0"});
    ASSERT_TRUE(world.run_until_established(alice));
    EXPECT_EQ(alice.hello().peer_session_id, "kmf-c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0");
}

TEST(Rfc9185Kmf, SendsTheConfiguredTlsIdOfTheConference) {
    auto setup = kSetup9185;
    setup.edit = [](auto&, auto& conferences) { conferences[0].tls_id = "ours/0123456789abcdef"; };
    World world(setup);
    auto& alice = world.join(1, world.alice, kAsAlice);
    ASSERT_TRUE(world.run_until_established(alice));
    EXPECT_EQ(alice.hello().peer_session_id, "ours/0123456789abcdef");
}

TEST(Rfc9185Kmf, WrapsAllDtlsWithTheSameAssociationId) {
    World world(kSetup9185);
    auto& alice = world.join(1, world.alice, kAsAlice);
    ASSERT_TRUE(world.run_until_established(alice));
    ASSERT_TRUE(world.run_until([&] { return !alice.keys().empty(); }));
    for (const auto& [tunnel, message] : world.sent)
        EXPECT_EQ(message.association, association_id(1));
}

TEST(Rfc9185Kmf, IsDtlsServerAsInPlainDtlsSrtp) {
    World world(kSetup9185);
    ASSERT_TRUE(world.run_until_established(world.join(1, world.alice, kAsAlice)));
    const auto keys = world.keys_sent(1);
    ASSERT_EQ(keys.size(), 1u);
    const auto exported = world.client(1).exported(112);
    EXPECT_TRUE(
        std::equal(keys[0].client_key.begin(), keys[0].client_key.end(), exported.begin() + 16))
        << "the endpoint is the client: its write key comes first";
}

TEST(Rfc9185Kmf, SendsMediaKeysImmediatelyAfterTheHandshakeCompletes) {
    World world(kSetup9185);
    bool seen_before = false;
    world.loses_to_endpoint = [&](const tunnel::Message& message) {
        if (std::holds_alternative<tunnel::KeyInformation>(message.body))
            seen_before = world.tally().handshakes_completed == 1;
        return false;
    };
    ASSERT_TRUE(world.run_until_established(world.join(1, world.alice, kAsAlice)));
    EXPECT_TRUE(seen_before) << "complete, and not a message later";
    const auto first = std::ranges::find_if(world.sent, [](const auto& one) {
        return std::holds_alternative<tunnel::KeyInformation>(one.second.body);
    });
    ASSERT_NE(first, world.sent.end());
    EXPECT_TRUE(tunnel::has_protected_handshake(first->second.dtls))
        << "with the Finished, so that no media comes before its keys";
}

TEST(Rfc9185Kmf, PicksAProfileThatItselfTheEndpointAndTheMddSupport) {
    {
        World world(kSetup9185);
        world.mdd_profiles = {0x000A};
        EXPECT_FALSE(world.run_until_established(world.join(1, world.alice, kAsAlice)));
        EXPECT_EQ(world.tally()[Refusal::no_common_profile], 1u);
    }
    World world(kSetup9185);
    EXPECT_FALSE(world.run_until_established(world.join(
        1, world.alice, {.profiles = {srtp::Profile::double_aes_256_gcm}, .tls_id = kAliceTlsId})));
    EXPECT_EQ(world.tally()[Refusal::no_common_profile], 1u);
    ASSERT_TRUE(world.run_until_established(world.join(
        2, world.alice,
        {.profiles = {srtp::Profile::double_aes_256_gcm, srtp::Profile::double_aes_128_gcm},
         .tls_id = kAliceTlsId})));
    EXPECT_EQ(world.keys_sent(2)[0].profile, kDouble128);
}

TEST(Rfc9185Kmf, SendsOnlyTheHopByHopHalvesOfDoubleKeys) {
    for (const auto& [profile, key_bytes] : {std::pair{srtp::Profile::double_aes_128_gcm, 16u},
                                             {srtp::Profile::double_aes_256_gcm, 32u}}) {
        auto setup = kSetup9185;
        setup.profile = profile;
        World world(setup);
        ASSERT_TRUE(world.run_until_established(
            world.join(1, world.alice, {.profiles = {profile}, .tls_id = kAliceTlsId})));
        const auto keys = world.keys_sent(1);
        ASSERT_EQ(keys.size(), 1u);
        EXPECT_EQ(keys[0].client_key.size(), key_bytes);
        EXPECT_EQ(keys[0].server_key.size(), key_bytes);
        EXPECT_EQ(keys[0].client_salt.size(), 12u);
        EXPECT_EQ(keys[0].server_salt.size(), 12u);
    }
}

// "Whoever ended it": the endpoint by close_notify or alert, the KMF, the MDD, a handshake that
// fails, and one that never completes.
TEST(Rfc9185Kmf, SendsEndpointDisconnectWhenTheEndpointCloses) {
    World world(kSetup9185);
    auto& alice = world.join(1, world.alice, kAsAlice);
    ASSERT_TRUE(world.run_until_established(alice));
    alice.close();
    ASSERT_TRUE(world.run_until([&] { return world.tally().closed == 1; }));
    EXPECT_EQ(world.disconnects_sent(1), 1u);
    EXPECT_TRUE(is_disconnect(world.sent.back().second)) << "the last word about it";
    EXPECT_EQ(world.tally().disconnects_sent, 1u);
}

TEST(Rfc9185Kmf, SendsEndpointDisconnectWhenTheEndpointFails) {
    World world(kSetup9185);
    auto& alice = world.join(1, world.alice, kAsAlice);
    ASSERT_TRUE(world.run_until_established(alice));
    alice.fail(80);
    ASSERT_TRUE(world.run_until([&] { return world.tally().failed == 1; }));
    EXPECT_EQ(world.disconnects_sent(1), 1u);
}

TEST(Rfc9185Kmf, SendsEndpointDisconnectForAnAssociationThatIsDisplaced) {
    World world(kSetup9185);
    ASSERT_TRUE(world.run_until_established(world.join(1, world.alice, kAsAlice)));
    ASSERT_TRUE(world.run_until_established(world.join(2, world.alice, kAsAlice)));
    EXPECT_EQ(world.tally().displaced, 1u);
    EXPECT_EQ(world.disconnects_sent(1), 1u);
    EXPECT_EQ(world.disconnects_sent(2), 0u);
}

TEST(Rfc9185Kmf, SendsEndpointDisconnectWhenAHandshakeIsRefusedAndAfterItsAlert) {
    World world(kSetup9185);
    auto& mallory = world.join(1, world.mallory, kAsAlice);
    EXPECT_FALSE(world.run_until_established(mallory));
    ASSERT_GE(world.sent.size(), 2u);
    EXPECT_TRUE(is_disconnect(world.sent.back().second));
    EXPECT_EQ(world.sent[world.sent.size() - 2].second.dtls.front(), 21);
}

TEST(Rfc9185Kmf, SendsEndpointDisconnectWhenAHandshakeNeverCompletes) {
    auto setup = kSetup9185;
    setup.limits = {.handshakes = 10, .handshake_deadline = 200ms};
    World world(setup);
    world.loses_to_endpoint = [&](const auto&) { return world.tally().handshakes_started > 0; };
    world.join(1, world.alice, kAsAlice);
    ASSERT_TRUE(world.run_until([&] { return world.tally()[Refusal::timed_out] == 1; }));
    EXPECT_EQ(world.disconnects_sent(1), 1u);
}

TEST(Rfc9185Kmf, SendsEndpointDisconnectLaterWhenNoTunnelIsUp) {
    auto setup = kSetup9185;
    setup.limits = {.handshakes = 10, .handshake_deadline = 200ms};
    World world(setup);
    world.loses_to_endpoint = [&](const auto&) { return world.tally().handshakes_started > 0; };
    world.join(1, world.alice, kAsAlice);
    ASSERT_TRUE(world.run_until([&] { return world.tally().handshakes_started == 1; }));
    world.kmf->tunnel_down(World::kTunnel);
    world.dead_tunnels.insert(World::kTunnel);
    ASSERT_TRUE(world.run_until([&] { return world.tally()[Refusal::timed_out] == 1; }));
    EXPECT_EQ(world.disconnects_sent(1), 0u);
    world.bring_up(TunnelId{2}, world.mdd_two);
    EXPECT_EQ(world.disconnects_sent(1), 0u) << "another MDD has no business with it";
    world.bring_up(TunnelId{3}, world.mdd);
    EXPECT_EQ(world.disconnects_sent(1), 1u);
    world.bring_up(TunnelId{4}, world.mdd);
    EXPECT_EQ(world.disconnects_sent(1), 1u) << "once";
}

TEST(Rfc9185Kmf, EndpointDisconnectFromTheMddEndsTheAssociationAndIsALeave) {
    World world(kSetup9185);
    world.join(1, world.alice, kAsAlice);
    world.join(2, world.bob, kAsBob);
    ASSERT_TRUE(world.run_until(
        [&] { return !world.client(1).keys().empty() && !world.client(2).keys().empty(); }));
    world.disconnect(2);
    EXPECT_EQ(world.tally().disconnected, 1u);
    EXPECT_EQ(world.tally()[kmf::RekeyCause::leave], 1u) << "in the same turn";
    EXPECT_EQ(world.kmf->live_associations(), 1u);
    EXPECT_EQ(world.disconnects_sent(2), 1u) << "whoever ended it";
    EXPECT_EQ(world.count(Notice::Kind::disconnected), 1u);
}

TEST(Rfc9185Kmf, EndpointDisconnectFromTheMddEndsAHandshake) {
    World world(kSetup9185);
    world.loses_to_endpoint = [&](const auto&) { return world.tally().handshakes_started > 0; };
    world.join(1, world.alice, kAsAlice);
    ASSERT_TRUE(world.run_until([&] { return world.tally().handshakes_started == 1; }));
    world.disconnect(1);
    EXPECT_EQ(world.tally()[Refusal::disconnected], 1u);
    EXPECT_FALSE(world.kmf->deadline()) << "nothing is left behind";
}

TEST(Rfc9185Kmf, DropsDisconnectsOfUnknownAssociations) {
    World world(kSetup9185);
    world.disconnect(9);
    world.disconnect(9);
    EXPECT_EQ(world.tally()[Drop::unknown_disconnect], 2u);
    EXPECT_TRUE(world.sent.empty());
}

TEST(Rfc9185Kmf, DropsADisconnectOfAnotherMddsAssociation) {
    World world(kSetup9185);
    ASSERT_TRUE(world.run_until_established(world.join(1, world.alice, kAsAlice)));
    world.bring_up(TunnelId{2}, world.mdd_two);
    world.route = TunnelId{2};
    world.disconnect(1);
    EXPECT_EQ(world.tally()[Drop::foreign_mdd], 1u);
    EXPECT_EQ(world.kmf->live_associations(), 1u);
}

TEST(Rfc9185Kmf, DropsWhatComesLateForADisconnectedAssociation) {
    World world(kSetup9185);
    auto& alice = world.join(1, world.alice, kAsAlice);
    ASSERT_TRUE(world.run_until_established(alice));
    world.disconnect(1);
    world.join(1, world.alice, kAsAlice);
    world.run_for(100ms);
    EXPECT_GE(world.tally()[Drop::quarantined], 1u);
    EXPECT_EQ(world.tally().handshakes_started, 1u);
    ASSERT_TRUE(world.run_until_established(world.join(2, world.alice, kAsAlice)))
        << "under a new id it may come back";
}

TEST(Rfc9185Kmf, HoldsAnAssociationToItsConference) {
    World world(kSetup9185);
    world.bring_up(TunnelId{2}, world.mdd_two);
    world.route = TunnelId{2};
    ASSERT_TRUE(world.run_until_established(world.join(1, world.alice, kAsAlice)));
    auto& moved = world.join(1, world.alice, {.tls_id = "second-" + kAliceTlsId});
    EXPECT_FALSE(world.run_until_established(moved));
    EXPECT_EQ(world.tally()[Refusal::wrong_tls_id], 1u);
    EXPECT_EQ(world.kmf->live_associations(), 1u);
    EXPECT_EQ(world.disconnects_sent(1), 0u) << "the first connection lives";
}

TEST(Rfc9185Kmf, WithoutRequireTlsIdTheConferenceIsFoundByTheCertificateAlone) {
    auto setup = kSetup9185;
    setup.require_tls_id = false;
    World world(setup);
    ASSERT_TRUE(world.run_until_established(world.join(1, world.alice)));
    ASSERT_TRUE(world.run_until_established(world.join(2, world.bob, kAsBob)));
    EXPECT_FALSE(world.run_until_established(world.join(3, world.mallory)));
    EXPECT_EQ(world.tally()[Refusal::unknown_certificate], 1u);
    EXPECT_FALSE(world.run_until_established(
        world.join(4, world.carol, {.tls_id = "nobody-0123456789abcdef"})))
        << "a configured id that is sent still has to match";
    EXPECT_EQ(world.tally()[Refusal::wrong_tls_id], 1u);
}

TEST(Rfc9185Kmf, FindsTheConferenceByCertificateOnlyAmongThoseThatTheMddMayServe) {
    auto setup = kSetup9185;
    setup.require_tls_id = false;
    setup.edit = [](auto&, auto& conferences) {
        conferences[0].endpoints.clear();
        for (auto& [certificate, endpoint] : conferences[1].endpoints) endpoint.tls_id.clear();
    };
    World world(setup);
    EXPECT_FALSE(world.run_until_established(world.join(1, world.alice)));
    EXPECT_EQ(world.tally()[Refusal::unknown_certificate], 1u);
    world.bring_up(TunnelId{2}, world.mdd_two);
    world.route = TunnelId{2};
    ASSERT_TRUE(world.run_until_established(world.join(2, world.alice)));
}

TEST(Rfc9185Kmf, ADtlsV1EndpointNeedsNoTlsIdButMustNotSendAWrongOne) {
    World world;
    ASSERT_TRUE(world.run_until_established(world.join(1, world.alice)));
    ASSERT_TRUE(world.run_until_established(world.join(2, world.bob, kAsBob)));
    EXPECT_FALSE(world.run_until_established(world.join(3, world.carol, kAsBob)));
    EXPECT_EQ(world.tally()[Refusal::wrong_tls_id], 1u);
}

TEST(Rfc9185Kmf, BothDialectsMeetInOneConference) {
    World world;
    ASSERT_TRUE(world.run_until_established(world.join(1, world.alice)));
    world.bring_up(TunnelId{2}, world.mdd, Dialect::rfc9185);
    world.route = TunnelId{2};
    ASSERT_TRUE(world.run_until_established(world.join(2, world.bob, kAsBob)));
    ASSERT_TRUE(world.run_until([&] {
        const auto& one = world.client(1).keys();
        const auto& other = world.client(2).keys();
        return !one.empty() && !other.empty() && one.back().spi == other.back().spi;
    }));
}

}  // namespace
}  // namespace mdd::test
