// The KMF's duties under draft-jones-perc-dtls-tunnel-00 §5.3, one test for each. Those that are
// about the tunnel itself (be ready for several, be the server, never begin) are tests of the
// listener.
#include <gtest/gtest.h>

#include "tests/unit/kmf/world.h"

namespace mdd::test {
namespace {

using kmf::Refusal;

TEST(DraftKmf, IdentifiesAnAssociationByTunnelAndId) {
    World world;
    world.bring_up(TunnelId{2}, world.mdd_two);
    ASSERT_TRUE(world.run_until_established(world.join(1, world.alice)));
    world.route = TunnelId{2};
    ASSERT_TRUE(world.run_until_established(world.join(1, world.bob)));
    EXPECT_EQ(world.kmf->live_associations(), 2u) << "the same id on two tunnels";
}

TEST(DraftKmf, RepliesWithTheSameIdOnTheSameTunnel) {
    World world;
    world.bring_up(TunnelId{2}, world.mdd);
    world.route = TunnelId{2};
    ASSERT_TRUE(world.run_until_established(world.join(1, world.alice)));
    for (const auto& [tunnel, message] : world.sent) {
        EXPECT_EQ(tunnel, TunnelId{2});
        EXPECT_EQ(message.association, association_id(1));
        EXPECT_EQ(message.conference, world.conference);
    }
}

TEST(DraftKmf, ShowsTheCertificateThatTheEndpointExpectsAndDemandsOne) {
    World world;
    auto& nameless = world.join(1, world.alice, {.with_certificate = false});
    EXPECT_FALSE(world.run_until_established(nameless));
    EXPECT_EQ(world.tally()[Refusal::handshake_failed], 1u);
    auto& alice = world.join(2, world.alice, {.takes_over = false});
    ASSERT_TRUE(world.run_until([&] { return world.tally().handshakes_completed == 1; }));
    const auto shown = dtls::fingerprint_of(SSL_get0_peer_certificate(alice.ssl()));
    EXPECT_EQ(shown, world.endpoint_fingerprint());
}

TEST(DraftKmf, PicksAProfileThatTheEndpointAndTheMddSupport) {
    World world;
    world.mdd_profiles = {0x000A};
    EXPECT_FALSE(world.run_until_established(world.join(1, world.alice)));
    EXPECT_EQ(world.tally()[Refusal::no_common_profile], 1u);
}

TEST(DraftKmf, SendsKeyInformationWithItsFinishedAndNothingElseBesidesDtls) {
    World world;
    ASSERT_TRUE(world.run_until_established(world.join(1, world.alice)));
    std::size_t with_keys = 0;
    for (const auto& [tunnel, message] : world.sent) {
        if (std::holds_alternative<tunnel::KeyInformation>(message.body))
            ++with_keys;
        else
            EXPECT_TRUE(std::holds_alternative<tunnel::Empty>(message.body));
    }
    EXPECT_EQ(with_keys, 1u);
}

TEST(DraftKmf, SendsEktKeyAfterTheFinishedInAMessageWithoutKeys) {
    World world;
    auto& alice = world.join(1, world.alice);
    ASSERT_TRUE(world.run_until([&] { return !alice.keys().empty(); }));
    const auto& [tunnel, last] = world.sent.back();
    EXPECT_TRUE(tunnel::has_protected_handshake(last.dtls));
    EXPECT_TRUE(std::holds_alternative<tunnel::Empty>(last.body));
}

}  // namespace
}  // namespace mdd::test
