// What an EktClient makes of anything a server can say: fragments, malformed keys, alerts, replays.
#include "tests/support/hex.h"
#include "tests/unit/dtls_srtp/call.h"

namespace mdd::test {
namespace {

using dtls::Failed;
using State = dtls::Protected::State;

TEST(EktClient, PutsFragmentsTogetherInAnyOrderAndAcknowledgesTheirRecords) {
    RawServer server;
    const auto body = dtls::encode_ekt_key(ekt_key(7));
    const auto number = server.next_message();
    const auto first = server.raw->records.next_sequence();
    std::vector<Datagram> pieces{server.piece(number, body.bytes(), 0, 10),
                                 server.piece(number, body.bytes(), 8, 30),
                                 server.piece(number, body.bytes(), 30, 37)};
    server.client().feed(pieces[2]);
    server.client().feed(pieces[0]);
    EXPECT_TRUE(server.client().keys.empty());
    EXPECT_TRUE(server.client().outbox.empty());
    server.client().feed(pieces[1]);
    EXPECT_EQ(spis(server.client()), Spis{7});
    EXPECT_EQ(to_hex(server.client().keys[0].key_value()), to_hex(ekt_key(7).key_value()));
    EXPECT_EQ(server.acknowledged_records(),
              (std::vector<std::uint64_t>{first + 2, first, first + 1}));
}

TEST(EktClient, TakesSeveralRecordsOfOneDatagramAndAnswersOnce) {
    RawServer server;
    const auto first = server.raw->records.next_sequence();
    Datagram datagram;
    for (std::uint16_t i = 0; i < 3; ++i) {
        const auto body = dtls::encode_ekt_key(ekt_key(i));
        const auto message = dtls::encode_handshake(
            26, static_cast<std::uint16_t>(server.next_message() + i), body.bytes());
        const auto record = server.raw->records.seal(22, message.bytes());
        datagram.insert(datagram.end(), record.begin(), record.end());
    }
    server.client().feed(datagram);
    EXPECT_EQ(spis(server.client()), (Spis{0, 1, 2}));
    EXPECT_EQ(server.client().outbox.size(), 1u);
    EXPECT_EQ(server.acknowledged_records(),
              (std::vector<std::uint64_t>{first, first + 1, first + 2}));
}

TEST(EktClient, TakesNumbersThatLeaveSomeOutAndWrap) {
    RawServer server;
    server.send_key(static_cast<std::uint16_t>(server.next_message() + 0x7000), 1);
    server.send_key(static_cast<std::uint16_t>(server.next_message() + 0xe000), 2);
    server.send_key(0xffff, 3);
    server.send_key(1, 4);
    server.send_key(0, 5);
    EXPECT_EQ(spis(server.client()), (Spis{1, 2, 3, 4}));
    EXPECT_EQ(server.client().outbox.size(), 5u) << "the late one has its ACK too";
}

TEST(EktClient, AnswersWhatItCannotProcessWithAFatalAlert) {
    const auto good = dtls::encode_ekt_key(ekt_key(7));
    const std::string hex = to_hex(good.bytes());
    const std::string salt = "000c505152535455565758595a5b", tail = "0102015180";
    const std::string key = hex.substr(0, 36);
    const auto key_256 = dtls::encode_ekt_key(ekt_key(7, 32));
    for (const auto& [body, alert] : {
             std::pair{std::string(), 50},                     // nothing
             {hex.substr(0, hex.size() - 2), 50},              // cut
             {hex + "00", 50},                                 // too long
             {std::string("0000") + salt + tail, 50},          // empty key
             {key + "0000" + tail, 50},                        // empty salt
             {key + "000b50515253545556575859" + tail, 50},    // a salt of 10 bytes called 11
             {key + "000b505152535455565758595a" + tail, 47},  // short salt
             {std::string("0001aa") + salt + tail, 47},        // key of no cipher
             {to_hex(key_256.bytes()), 47},                    // key of the other cipher
             {std::string(2 * 522, '0'), 50},                  // longer than any
         }) {
        RawServer server;
        server.send_message(server.next_message(), from_hex(body));
        const auto [type, plaintext] = server.answer();
        EXPECT_EQ(type, 21) << body;
        EXPECT_EQ(plaintext, (Datagram{2, static_cast<std::uint8_t>(alert)})) << body;
        EXPECT_EQ(server.client().client->state(), State::failed);
        ASSERT_EQ(server.client().client_ends.size(), 1u);
        const auto& failed = std::get<Failed>(server.client().client_ends[0]);
        EXPECT_EQ(failed.alert, alert);
        EXPECT_FALSE(failed.from_peer);
        EXPECT_TRUE(server.client().keys.empty());
        server.send_key(server.next_message(), 9);
        EXPECT_TRUE(server.client().keys.empty()) << "it is over";
        EXPECT_TRUE(server.client().outbox.empty());
    }
}

TEST(EktClient, AnswersHandshakeRecordsThatDoNotAddUpWithDecodeError) {
    for (const auto* hex : {"1a", "1a000025000500000000002500", "1a0000020005000003000001aa"}) {
        RawServer server;
        server.send(22, from_hex(hex));
        EXPECT_EQ(server.answer(), (Said{21, {2, 50}})) << hex;
    }
}

TEST(EktClient, TakesNoKeyWhenEktWasNotAgreed) {
    EndOptions options;
    options.hello.ekt_ciphers.clear();
    RawServer server(options);
    server.send_key(server.next_message(), 7);
    EXPECT_EQ(server.answer(), (Said{21, {2, 10}}));
    EXPECT_TRUE(server.client().keys.empty());
}

TEST(EktClient, IgnoresApplicationDataAcksAndUnknownHandshakes) {
    RawServer server;
    server.send(23, Datagram(100, 'x'));
    server.send(20, Datagram{1});
    server.send(26, dtls::encode_ack({}));
    server.send(26, Datagram{9, 9, 9});
    server.send(21, Datagram{2});
    server.send(21, Datagram{3, 80});
    server.send(21, Datagram{1, 90});
    server.send(22, {});
    server.send(22, dtls::encode_handshake(4, 9, Datagram(40)).bytes());
    EXPECT_TRUE(server.client().outbox.empty());
    EXPECT_TRUE(server.client().client_ends.empty());
    server.send_key(server.next_message(), 7);
    EXPECT_EQ(spis(server.client()), Spis{7});
}

TEST(EktClient, RefusesRenegotiationWithAWarningAndGoesOn) {
    RawServer server;
    for (std::uint8_t type : {0, 1}) {
        server.send(22, dtls::encode_handshake(type, 0, {}).bytes());
        EXPECT_EQ(server.answer(), (Said{21, {1, 100}}));
    }
    server.send_key(server.next_message(), 7);
    EXPECT_EQ(spis(server.client()), Spis{7});
}

TEST(EktClient, IgnoresUnprotectedRecords) {
    RawServer server;
    server.client().feed(Datagram{21, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 9, 0, 2, 2, 40});
    server.client().feed(Datagram{22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 9, 0, 1, 0});
    server.client().feed(Datagram{});
    server.client().feed(Datagram(2000, 0xff));
    EXPECT_EQ(server.client().client->state(), State::open);
    EXPECT_TRUE(server.client().outbox.empty());
}

TEST(EktClient, DropsReplaysOfAKey) {
    Call call;
    call.deliver(7);
    const auto datagram = call.server.next();
    call.client.feed(datagram);
    call.client.outbox.clear();
    call.client.feed(datagram);
    EXPECT_TRUE(call.client.outbox.empty()) << "not even an ACK for what anybody can repeat";
    auto forged = datagram;
    forged.back() ^= 1;
    call.client.feed(forged);
    call.client.feed(srtp::Bytes(datagram).first(datagram.size() - 1));
    EXPECT_TRUE(call.client.outbox.empty());
    EXPECT_EQ(call.client.keys.size(), 1u);
}

}  // namespace
}  // namespace mdd::test
