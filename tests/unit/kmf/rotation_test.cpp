// An MDD takes another certificate into use: to the KMF it stays who it is.
#include <gtest/gtest.h>

#include "tests/unit/kmf/world.h"

namespace mdd::test {
namespace {

using namespace std::chrono_literals;
using kmf::RekeyCause;
using tunnel::Dialect;

Setup with_state(Dialect dialect) {
    return {.dialect = dialect, .keeps_state = true};
}

class Rotation : public ::testing::TestWithParam<Dialect> {
  protected:
    static constexpr TunnelId kNext{7};

    void list_both() {
        world.reload(
            [this](auto& mdds, auto&) { mdds[0].certificates.push_back(next.certificate_sha256); });
    }
    void list_next_alone() {
        closed = world.reload(
            [this](auto& mdds, auto&) { mdds[0].certificates = {next.certificate_sha256}; });
    }
    // As mdd does it: the new tunnel is up before the old one goes.
    void rotate() {
        list_both();
        EXPECT_EQ(world.bring_up(kNext, next)->name, "mdd-1");
        world.route = kNext;
        end_tunnel(World::kTunnel);
    }
    void end_tunnel(TunnelId tunnel) {
        world.kmf->tunnel_down(tunnel);
        world.dead_tunnels.insert(tunnel);
    }
    bool join(std::uint8_t tag, const TestCertificate& certificate, const std::string& tls_id) {
        return world.run_until_established(world.join(tag, certificate, {.tls_id = tls_id}));
    }
    bool share_a_key() {
        return world.run_until([this] {
            const auto* keys = world.kmf->ekt_of(world.conference);
            return keys && !keys->is_stale() && std::ranges::all_of(tags, [&](std::uint8_t tag) {
                       const auto& heard = world.client(tag).keys();
                       return !heard.empty() && heard.back().spi == keys->current()->spi;
                   });
        });
    }

