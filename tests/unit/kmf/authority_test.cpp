// The KMF as the one who decides: another roster while tunnels are up, and who is put out by it.
#include <gtest/gtest.h>

#include "tests/support/hex.h"
#include "tests/unit/kmf/world.h"

namespace mdd::test {
namespace {

using namespace std::chrono_literals;
using kmf::Drop;
using kmf::Notice;
using kmf::Refusal;
using tunnel::Dialect;

void join_three(World& world) {
    world.join(1, world.alice, {.tls_id = kAliceTlsId});
    world.join(2, world.bob, {.tls_id = kBobTlsId});
    world.join(3, world.carol, {.tls_id = kCarolTlsId});
    ASSERT_TRUE(world.run_until([&] {
        const auto* keys = world.kmf->ekt_of(world.conference);
        if (world.kmf->live_associations() != 3 || keys == nullptr || keys->is_stale())
            return false;
        for (std::uint8_t tag : {1, 2, 3}) {
            const auto& heard = world.client(tag).keys();
            if (heard.empty() || heard.back().spi != keys->current()->spi) return false;
        }
        return true;
    }));
}

void without_bob(std::vector<kmf::Mdd>&, std::vector<kmf::Conference>& conferences) {
    for (auto& conference : conferences)
        std::erase_if(conference.endpoints,
                      [](const auto& listed) { return listed.second.id == "bob"; });
}

TEST(Reload, PutsOutWhoIsNoLongerListedInTheSameTurn) {
    World world(kSetup9185);
    join_three(world);
    const auto before = world.kmf->ekt_of(world.conference)->current()->spi;
    world.sent.clear();
    EXPECT_TRUE(world.reload(without_bob).empty()) << "no tunnel is closed";
    EXPECT_EQ(world.tally().put_out, 1u);
    EXPECT_EQ(world.disconnects_sent(2), 1u) << "before reload() has returned";
    EXPECT_NE(world.kmf->ekt_of(world.conference)->current()->spi, before) << "a leave";
    EXPECT_EQ(world.kmf->live_associations(), 2u);
    ASSERT_EQ(world.count(Notice::Kind::put_out), 1u);
    const auto news = std::ranges::find_if(
        world.notices, [](const auto& one) { return one.kind == Notice::Kind::put_out; });
    EXPECT_EQ(news->endpoint, "bob");
    ASSERT_TRUE(world.run_until([&] { return world.client(2).was_closed(); }));
    ASSERT_TRUE(world.run_until([&] {
        const auto now = world.kmf->ekt_of(world.conference)->current()->spi;
        return world.client(1).keys().back().spi == now && world.client(3).keys().back().spi == now;
    }));
    EXPECT_EQ(world.client(2).keys().back().spi, before) << "blind from here on";
}

TEST(Reload, SaysTheDisconnectFirstOfAllAboutTheOneWhoIsPutOutBeforeTheNewKey) {
    World world(kSetup9185);
    join_three(world);
    world.sent.clear();
    world.reload(without_bob);
    ASSERT_GE(world.sent.size(), 3u);
    EXPECT_EQ(world.sent[0].second.association, association_id(2)) << "close_notify";
    EXPECT_TRUE(std::holds_alternative<tunnel::Disconnect>(world.sent[1].second.body));
    EXPECT_NE(world.sent[2].second.association, association_id(2));
}

TEST(Reload, OverDtlsV1SaysCloseNotifyAlone) {
    World world;
    join_three(world);
    world.reload(without_bob);
    EXPECT_EQ(world.tally().put_out, 1u);
    EXPECT_EQ(world.disconnects_sent(2), 0u) << "that dialect has no such message";
    ASSERT_TRUE(world.run_until([&] { return world.client(2).was_closed(); }));
}

TEST(Reload, LeavesEverybodyElseAlone) {
    World world(kSetup9185);
    join_three(world);
    const auto before = world.kmf->ekt_of(world.conference)->current()->spi;
    world.sent.clear();
    EXPECT_TRUE(world.reload({}).empty());
    EXPECT_TRUE(world.sent.empty());
    EXPECT_EQ(world.tally().put_out, 0u);
    EXPECT_EQ(world.kmf->live_associations(), 3u);
    EXPECT_EQ(world.kmf->ekt_of(world.conference)->current()->spi, before);
}

TEST(Reload, PutsOutForEachWayOfNotBeingAdmittedAnyMore) {
    struct Case {
        const char* what;
        std::function<void(std::vector<kmf::Mdd>&, std::vector<kmf::Conference>&)> edit;
        std::uint64_t put_out;
    };
    const std::vector<Case> cases{
        {"the conference is gone", [](auto&, auto& all) { all.erase(all.begin()); }, 3},
        {"its profile is another",
         [](auto&, auto& all) { all[0].profile = srtp::Profile::double_aes_256_gcm; }, 3},
        {"the MDD may not serve it any more",
         [](auto& mdds, auto&) { mdds[0].conferences = {conference_id(0xC1)}; }, 3},
        {"the MDD is gone", [](auto& mdds, auto&) { mdds.erase(mdds.begin()); }, 3},
        {"one has another tls-id",
         [](auto&, auto& all) {
             for (auto& [certificate, endpoint] : all[0].endpoints)
                 if (endpoint.id == "carol") endpoint.tls_id = "other-0123456789abcdef";
         },
         1},
        {"one has another certificate",
         [](auto&, auto& all) {
             auto& endpoints = all[0].endpoints;
             const auto bob = std::ranges::find_if(
                 endpoints, [](const auto& listed) { return listed.second.id == "bob"; });
             auto moved = bob->second;
             endpoints.erase(bob);
             endpoints[dtls::Fingerprint{1}] = moved;
         },
         1},
    };
    for (const auto& [what, edit, put_out] : cases) {
        World world(kSetup9185);
        join_three(world);
        world.reload(edit);
        EXPECT_EQ(world.tally().put_out, put_out) << what;
        EXPECT_EQ(world.kmf->live_associations(), 3 - put_out) << what;
    }
}

TEST(Reload, ClosesTheTunnelsOfAnMddThatIsNoLongerListed) {
    World world(kSetup9185);
    world.bring_up(TunnelId{2}, world.mdd_two);
    world.bring_up(TunnelId{3}, world.mdd);
    join_three(world);
    world.sent.clear();
    const auto closed = world.reload([](auto& mdds, auto&) { mdds.erase(mdds.begin()); });
    EXPECT_EQ(closed, (std::vector{World::kTunnel, TunnelId{3}}));
    EXPECT_EQ(world.tally().put_out, 3u);
    for (std::uint8_t tag : {1, 2, 3}) EXPECT_EQ(world.disconnects_sent(tag), 1u);
}

TEST(Reload, TakesInAnMddWhoseTunnelWasThereBefore) {
    World world;
    world.bring_up(TunnelId{2}, world.mallory);
    world.route = TunnelId{2};
    world.join(1, world.alice);
    world.run_for(60ms);
    EXPECT_GE(world.tally()[Drop::mdd_unknown], 1u);
    world.reload([&](auto& mdds, auto&) {
        mdds.push_back({"mdd-3", {world.mallory.certificate_sha256}, true, {}});
    });
    ASSERT_TRUE(world.run_until_established(world.client(1)));
}

TEST(Reload, RefusesAJoinBeforeItIsAuthorisedAndAcceptsItAfterwards) {
    World world(kSetup9185);
    const auto tls_id = "mallory-0123456789abcdef";
    EXPECT_FALSE(world.run_until_established(world.join(1, world.mallory, {.tls_id = tls_id})));
    EXPECT_EQ(world.tally()[Refusal::wrong_tls_id], 1u);
    world.reload([&](auto&, auto& conferences) {
        conferences[0].endpoints[world.mallory.certificate_sha256] = {"mallory", tls_id};
    });
    ASSERT_TRUE(world.run_until_established(world.join(2, world.mallory, {.tls_id = tls_id})));
    world.reload({});
    EXPECT_EQ(world.tally().put_out, 1u);
    EXPECT_FALSE(world.run_until_established(world.join(3, world.mallory, {.tls_id = tls_id})));
    EXPECT_EQ(world.tally()[Refusal::wrong_tls_id], 2u);
}

TEST(Reload, JudgesAHandshakeUnderWayByTheNewRoster) {
    World world(kSetup9185);
    bool is_reloaded = false;
    world.loses_to_kmf = [&](const Datagram& datagram) {
        // Behind the ServerHello, before the certificate has been judged.
        if (!is_reloaded && world.tally().handshakes_started == 1 &&
            tunnel::is_epoch0_handshake(datagram)) {
            is_reloaded = true;
            world.reload(without_bob);
        }
        return false;
    };
    EXPECT_FALSE(world.run_until_established(world.join(1, world.bob, {.tls_id = kBobTlsId})));
    EXPECT_TRUE(is_reloaded);
    EXPECT_EQ(world.tally()[Refusal::unknown_certificate], 1u);
    EXPECT_TRUE(world.keys_sent(1).empty());
}

TEST(Reload, PutsOutWholeAssociationsANewHandshakeOnThemIncluded) {
    World world(kSetup9185);
    join_three(world);
    world.loses_to_endpoint = [](const tunnel::Message& message) {
        return message.dtls.size() > 100;  // all but the cookie
    };
    const auto started = world.tally().handshakes_started;
    world.join(2, world.bob, {.tls_id = kBobTlsId});
    ASSERT_TRUE(world.run_until([&] { return world.tally().handshakes_started == started + 1; }));
    world.reload(without_bob);
    EXPECT_EQ(world.disconnects_sent(2), 1u);
    EXPECT_EQ(world.tally().put_out, 1u);
    EXPECT_EQ(world.tally()[Refusal::put_out], 1u);
}

TEST(Reload, EndsTheHandshakesOfAnMddThatIsNoLongerListed) {
    World world(kSetup9185);
    world.loses_to_endpoint = [&](const auto&) { return world.tally().handshakes_started > 0; };
    world.join(1, world.alice, {.tls_id = kAliceTlsId});
    ASSERT_TRUE(world.run_until([&] { return world.tally().handshakes_started == 1; }));
    world.reload([](auto& mdds, auto&) { mdds.erase(mdds.begin()); });
    EXPECT_EQ(world.tally()[Refusal::put_out], 1u);
    EXPECT_FALSE(world.kmf->deadline());
}

TEST(Reload, AnotherRekeyPolicyCountsFromThenOn) {
    World world(kSetup9185);
    join_three(world);
    world.reload([](auto&, auto& conferences) {
        conferences[0].rekey = {.on_join = false, .on_leave = false};
    });
    const auto before = world.kmf->ekt_of(world.conference)->current()->spi;
    world.disconnect(3);
    EXPECT_EQ(world.kmf->ekt_of(world.conference)->current()->spi, before);
}

TEST(Reload, AConferenceThatComesBackHasNewKeys) {
    World world(kSetup9185);
    join_three(world);
    const auto before = to_hex(world.client(1).keys().back().key_value());
    world.reload([](auto&, auto& all) { all.erase(all.begin()); });
    EXPECT_EQ(world.kmf->ekt_of(world.conference), nullptr);
    world.reload({});
    world.join(5, world.alice, {.tls_id = kAliceTlsId});
    ASSERT_TRUE(world.run_until([&] { return !world.client(5).keys().empty(); }));
    EXPECT_NE(to_hex(world.client(5).keys().back().key_value()), before);
}

}  // namespace
}  // namespace mdd::test
