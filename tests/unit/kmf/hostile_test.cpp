// Endpoints and MDDs that misbehave: each case does one thing wrong, and exactly one verdict must
// count it, with nothing else changed: the good member of the conference stays one and hears no
// more than it should.
#include <gtest/gtest.h>

#include "kmf-tunnel/cookie.h"
#include "tests/support/hex.h"
#include "tests/unit/kmf/world.h"

namespace mdd::test {
namespace {

using namespace std::chrono_literals;
using kmf::Drop;
using kmf::Refusal;
using tunnel::Dialect;

constexpr std::uint8_t kGood = 1;
constexpr std::uint8_t kBad = 66;

// A world with one good member. What a case does comes after that.
struct Scene {
    World world;
    kmf::Tally before;
    Dialect dialect;

    static Setup setup(Dialect dialect, const kmf::Limits& limits) {
        Setup made{.dialect = dialect};
        made.limits = limits;
        // Nobody else's coming and going may reach the good member.
        made.rekey = {.on_join = false, .on_leave = false};
        return made;
    }
    explicit Scene(Dialect by, const kmf::Limits& limits = {})
        : world(setup(by, limits)), dialect(by) {
        world.join(kGood, world.alice, {.tls_id = kAliceTlsId});
        EXPECT_TRUE(world.run_until([&] { return world.tally().ekt.acknowledged == 1; }));
        before = world.tally();
    }