    World world{with_state(GetParam())};
    TestCertificate next = World::pki().self_signed("mdd-next");
    std::vector<std::uint8_t> tags{1, 2};
    std::vector<TunnelId> closed;
};

TEST_P(Rotation, AMemberFromBeforeItGetsTheKeyOfAJoinerFromAfterwards) {
    ASSERT_TRUE(join(1, world.alice, kAliceTlsId));
    rotate();
    ASSERT_TRUE(join(2, world.bob, kBobTlsId));
    ASSERT_TRUE(share_a_key());
    EXPECT_EQ(world.tally().unsent, 0u);
}

TEST_P(Rotation, ALeaverFromBeforeItIsHeardAndItsMddIsToldOverTheNewTunnel) {
    ASSERT_TRUE(join(1, world.alice, kAliceTlsId));
    ASSERT_TRUE(join(2, world.bob, kBobTlsId));
    ASSERT_TRUE(share_a_key());
    rotate();
    world.client(2).close();
    ASSERT_TRUE(world.run_until([this] { return world.tally().closed == 1; }));
    EXPECT_EQ(world.tally()[RekeyCause::leave], 1u);
    tags = {1};
    ASSERT_TRUE(share_a_key());
    if (GetParam() == Dialect::rfc9185) {
        EXPECT_EQ(world.disconnects_sent(2), 1u);
    }
}

TEST_P(Rotation, WhatGotLostWhileItWasAwayIsHandedAgainOverTheNewTunnel) {
    ASSERT_TRUE(join(1, world.alice, kAliceTlsId));
    tags = {1};
    ASSERT_TRUE(share_a_key());
    list_both();
    end_tunnel(World::kTunnel);
    world.bring_up(TunnelId{2}, world.mdd_two);
    world.route = TunnelId{2};
    ASSERT_TRUE(join(2, world.bob, kBobTlsId));
    tags = {2};
    ASSERT_TRUE(share_a_key());
    // The clock of the deliveries alone, so that nobody has to wait for forty seconds.
    for (auto at = World::kmf_now(); world.tally().ekt.unanswered == 0; at += 1s) {
        ASSERT_LT(at, World::kmf_now() + 120s);
        world.kmf->expire(at);
    }
    world.bring_up(kNext, next);
    tags = {1, 2};
    world.route = kNext;
    EXPECT_TRUE(share_a_key());
}

TEST_P(Rotation, AHandshakeUnderWayGoesOnOverTheNewTunnel) {
    world.loses_to_endpoint = [](const tunnel::Message& message) {
        return message.dtls.size() > 100;  // all but the cookie
    };
    auto& alice = world.join(1, world.alice, {.tls_id = kAliceTlsId});
    ASSERT_TRUE(world.run_until([this] { return world.tally().handshakes_started == 1; }));
    rotate();
    world.loses_to_endpoint = {};
    ASSERT_TRUE(world.run_until_established(alice));
    EXPECT_EQ(world.tally().handshakes_started, 1u);
}

TEST_P(Rotation, TheEndOfTheOldCertificateEndsItsTunnelsAndNothingElse) {
    ASSERT_TRUE(join(1, world.alice, kAliceTlsId));
    world.bring_up(kNext, next);
    EXPECT_EQ(world.bring_up(TunnelId{8}, next), nullptr) << "not listed yet";
    list_both();
    EXPECT_TRUE(closed.empty());
    list_next_alone();
    EXPECT_EQ(closed, std::vector{World::kTunnel});
    EXPECT_EQ(world.tally().put_out, 0u);
    EXPECT_EQ(world.kmf->live_associations(), 1u);
    world.route = kNext;
    ASSERT_TRUE(join(2, world.bob, kBobTlsId));
    ASSERT_TRUE(share_a_key());
    EXPECT_EQ(world.bring_up(TunnelId{9}, world.mdd), nullptr) << "the old one is nobody's now";
}

TEST_P(Rotation, WhileTheKmfIsAwayNoAssociationIsLost) {
    ASSERT_TRUE(join(1, world.alice, kAliceTlsId));
    tags = {1};
    ASSERT_TRUE(share_a_key());
    world.set_edit([this](auto& mdds, auto&) { mdds[0].certificates = {next.certificate_sha256}; });
    world.start();
    EXPECT_EQ(world.tally().restored, 1u);
    EXPECT_EQ(world.tally().put_out, 0u);
    world.bring_up(kNext, next);
    world.route = kNext;
    ASSERT_TRUE(join(2, world.bob, kBobTlsId));
    tags = {1, 2};
    ASSERT_TRUE(share_a_key());
}

TEST_P(Rotation, ACertificateThatComesToAnotherMddTakesNoAssociationAlong) {
    ASSERT_TRUE(join(1, world.alice, kAliceTlsId));
    closed = world.reload([this](auto& mdds, auto&) {
        mdds[1].certificates = mdds[0].certificates;
        mdds[0].certificates = {next.certificate_sha256};
    });
    EXPECT_EQ(closed, std::vector{World::kTunnel}) << "it comes back as mdd-2";
    EXPECT_EQ(world.kmf->live_associations(), 1u);
    EXPECT_EQ(world.bring_up(TunnelId{2}, world.mdd)->name, "mdd-2");
    world.bring_up(kNext, next);
    world.route = kNext;
    ASSERT_TRUE(join(2, world.bob, kBobTlsId));
    ASSERT_TRUE(share_a_key());
}

TEST_P(Rotation, AnotherNameIsAnotherMdd) {
    ASSERT_TRUE(join(1, world.alice, kAliceTlsId));
    closed = world.reload([](auto& mdds, auto&) { mdds[0].name = "mdd-9"; });
    EXPECT_EQ(closed, std::vector{World::kTunnel});
    EXPECT_EQ(world.tally().put_out, 1u);
}

INSTANTIATE_TEST_SUITE_P(OverBothDialects, Rotation,
                         ::testing::Values(Dialect::dtls_v1, Dialect::rfc9185),
                         [](const auto& param) {
                             return param.param == Dialect::rfc9185 ? "Rfc9185" : "DtlsV1";
                         });

}  // namespace
}  // namespace mdd::test
