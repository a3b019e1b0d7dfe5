// Endpoint handshakes with the KMF over a tunnel in memory: keys, refusals, loss, forgery. The
// endpoint is plain OpenSSL.
#include <gtest/gtest.h>

#include <random>

#include "tests/support/hex.h"
#include "tests/unit/kmf/world.h"

namespace mdd::test {
namespace {

using kmf::Drop;
using kmf::Refusal;

bool carries_keys(const tunnel::Message& message) {
    return std::holds_alternative<tunnel::KeyInformation>(message.body);
}

Datagram slice(const Datagram& bytes, std::size_t from, std::size_t size) {
    return {bytes.begin() + static_cast<std::ptrdiff_t>(from),
            bytes.begin() + static_cast<std::ptrdiff_t>(from + size)};
}

TEST(Handshake, SendsTheOuterHalvesOfDouble128AndNothingElse) {
    World world;
    auto& client = world.join(1, world.alice);
    ASSERT_TRUE(world.run_until_established(client));
    const auto exported = client.exported(112);
    const auto keys = world.keys_sent(1);
    ASSERT_EQ(keys.size(), 1u);
    EXPECT_EQ(keys[0].profile, 0x0009);
    EXPECT_EQ(keys[0].client_key, slice(exported, 16, 16));
    EXPECT_EQ(keys[0].server_key, slice(exported, 48, 16));
    EXPECT_EQ(keys[0].client_salt, slice(exported, 76, 12));
    EXPECT_EQ(keys[0].server_salt, slice(exported, 100, 12));
}

TEST(Handshake, SendsTheOuterHalvesOfDouble256AndNothingElse) {
    World world(srtp::Profile::double_aes_256_gcm);
    auto& client = world.join(
        1, world.alice,
        {.profiles = {srtp::Profile::double_aes_128_gcm, srtp::Profile::double_aes_256_gcm}});
    ASSERT_TRUE(world.run_until_established(client));
    const auto exported = client.exported(176);
    const auto keys = world.keys_sent(1);
    ASSERT_EQ(keys.size(), 1u);
    EXPECT_EQ(keys[0].profile, 0x000A);
    EXPECT_EQ(keys[0].client_key, slice(exported, 32, 32));
    EXPECT_EQ(keys[0].server_key, slice(exported, 96, 32));
    EXPECT_EQ(keys[0].client_salt, slice(exported, 140, 12));
    EXPECT_EQ(keys[0].server_salt, slice(exported, 164, 12));
    EXPECT_EQ(client.cipher_bits(), 256);
}

TEST(Handshake, SendsWholeKeysOfAPlainProfile) {
    World world(srtp::Profile::aead_aes_128_gcm);
    auto& client = world.join(1, world.alice, {.profiles = {srtp::Profile::aead_aes_128_gcm}});
    ASSERT_TRUE(world.run_until_established(client));
    const auto exported = client.exported(56);
    const auto keys = world.keys_sent(1);
    ASSERT_EQ(keys.size(), 1u);
    EXPECT_EQ(keys[0].profile, 0x0007);
    EXPECT_EQ(keys[0].client_key, slice(exported, 0, 16));
    EXPECT_EQ(keys[0].server_salt, slice(exported, 44, 12));
}

TEST(Handshake, PutsTheKeysOnTheFinishedAndOnNoOtherMessage) {
    World world;
    auto& client = world.join(1, world.alice);
    ASSERT_TRUE(world.run_until_established(client));
    std::size_t with_keys = 0;
    for (const auto& [tunnel, message] : world.sent) {
        if (carries_keys(message)) {
            EXPECT_TRUE(tunnel::has_protected_handshake(message.dtls));
            EXPECT_EQ(message.dtls.front(), 20) << "behind the ChangeCipherSpec";
            ++with_keys;
        }
    }
    EXPECT_EQ(with_keys, 1u) << "an ekt_key, protected as well, goes without";
}

#ifdef MDD_AUDIT
TEST(Handshake, InAuditBuildsTellsAHashByWhichBothEndsCompareTheKeys) {
    World world;
    auto& client = world.join(1, world.alice);
    ASSERT_TRUE(world.run_until_established(client));
    const auto exported = client.exported(112);
    Datagram outer;
    for (const auto& [from, size] : {std::pair{16, 16}, {48, 16}, {76, 12}, {100, 12}}) {
        const auto part = slice(exported, from, size);
        outer.insert(outer.end(), part.begin(), part.end());
    }
    tunnel::Sha256 digest{};
    EVP_Digest(outer.data(), outer.size(), digest.data(), nullptr, EVP_sha256(), nullptr);
    ASSERT_EQ(world.notices.front().kind, kmf::Notice::Kind::keys_sent);
    EXPECT_EQ(world.notices.front().keys_sha256, tunnel::to_hex(digest));
}
#endif

TEST(Handshake, HoldsNoStateBeforeTheCookieCameBack) {
    World world;
    auto& client = world.join(1, world.alice);
    const auto hello = client.outbox.front();
    client.outbox.clear();
    for (std::uint8_t tag = 10; tag < 60; ++tag) world.to_kmf(tag, hello);
    EXPECT_EQ(world.tally().cookies_sent, 50u);
    EXPECT_EQ(world.tally().handshakes_started, 0u);
    EXPECT_FALSE(world.kmf->deadline());
    EXPECT_EQ(world.sent.size(), 50u);
    EXPECT_LE(world.sent[0].second.dtls.size(), hello.size()) << "no amplification";
}

TEST(Handshake, BindsTheCookieToTheAssociation) {
    World world;
    auto& client = world.join(1, world.alice);
    world.to_kmf(1, client.outbox.front());
    client.outbox.clear();
    client.feed(world.sent[0].second.dtls);
    ASSERT_EQ(client.outbox.size(), 1u);
    world.to_kmf(2, client.outbox.front());
    EXPECT_EQ(world.tally().handshakes_started, 0u);
    EXPECT_EQ(world.tally().cookies_sent, 2u) << "a wrong cookie is answered with the right one";
    world.to_kmf(1, client.outbox.front());
    EXPECT_EQ(world.tally().handshakes_started, 1u);
}

TEST(Handshake, RefusesEarlyWhenTheEndpointCannotDoTheProfile) {
    World world;
    auto& client = world.join(1, world.alice, {.profiles = {srtp::Profile::aead_aes_128_gcm}});
    EXPECT_FALSE(world.run_until_established(client));
    EXPECT_EQ(client.failure_reason(), SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE);
    EXPECT_EQ(world.tally()[Refusal::no_common_profile], 1u);
    EXPECT_TRUE(world.keys_sent(1).empty());
    EXPECT_FALSE(world.kmf->deadline()) << "nothing is left behind";
}

TEST(Handshake, RefusesEarlyWithoutUseSrtp) {
    World world;
    auto& client = world.join(1, world.alice, {.profiles = {}});
    EXPECT_FALSE(world.run_until_established(client));
    EXPECT_EQ(world.tally()[Refusal::no_common_profile], 1u);
}

TEST(Handshake, RefusesWhenTheMddCannotDoTheProfile) {
    World world;
    world.mdd_profiles = {0x000A};
    auto& client = world.join(1, world.alice);
    EXPECT_FALSE(world.run_until_established(client));
    EXPECT_EQ(client.failure_reason(), SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE);
    EXPECT_EQ(world.tally()[Refusal::no_common_profile], 1u);
}

TEST(Handshake, RequiresTheExtendedMasterSecret) {
    World world;
    auto& client = world.join(1, world.alice, {.extended_secret = false});
    EXPECT_FALSE(world.run_until_established(client));
    EXPECT_EQ(world.tally()[Refusal::no_extended_secret], 1u);
}

TEST(Handshake, AnswersAnUnknownCertificateWithAlert42) {
    World world;
    auto& client = world.join(1, world.mallory);
    EXPECT_FALSE(world.run_until([&] { return client.has_failed(); }) && client.is_established());
    EXPECT_EQ(client.failure_reason(), SSL_R_SSLV3_ALERT_BAD_CERTIFICATE);
    EXPECT_EQ(world.tally()[Refusal::unknown_certificate], 1u);
    EXPECT_TRUE(world.keys_sent(1).empty());
    ASSERT_EQ(world.notices.size(), 1u);
    EXPECT_EQ(world.notices[0].kind, kmf::Notice::Kind::refused);
}

TEST(Handshake, RefusesAnEndpointWithoutCertificate) {
    World world;
    auto& client = world.join(1, world.alice, {.with_certificate = false});
    EXPECT_FALSE(world.run_until_established(client));
    EXPECT_EQ(world.tally()[Refusal::handshake_failed], 1u);
    EXPECT_TRUE(world.keys_sent(1).empty());
}

TEST(Handshake, RepeatsTheSameKeysWithEveryRepeatedFinished) {
    World world;
    int lost = 0;
    world.loses_to_endpoint = [&](const auto& message) {
        return carries_keys(message) && lost++ < 3;
    };
    auto& client = world.join(1, world.alice);
    ASSERT_TRUE(world.run_until_established(client));
    const auto keys = world.keys_sent(1);
    ASSERT_EQ(keys.size(), 4u) << "one first and three repeats";
    for (const auto& repeat : keys) EXPECT_EQ(repeat, keys[0]);
    EXPECT_EQ(world.tally().handshakes_completed, 1u);
    EXPECT_EQ(world.tally().keys_sent, 4u);
}

// OpenSSL repeats its flight in new records; other clients send the old bytes again, which OpenSSL
// as a server drops.
TEST(Handshake, AnswersAClientThatRepeatsItsFinishedByteByByte) {
    World world;
    Datagram finished;
    world.loses_to_kmf = [&](const Datagram& datagram) {
        if (finished.empty() && tunnel::has_protected_handshake(datagram)) finished = datagram;
        return false;
    };
    world.loses_to_endpoint = carries_keys;
    world.join(1, world.alice);
    ASSERT_TRUE(world.run_until([&] { return world.tally().handshakes_completed == 1; }));
    const auto before = world.keys_sent(1).size();
    world.to_kmf(1, finished);
    EXPECT_EQ(world.keys_sent(1).size(), before) << "too fast: somebody's replay";
    std::this_thread::sleep_for(std::chrono::milliseconds(120));
    world.to_kmf(1, finished);
    const auto keys = world.keys_sent(1);
    ASSERT_EQ(keys.size(), before + 1);
    EXPECT_EQ(keys.back(), keys.front());
    EXPECT_EQ(world.tally().flights_resent, 1u);
    finished.back() ^= 1;
    std::this_thread::sleep_for(std::chrono::milliseconds(120));
    world.to_kmf(1, finished);
    EXPECT_EQ(world.tally().flights_resent, 1u) << "only the very same record counts";
}

TEST(Handshake, TakesAFragmentedClientHello) {
    World world;
    auto& client = world.join(1, world.alice, {.mtu_bytes = 400, .alpn_bytes = 900});
    ASSERT_GE(client.outbox.size(), 3u) << "the hello must really be split";
    ASSERT_TRUE(world.run_until_established(client));
    EXPECT_EQ(world.keys_sent(1).size(), 1u);
}

TEST(Handshake, TakesFragmentsInAnyOrder) {
    World world;
    auto& client = world.join(1, world.alice, {.mtu_bytes = 400, .alpn_bytes = 900});
    const auto hello = std::exchange(client.outbox, {});
    for (auto fragment = hello.rbegin(); fragment != hello.rend(); ++fragment)
        world.to_kmf(1, *fragment);
    ASSERT_EQ(world.tally().cookies_sent, 1u);
    client.feed(world.sent.back().second.dtls);
    std::reverse(client.outbox.begin(), client.outbox.end());
    ASSERT_TRUE(world.run_until_established(client));
}

TEST(Handshake, CompletesUnderHeavyLossBothWays) {
    std::mt19937 random(8627);
    for (int round = 0; round < 12; ++round) {
        World world;
        world.loses_to_endpoint = [&](const auto&) { return random() % 4 == 0; };
        world.loses_to_kmf = [&](const auto&) { return random() % 4 == 0; };
        auto& client = world.join(1, world.alice);
        ASSERT_TRUE(world.run_until_established(client)) << "round " << round;
        const auto keys = world.keys_sent(1);
        ASSERT_FALSE(keys.empty());
        for (const auto& repeat : keys) EXPECT_EQ(repeat, keys[0]);
        EXPECT_EQ(keys[0].client_key, slice(client.exported(112), 16, 16));
    }
}

TEST(Handshake, IgnoresAForgedAlertInTheMiddle) {
    World world;
    const auto alert = from_hex(
        "15fefd0000000000000063"
        "0002"
        "0228");
    auto& client = world.join(1, world.alice);
    world.loses_to_kmf = [&](const Datagram&) {
        world.to_kmf(1, alert);
        world.to_kmf(1, from_hex("17fefd0000000000000064"
                                 "0001"
                                 "00"));
        world.to_kmf(1, from_hex("ffffffff"));
        return false;
    };
    ASSERT_TRUE(world.run_until_established(client));
    EXPECT_GE(world.tally()[Drop::unprotected_alert], 3u);
    EXPECT_GE(world.tally()[Drop::unprotected_type], 3u);
    EXPECT_GE(world.tally()[Drop::malformed], 3u);
}

TEST(Handshake, SurvivesAForgedAlertAfterwards) {
    World world;
    auto& client = world.join(1, world.alice);
    ASSERT_TRUE(world.run_until_established(client));
    world.to_kmf(1, from_hex("15fefd0000000000000063"
                             "0002"
                             "0228"));
    world.to_kmf(1, from_hex("15fefd0001000000000063"
                             "0002"
                             "0228"));
    EXPECT_EQ(world.kmf->live_associations(), 1u);
    EXPECT_EQ(world.tally().closed, 0u);
}

TEST(Handshake, EndsWhenTheEndpointNeverFinishes) {
    World world(srtp::Profile::double_aes_128_gcm,
                {.handshakes = 10, .handshake_deadline = std::chrono::milliseconds(300)});
    world.loses_to_endpoint = [&](const auto&) { return world.tally().handshakes_started > 0; };
    world.join(1, world.alice);
    ASSERT_TRUE(world.run_until([&] { return world.tally()[Refusal::timed_out] == 1; }));
    EXPECT_GE(world.sent.size(), 3u) << "the KMF repeated its flight meanwhile";
}

TEST(Handshake, EndsWithTheEndpointsCloseNotify) {
    World world;
    auto& client = world.join(1, world.alice);
    ASSERT_TRUE(world.run_until_established(client));
    ASSERT_EQ(world.kmf->live_associations(), 1u);
    client.close();
    ASSERT_TRUE(world.run_until([&] { return world.tally().closed == 1; }));
    EXPECT_EQ(world.kmf->live_associations(), 0u);
    EXPECT_EQ(world.count(kmf::Notice::Kind::closed), 1u);
}

TEST(Handshake, NeverBuildsADatagramAboveItsMtu) {
    World world;
    auto& client = world.join(1, world.alice);
    ASSERT_TRUE(world.run_until_established(client));
    for (const auto& [tunnel, message] : world.sent) EXPECT_LE(message.dtls.size(), 1200u);
}

}  // namespace
}  // namespace mdd::test