    DtlsClient& good() { return world.client(kGood); }
    ClientOptions as_bob() const { return {.tls_id = kBobTlsId}; }
    // The first ClientHello of a client that does nothing else.
    Datagram hello(const TestCertificate& certificate, const ClientOptions& options) {
        return DtlsClient(certificate, options).outbox.front();
    }
    tunnel::Message message(std::uint8_t tag, const Datagram& dtls) {
        return world.wrapped(association_id(tag), dtls);
    }
    // Runs until the handshake of `kBad` has ended one way or the other.
    void shake(const TestCertificate& certificate, const ClientOptions& options) {
        auto& bad = world.join(kBad, certificate, options);
        world.run_until([&] { return bad.has_failed() || bad.is_established(); }, 3s);
    }
    void from_other_mdd() {
        world.bring_up(TunnelId{2}, world.mdd_two);
        world.route = TunnelId{2};
    }
};

// What must have been counted; nothing else may have been.
struct Verdict {
    std::optional<Drop> drop{};
    std::optional<Refusal> refusal{};
    int alert = 0;                   // OpenSSL's reason at the endpoint; 0: not looked at
    std::uint64_t times = 1;         // of that drop or refusal
    bool or_more = false;            // timers have a say in it
    std::uint64_t failed = 0;        // members lost by it
    std::uint64_t disconnected = 0;  // likewise
    std::uint64_t handshakes = 0;    // completed by it
};

struct Case {
    const char* name;
    Dialect dialect;
    std::function<void(Scene&)> act;
    Verdict verdict;
    kmf::Limits limits{};
};

Datagram record(std::uint8_t type, std::uint16_t epoch, const Datagram& body,
                std::uint8_t sequence = 99) {
    Datagram made{type, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, sequence, 0, 0};
    srtp::store_be16(&made[3], epoch);
    srtp::store_be16(&made[11], static_cast<std::uint16_t>(body.size()));
    made.insert(made.end(), body.begin(), body.end());
    return made;
}

constexpr auto kV1 = Dialect::dtls_v1;
constexpr auto k9185 = Dialect::rfc9185;

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

std::vector<Case> cases_of_refusals() {
    return {
        {"AProfileThatWasNotOffered",
         kV1,
         [](Scene& scene) {
             scene.shake(scene.world.bob, {.profiles = {srtp::Profile::aead_aes_128_gcm}});
         },
         {.refusal = Refusal::no_common_profile, .alert = SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE}},
        {"NoUseSrtpAtAll",
         kV1,
         [](Scene& scene) { scene.shake(scene.world.bob, {.profiles = {}}); },
         {.refusal = Refusal::no_common_profile, .alert = SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE}},
        {"NoEkt",
         kV1,
         [](Scene& scene) { scene.shake(scene.world.bob, {.ekt = {}}); },
         {.refusal = Refusal::no_ekt, .alert = SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE}},
        {"NoExtendedMasterSecret",
         kV1,
         [](Scene& scene) { scene.shake(scene.world.bob, {.extended_secret = false}); },
         {.refusal = Refusal::no_extended_secret, .alert = SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE}},
        {"NoCertificate",
         kV1,
         [](Scene& scene) { scene.shake(scene.world.bob, {.with_certificate = false}); },
         {.refusal = Refusal::handshake_failed, .alert = SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE}},
        {"AnUnknownCertificate",
         k9185,
         [](Scene& scene) { scene.shake(scene.world.mallory, scene.as_bob()); },
         {.refusal = Refusal::unknown_certificate, .alert = SSL_R_SSLV3_ALERT_BAD_CERTIFICATE}},
        {"AnothersTlsId",
         k9185,
         [](Scene& scene) { scene.shake(scene.world.bob, {.tls_id = kCarolTlsId}); },
         {.refusal = Refusal::wrong_tls_id, .alert = SSL_R_SSLV3_ALERT_ILLEGAL_PARAMETER}},
        {"NoTlsId",
         k9185,
         [](Scene& scene) { scene.shake(scene.world.bob, {}); },
         {.refusal = Refusal::wrong_tls_id, .alert = SSL_R_SSLV3_ALERT_ILLEGAL_PARAMETER}},
        {"AConferenceOfAnotherMdd",
         k9185,
         [](Scene& scene) { scene.shake(scene.world.bob, {.tls_id = "second-" + kBobTlsId}); },
         {.refusal = Refusal::wrong_tls_id, .alert = SSL_R_SSLV3_ALERT_ILLEGAL_PARAMETER}},
        {"ASecondHandshakeInTheFirst",
         kV1,
         [](Scene& scene) {
             scene.world.loses_to_endpoint = [&](const auto&) {
                 return scene.world.tally().handshakes_started ==
                        scene.before.handshakes_started + 1;
             };
             scene.world.join(kBad, scene.world.bob, scene.as_bob());
             scene.world.run_until([&] {
                 return scene.world.tally().handshakes_started ==
                        scene.before.handshakes_started + 1;
             });
             scene.world.loses_to_endpoint = nullptr;
             scene.shake(scene.world.bob, scene.as_bob());
         },
         {.refusal = Refusal::superseded, .handshakes = 1}},
        {"AHandshakeThatIsNeverFinished",
         k9185,
         [](Scene& scene) {
             scene.world.loses_to_endpoint = [](const tunnel::Message& message) {
                 return message.dtls.size() > 100;
             };
             scene.world.join(kBad, scene.world.bob, scene.as_bob());
             scene.world.run_until([&] { return scene.world.tally()[Refusal::timed_out] == 1; });
         },
         {.refusal = Refusal::timed_out},
         {.handshakes = 10, .handshake_deadline = 150ms}},
    };
}

std::vector<Case> cases_of_mdds() {
    return {
        {"AnUnknownConference",
         kV1,
         [](Scene& scene) {
             scene.world.conference = conference_id(0xCE);
             scene.world.to_kmf(kBad, scene.hello(scene.world.bob, scene.as_bob()));
         },
         {.drop = Drop::conference_unknown}},
        {"AForbiddenConference",
         kV1,
         [](Scene& scene) {
             scene.world.conference = conference_id(0xC1);
             scene.world.to_kmf(kBad, scene.hello(scene.world.bob, scene.as_bob()));
         },
         {.drop = Drop::conference_forbidden}},
        {"AChangedConference",
         kV1,
         [](Scene& scene) {
             scene.world.reload([](auto& mdds, auto&) { mdds[0].all_conferences = true; });
             scene.world.conference = conference_id(0xC1);
             scene.world.to_kmf(kGood, scene.hello(scene.world.bob, scene.as_bob()));
         },
         {.drop = Drop::conference_changed}},
        {"AnUnlistedMdd",
         k9185,
         [](Scene& scene) {
             scene.world.bring_up(TunnelId{2}, scene.world.mallory);
             scene.world.route = TunnelId{2};
             scene.world.to_kmf(kBad, scene.hello(scene.world.bob, scene.as_bob()));
             scene.world.disconnect(kGood);
         },
         {.drop = Drop::mdd_unknown, .times = 2}},
        {"ADisconnectStorm",
         k9185,
         [](Scene& scene) {
             for (int i = 0; i < 1000; ++i)
                 scene.world.disconnect(static_cast<std::uint8_t>(70 + i % 100));
         },
         {.drop = Drop::unknown_disconnect, .times = 1000}},
        {"ADisconnectOfAForeignAssociation",
         k9185,
         [](Scene& scene) {
             scene.from_other_mdd();
             scene.world.disconnect(kGood);
         },
         {.drop = Drop::foreign_mdd}},
        {"ADisconnectOverTheWrongDialect",
         k9185,
         [](Scene& scene) {
             scene.world.bring_up(TunnelId{2}, scene.world.mdd, Dialect::dtls_v1);
             scene.world.route = TunnelId{2};
             scene.world.disconnect(kGood);
         },
         {.drop = Drop::unknown_disconnect}},
        {"TwoDisconnectsOfOneAssociation",
         k9185,
         [](Scene& scene) {
             scene.shake(scene.world.bob, scene.as_bob());
             scene.world.disconnect(kBad);
             scene.world.disconnect(kBad);
         },
         {.drop = Drop::unknown_disconnect, .disconnected = 1, .handshakes = 1}},
        {"AnAssociationThatIsBroughtBackAfterItsDisconnect",
         k9185,
         [](Scene& scene) {
             scene.shake(scene.world.bob, scene.as_bob());
             scene.world.disconnect(kBad);
             scene.world.to_kmf(kBad, scene.hello(scene.world.bob, scene.as_bob()));
         },
         {.drop = Drop::quarantined, .disconnected = 1, .handshakes = 1}},
        {"AnotherMddInAHandshakeUnderWay",
         k9185,
         [](Scene& scene) {
             scene.world.loses_to_endpoint = [](const tunnel::Message& message) {
                 return message.dtls.size() > 100;
             };
             scene.world.join(kBad, scene.world.bob, scene.as_bob());
             scene.world.run_until([&] {
                 return scene.world.tally().handshakes_started ==
                        scene.before.handshakes_started + 1;
             });
             scene.from_other_mdd();
             scene.world.to_kmf(kBad, record(22, 0, Datagram(40, 1)));
         },
         {.drop = Drop::foreign_mdd}},
    };
}

std::vector<Case> cases_of_ekt() {
    return {
        {"AnEktKeyAnsweredWithAnAlert",
         k9185,
         [](Scene& scene) {
             scene.world.loses_to_endpoint = [](const tunnel::Message& message) {
                 return tunnel::has_protected_handshake(message.dtls) &&
                        std::holds_alternative<tunnel::Empty>(message.body);
             };
             scene.shake(scene.world.bob, scene.as_bob());
             scene.world.client(kBad).fail(47);
             scene.world.run_until([&] { return scene.world.tally().failed == 1; });
             EXPECT_EQ(scene.world.tally().ekt.refused, 1u);
         },
         {.failed = 1, .handshakes = 1}},
        {"AnAlertOfAMemberWithNothingUnderWay",
         k9185,
         [](Scene& scene) {
             scene.shake(scene.world.bob, scene.as_bob());
             scene.world.run_until([&] { return scene.world.tally().ekt.acknowledged == 2; });
             scene.world.client(kBad).fail(80);
             scene.world.run_until([&] { return scene.world.tally().failed == 1; });
             EXPECT_EQ(scene.world.tally().ekt.refused, 0u);
         },
         {.failed = 1, .handshakes = 1}},
        {"AnAckForRecordsThatWereNeverSent",
         k9185,
         [](Scene& scene) {
             scene.world.loses_to_endpoint = [](const tunnel::Message& message) {
                 return tunnel::has_protected_handshake(message.dtls) &&
                        std::holds_alternative<tunnel::Empty>(message.body);
             };
             scene.shake(scene.world.bob, scene.as_bob());
             std::vector<dtls::RecordNumber> numbers;
             for (std::uint64_t n = 1000; n < 1100; ++n) numbers.push_back({1, n});
             numbers.push_back({0, 1});
             numbers.push_back({2, 1});
             scene.world.client(kBad).say(dtls::kAckContent, dtls::encode_ack(numbers));
             scene.world.run_for(20ms);
             EXPECT_EQ(scene.world.tally().ekt.acknowledged, 1u) << "the good member's";
         },
         {.handshakes = 1}},
        {"AnAckThatIsNoAck",
         k9185,
         [](Scene& scene) {
             scene.shake(scene.world.bob, scene.as_bob());
             scene.world.client(kBad).say(dtls::kAckContent, {0, 99, 1});
             scene.world.run_for(20ms);
         },
         {.handshakes = 1}},
        {"ApplicationDataOfAMember",
         k9185,
         [](Scene& scene) {
             scene.shake(scene.world.bob, scene.as_bob());
             scene.world.client(kBad).say(23, Datagram(1000, 7));
             scene.world.run_for(20ms);
         },
         {.handshakes = 1}},
        {"AnEktKeyFromAnEndpoint",
         k9185,
         [](Scene& scene) {
             scene.shake(scene.world.bob, scene.as_bob());
             Datagram message{dtls::kEktKeyHandshake, 0, 0, 37, 0, 9, 0, 0, 0, 0, 0, 37};
             message.resize(12 + 37, 1);
             scene.world.client(kBad).say(22, message);
             scene.world.run_for(20ms);
             EXPECT_EQ(scene.good().keys().size(), 1u);
         },
         {.failed = 0, .handshakes = 1}},
    };
}

std::vector<Case> all_cases() {
    std::vector<Case> all;
    for (auto* group :
         {cases_of_datagrams, cases_of_hellos, cases_of_refusals, cases_of_mdds, cases_of_ekt})
        std::ranges::move(group(), std::back_inserter(all));
    return all;
}

void PrintTo(const Case& one, std::ostream* out) {
    *out << one.name;
}

class Hostile : public ::testing::TestWithParam<Case> {};

TEST_P(Hostile, IsCountedOnceAndChangesNothingElse) {
    const auto& [name, dialect, act, verdict, limits] = GetParam();
    Scene scene(dialect, limits);
    act(scene);
    scene.world.loses_to_endpoint = nullptr;
    scene.world.loses_to_kmf = nullptr;
    const auto after = scene.world.tally();
    for (std::size_t i = 0; i < kmf::kDropNames.size(); ++i) {
        const auto more = after.dropped[i] - scene.before.dropped[i];
        const auto expected = verdict.drop == static_cast<Drop>(i) ? verdict.times : 0;
        const bool is_right = verdict.or_more && expected > 0 ? more >= expected : more == expected;
        EXPECT_TRUE(is_right) << kmf::kDropNames[i] << ": " << more << ", not " << expected;
    }
    for (std::size_t i = 0; i < kmf::kRefusalNames.size(); ++i) {
        const auto more = after.refused[i] - scene.before.refused[i];
        EXPECT_EQ(more, verdict.refusal == static_cast<Refusal>(i) ? verdict.times : 0)
            << kmf::kRefusalNames[i];
    }
    const bool looks_at_alert = verdict.alert != 0;
    EXPECT_EQ(looks_at_alert ? scene.world.client(kBad).failure_reason() : 0, verdict.alert);
    EXPECT_EQ(after.handshakes_completed - scene.before.handshakes_completed, verdict.handshakes);
    EXPECT_EQ(after.failed, verdict.failed);
    EXPECT_EQ(after.disconnected, verdict.disconnected);
    EXPECT_EQ(after.closed, 0u);
    EXPECT_EQ(after.put_out, 0u);

    // The good member is still heard.
    scene.world.route = World::kTunnel;
    scene.world.conference = conference_id(0xC0);
    scene.world.mdd_profiles = {0x0009, 0x000A, 0x0007, 0x0008};
    ASSERT_FALSE(scene.good().was_closed());
    scene.good().close();
    EXPECT_TRUE(scene.world.run_until([&] { return scene.world.tally().closed == 1; }));
}

INSTANTIATE_TEST_SUITE_P(Peers, Hostile, ::testing::ValuesIn(all_cases()),
                         [](const auto& one) { return std::string(one.param.name); });

}  // namespace
}  // namespace mdd::test
