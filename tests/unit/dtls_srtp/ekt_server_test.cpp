// What an EktServer makes of anything a client can say, and how it goes on after a restart.
#include "tests/unit/dtls_srtp/call.h"

namespace mdd::test {
namespace {

using dtls::EktServer;
using dtls::Failed;
using dtls::Refused;
using State = dtls::Protected::State;

TEST(EktServer, ReadsAcksOfEightBytesToo) {
    RawClient client;
    client.deliver(7);
    Datagram ack{0, 8, 0, 1, 0, 0, 0, 0, 0, 0};
    ack[9] = static_cast<std::uint8_t>(client.sequence_of_next());
    client.send(26, ack);
    EXPECT_EQ(acknowledged(client.server()), Spis{7});
}

TEST(EktServer, AnAckMustNameARecordThatCarriedTheKey) {
    RawClient client;
    client.deliver(7);
    const auto sequence = client.sequence_of_next();
    for (const auto& number :
         {dtls::RecordNumber{1, sequence + 1}, {1, sequence - 1}, {0, sequence}, {2, sequence}}) {
        const dtls::RecordNumber numbers[] = {number};
        client.send(26, dtls::encode_ack(numbers));
    }
    client.send(26, dtls::encode_ack({}));
    client.send(26, Datagram{});
    client.send(26, Datagram{0, 9, 1});
    EXPECT_TRUE(client.server().server_events.empty());
    EXPECT_TRUE(client.server().server->is_delivering());
    const dtls::RecordNumber right[] = {{1, sequence}};
    client.send(26, dtls::encode_ack(right));
    EXPECT_EQ(acknowledged(client.server()), Spis{7});
}

TEST(EktServer, AFatalAlertRefusesTheKeyAndEndsTheAssociation) {
    RawClient client;
    client.deliver(7);
    client.deliver(8);
    client.send(21, Datagram{2, 47});
    const auto refused = client.server().events<Refused>();
    ASSERT_EQ(refused.size(), 1u);
    EXPECT_EQ(refused[0].spi, 8);
    EXPECT_EQ(refused[0].alert, 47);
    EXPECT_TRUE(refused[0].fatal);
    EXPECT_EQ(client.server().server->state(), State::failed);
    EXPECT_FALSE(client.server().server->deadline());
    EXPECT_EQ(client.server().server_events.size(), 1u);
    client.server().outbox.clear();
    client.deliver(9);
    EXPECT_TRUE(client.server().outbox.empty());
}

TEST(EktServer, AWarningAboutTheKeyStopsItsRepeatsOnly) {
    RawClient client;
    client.deliver(7);
    client.send(21, Datagram{1, 100});
    client.send(21, Datagram{1, 90});
    EXPECT_TRUE(client.server().server_events.empty()) << "these say nothing of keys";
    client.send(21, Datagram{1, 50});
    const auto refused = client.server().events<Refused>();
    ASSERT_EQ(refused.size(), 1u);
    EXPECT_FALSE(refused[0].fatal);
    EXPECT_FALSE(client.server().server->deadline());
    EXPECT_EQ(client.server().server->state(), State::open);
}

TEST(EktServer, AFatalAlertWithoutAKeyEndsTheAssociation) {
    RawClient client;
    client.send(21, Datagram{1, 50});
    EXPECT_TRUE(client.server().server_events.empty());
    client.send(21, Datagram{2, 80});
    const auto failed = client.server().events<Failed>();
    ASSERT_EQ(failed.size(), 1u);
    EXPECT_EQ(failed[0].alert, 80);
    EXPECT_TRUE(failed[0].from_peer);
}

TEST(EktServer, RefusesRenegotiationWithAWarning) {
    RawClient client;
    for (std::uint8_t type : {0, 1}) {
        client.send(22, dtls::encode_handshake(type, 0, Datagram(40)).bytes());
        EXPECT_EQ(client.answer(), (Said{21, {1, 100}}));
    }
    EXPECT_EQ(client.server().server->state(), State::open);
}

TEST(EktServer, IgnoresWhatIsNotForIt) {
    RawClient client;
    client.deliver(7);
    client.server().outbox.clear();
    client.send(23, Datagram(100, 'x'));
    client.send(20, Datagram{1});
    client.send(22, {});
    client.send(22, Datagram{26, 0, 0});
    client.send(21, Datagram{});
    client.send(21, Datagram{0, 0});
    const auto body = dtls::encode_ekt_key(ekt_key(9));
    client.send(22, dtls::encode_handshake(26, 9, body.bytes()).bytes());
    client.server().feed(Datagram{21, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 9, 0, 2, 2, 40}, kStart);
    client.server().feed(Datagram(70, 0x80), kStart);
    EXPECT_TRUE(client.server().outbox.empty());
    EXPECT_TRUE(client.server().server_events.empty());
    EXPECT_TRUE(client.server().server->is_delivering());
}

TEST(EktServer, KeepsABoundedOutbox) {
    RawClient client;
    for (int i = 0; i < 100; ++i)
        client.raw->records.seal(22, {});  // the numbers move on, nothing else
    Datagram flood;
    for (int i = 0; i < 60; ++i) {
        const auto hello = dtls::encode_handshake(1, 0, {});
        const auto record = client.raw->records.seal(22, hello.bytes());
        flood.insert(flood.end(), record.begin(), record.end());
    }
    client.server().feed(flood, kStart);
    EXPECT_EQ(client.server().outbox.size(), dtls::Protected::kOutbox);
}

TEST(FrozenServer, GoesOnWithTheKeyUnderWay) {
    Call call;
    call.deliver(6);
    call.run();
    call.deliver(7);
    const auto frozen = call.server.server->freeze();
    const auto lost = call.server.next();
    const auto later = kStart + 10s;
    auto thawed = EktServer::thaw(frozen.bytes(), {5, 0}, later);
    ASSERT_TRUE(thawed);
    call.server.server = std::move(thawed);
    EXPECT_EQ(call.server.server->deadline(), later);
    call.server.tick(later);
    settle(call.client, call.server, later);
    EXPECT_EQ(spis(call.client), (Spis{6, 7}));
    EXPECT_EQ(acknowledged(call.server), (Spis{6, 7}));
    call.client.feed(lost);
    call.now = later;
    call.deliver(8);
    call.run();
    EXPECT_EQ(spis(call.client), (Spis{6, 7, 8}));
    EXPECT_EQ(acknowledged(call.server), (Spis{6, 7, 8}));
}

TEST(FrozenServer, UnderstandsAnAckOfWhatWasSentBefore) {
    Call call;
    call.deliver(7);
    call.client.feed(call.server.next());
    const auto frozen = call.server.server->freeze();
    auto thawed = EktServer::thaw(frozen.bytes(), {1000, 0}, kStart);
    ASSERT_TRUE(thawed);
    call.server.server = std::move(thawed);
    call.server.feed(call.client.next(), kStart);
    EXPECT_EQ(acknowledged(call.server), Spis{7});
}

// Keys delivered after the bytes were stored have used message numbers that the copy knows nothing
// of.
TEST(FrozenServer, LeavesOutMessagesThatItMayHaveSent) {
    Call call;
    const auto frozen = call.server.server->freeze();
    for (std::uint16_t spi : {1, 2, 3}) {
        call.deliver(spi);
        call.run();
    }
    auto thawed = EktServer::thaw(frozen.bytes(), {1000, 100}, kStart);
    ASSERT_TRUE(thawed);
    call.server.server = std::move(thawed);
    call.deliver(4);
    call.run();
    EXPECT_EQ(spis(call.client), (Spis{1, 2, 3, 4}));
}

TEST(FrozenServer, StillRepeatsItsFlight) {
    Pair pair;
    const auto flight = pair.server.tap.last_flight();
    const auto finished = pair.client.tap.sent_finished();
    ASSERT_TRUE(pair.server.take_over(kStart)) << pair.server.why;
    const auto frozen = pair.server.server->freeze();
    pair.server.server = EktServer::thaw(frozen.bytes(), {10, 0}, kStart);
    ASSERT_TRUE(pair.server.server);
    pair.server.feed(finished, kStart);
    EXPECT_EQ(pair.server.outbox, (std::deque<Datagram>{flight[0]}));
}

TEST(FrozenServer, ChangedOrCutBytesAreRefused) {
    Call call;
    call.deliver(7);
    const auto kept = call.server.server->freeze();
    const Datagram frozen(kept.bytes().begin(), kept.bytes().end());
    EXPECT_TRUE(EktServer::thaw(frozen, {}, kStart));
    for (std::size_t i = 0; i < frozen.size(); ++i) {
        auto changed = frozen;
        changed[i] ^= 1;
        EXPECT_FALSE(EktServer::thaw(changed, {}, kStart)) << "byte " << i;
        EXPECT_FALSE(EktServer::thaw(srtp::Bytes(frozen).first(i), {}, kStart)) << i;
    }
}

// At the end of the sequence the association says so and stops.
TEST(Exhausted, FailsInsteadOfRepeatingANonce) {
    Call call;
    const auto frozen = call.server.server->freeze();
    call.server.server = EktServer::thaw(frozen.bytes(), {(1ULL << 48) - 3, 0}, kStart);
    ASSERT_TRUE(call.server.server);
    call.deliver(7);
    EXPECT_EQ(call.server.outbox.size(), 1u);
    EXPECT_EQ(call.server.server->state(), State::open);
    call.wait();
    EXPECT_EQ(call.server.server->state(), State::failed);
    EXPECT_EQ(call.server.outbox.size(), 1u);
    const auto failed = call.server.events<Failed>();
    ASSERT_EQ(failed.size(), 1u);
    EXPECT_FALSE(failed[0].alert);
    EXPECT_FALSE(call.server.server->deadline());
}

}  // namespace
}  // namespace mdd::test
