// Datagrams and hellos that are not what they should be.
#include "kmf-tunnel/cookie.h"
#include "tests/support/hex.h"
#include "tests/unit/kmf/hostile_case.h"

namespace mdd::test::hostile {

using namespace std::chrono_literals;
using kmf::Drop;

std::vector<Case> cases_of_datagrams() {
    const auto alert = record(21, 0, {2, 40});
    return {
        {"Junk",
         kV1,
         [](Scene& scene) {
             for (const auto& junk : {Datagram{0}, Datagram(1400, 0xff),
                                      from_hex("8060000100000000"), from_hex("16fefd")})
                 scene.world.to_kmf(kGood, junk);
         },
         {.drop = Drop::malformed, .times = 4}},
        {"AnEmptyDatagram",
         kV1,
         [](Scene& scene) { scene.world.to_kmf(kGood, {}); },
         {.drop = Drop::empty}},
        {"ARecordThatIsCutOff",
         kV1,
         [](Scene& scene) {
             auto cut = scene.hello(scene.world.bob, scene.as_bob());
             cut.pop_back();
             scene.world.to_kmf(kBad, cut);
         },
         {.drop = Drop::malformed}},
        {"BytesBehindTheRecords",
         kV1,
         [](Scene& scene) {
             auto more = scene.hello(scene.world.bob, scene.as_bob());
             more.push_back(0);
             scene.world.to_kmf(kBad, more);
         },
         {.drop = Drop::malformed}},
        {"AForgedAlertForAMember",
         kV1,
         [alert](Scene& scene) { scene.world.to_kmf(kGood, alert); },
         {.drop = Drop::unprotected_alert}},
        {"AForgedAlertDuringAHandshake",
         k9185,
         [alert](Scene& scene) {
             scene.world.loses_to_kmf = [&scene, alert](const Datagram&) {
                 scene.world.to_kmf(kBad, alert);
                 return false;
             };
             scene.shake(scene.world.bob, scene.as_bob());
         },
         {.drop = Drop::unprotected_alert, .times = 3, .or_more = true, .handshakes = 1}},
        {"AForgedAlertBehindAHandshakeRecord",
         kV1,
         [alert](Scene& scene) {
             auto both = scene.hello(scene.world.bob, scene.as_bob());
             both.insert(both.end(), alert.begin(), alert.end());
             scene.world.to_kmf(kBad, both);
         },
         {.drop = Drop::unprotected_alert}},
        {"UnprotectedApplicationData",
         k9185,
         [](Scene& scene) {
             scene.world.to_kmf(kGood, record(23, 0, {1, 2, 3}));
         },
         {.drop = Drop::unprotected_type}},
        {"AnUnprotectedAck",
         k9185,
         [](Scene& scene) {
             scene.world.to_kmf(kGood, record(26, 0, {0, 0}));
         },
         {.drop = Drop::malformed}},
        {"AForgedAckForAMember",
         k9185,
         [](Scene& scene) { scene.world.to_kmf(kGood, record(26, 1, Datagram(8 + 18 + 16, 1))); },
         {}},
        {"ForgedProtectedAlertsForAMember",
         k9185,
         [](Scene& scene) {
             for (std::uint8_t i = 0; i < 50; ++i)
                 scene.world.to_kmf(kGood, record(21, 1, Datagram(8 + 2 + 16, i), i));
         },
         {}},
        {"AReplayOfEverythingAMemberSaid",
         kV1,
         [](Scene& scene) {
             std::vector<Datagram> said;
             scene.world.loses_to_kmf = [&](const Datagram& datagram) {
                 said.push_back(datagram);
                 return false;
             };
             scene.world.join(kGood, scene.world.alice, {.tls_id = kAliceTlsId});
             scene.world.run_until([&] { return scene.world.tally().ekt.acknowledged == 2; });
             scene.world.loses_to_kmf = nullptr;
             for (const auto& datagram : said)
                 if (!tunnel::is_epoch0_handshake(datagram)) scene.world.to_kmf(kGood, datagram);
         },
         {.handshakes = 1}},
    };
}

std::vector<Case> cases_of_hellos() {
    return {
        {"AClientHelloWithoutProfiles",
         kV1,
         [](Scene& scene) {
             auto bare = scene.message(kBad, scene.hello(scene.world.bob, scene.as_bob()));
             bare.body = tunnel::Empty{};
             scene.world.give(bare);
         },
         {.drop = Drop::no_profiles}},
        {"AChangedProfileList",
         kV1,
         [](Scene& scene) {
             scene.world.mdd_profiles = {kDouble128};
             scene.world.to_kmf(kGood, scene.hello(scene.world.bob, scene.as_bob()));
         },
         {.drop = Drop::profiles_changed}},
        {"AClientHelloWithAnInventedCookie",
         k9185,
         [](Scene& scene) {
             // Twice the same hello with a cookie of another association.
             auto& bad = scene.world.join(kBad, scene.world.bob, scene.as_bob());
             const auto first = std::move(bad.outbox.front());
             bad.outbox.clear();
             scene.world.to_kmf(kBad, first);
             bad.feed(scene.world.sent.back().second.dtls);
             const auto second = bad.outbox.front();
             bad.outbox.clear();
             ASSERT_TRUE(tunnel::cookie_returned(second));
             for (std::uint8_t tag = 100; tag < 120; ++tag) scene.world.to_kmf(tag, second);
             EXPECT_EQ(scene.world.tally().cookies_sent, scene.before.cookies_sent + 21);
         },
         {}},
        {"AReplayedClientHelloWithItsCookie",
         k9185,
         [](Scene& scene) {
             Datagram with_cookie;
             scene.world.loses_to_kmf = [&](const Datagram& datagram) {
                 if (with_cookie.empty() && tunnel::cookie_returned(datagram))
                     with_cookie = datagram;
                 return false;
             };
             scene.shake(scene.world.bob, scene.as_bob());
             scene.world.loses_to_kmf = nullptr;
             for (int i = 0; i < 20; ++i) scene.world.to_kmf(kBad, with_cookie);
             EXPECT_EQ(scene.world.tally().handshakes_started, scene.before.handshakes_started + 1)
                 << "it is known: a repeat";
         },
         {.handshakes = 1}},
        {"AFloodOfHellosWithoutCookies",
         k9185,
         [](Scene& scene) {
             const auto hello = scene.hello(scene.world.bob, scene.as_bob());
             for (int i = 0; i < 200; ++i)
                 scene.world.to_kmf(static_cast<std::uint8_t>(70 + i % 100), hello);
             EXPECT_EQ(scene.world.tally().handshakes_started, scene.before.handshakes_started);
         },
         {}},
        {"HandshakesUpToTheLimit",
         k9185,
         [](Scene& scene) {
             scene.world.loses_to_endpoint = [&](const tunnel::Message& message) {
                 return message.dtls.size() > 100;  // all but the cookie
             };
             for (std::uint8_t tag = 70; tag < 80; ++tag)
                 scene.world.join(tag, scene.world.bob, scene.as_bob());
             scene.world.run_until([&] { return scene.world.tally()[Drop::busy] >= 6; });
             EXPECT_EQ(scene.world.tally().handshakes_started, scene.before.handshakes_started + 4);
         },
         {.drop = Drop::busy, .times = 6, .or_more = true},
         {.handshakes = 8, .handshake_deadline = 30s}},
        {"AFragmentThatIsNoHello",
         kV1,
         [](Scene& scene) {
             // A ClientHello by its header, with nothing of one inside.
             Datagram body{1, 0, 0, 60, 0, 0, 0, 0, 0, 0, 0, 60};
             body.resize(12 + 60, 0xff);
             scene.world.to_kmf(kBad, record(22, 0, body, 0));
         },
         {.drop = Drop::bad_hello}},
        {"ADatagramOfNobodysAssociation",
         k9185,
         [](Scene& scene) { scene.world.to_kmf(kBad, record(22, 1, Datagram(40, 1))); },
         {.drop = Drop::stray}},
    };
}

}  // namespace mdd::test::hostile
