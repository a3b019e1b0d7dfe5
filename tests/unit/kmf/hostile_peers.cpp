// Endpoints that shake hands as they should not, members that misbehave, and MDDs that overstep.
#include "tests/unit/kmf/hostile_case.h"

namespace mdd::test::hostile {

using namespace std::chrono_literals;
using kmf::Drop;
using kmf::Refusal;
using tunnel::Dialect;

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

}  // namespace mdd::test::hostile
