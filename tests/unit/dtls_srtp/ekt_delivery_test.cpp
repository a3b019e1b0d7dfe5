// An EktServer and an EktClient on the two ends of an association: keys delivered, acknowledged,
// repeated and superseded, through every loss. Time is virtual.
#include "tests/support/hex.h"
#include "tests/unit/dtls_srtp/call.h"

namespace mdd::test {
namespace {

using dtls::EktServer;
using dtls::Unanswered;
using State = dtls::Protected::State;

TEST(EktDelivery, BringsTheKeyAndItsAcknowledgement) {
    for (const auto& [ciphers, cipher] :
         {std::pair{kAes128, dtls::EktCipher::aeskw_128}, {kAes256, dtls::EktCipher::aeskw_256}}) {
        EndOptions options;
        options.ciphers = ciphers;
        options.hello.ekt_ciphers = {cipher};
        Call call(options);
        const auto key_bytes = dtls::ekt_key_bytes(cipher);
        EXPECT_FALSE(call.server.server->deadline());
        call.deliver(7, key_bytes);
        EXPECT_TRUE(call.server.server->is_delivering());
        EXPECT_EQ(call.server.server->deadline(), kStart + 250ms);
        ASSERT_EQ(call.server.outbox.size(), 1u);
        EXPECT_EQ(call.server.outbox.front().size(), 13 + 24 + 12 + (key_bytes == 16 ? 37 : 53u));
        call.run();
        ASSERT_EQ(call.client.keys.size(), 1u);
        const auto& key = call.client.keys[0];
        EXPECT_EQ(to_hex(key.key_value()), to_hex(ekt_key(7, key_bytes).key_value()));
        EXPECT_EQ(to_hex(key.salt.bytes()), "505152535455565758595a5b");
        EXPECT_EQ(key.ttl, 86400s);
        EXPECT_EQ(acknowledged(call.server), Spis{7});
        EXPECT_FALSE(call.server.server->is_delivering());
        EXPECT_FALSE(call.server.server->deadline());
    }
}

TEST(EktDelivery, CountsMessagesOnFromTheFinished) {
    Pair pair;
    auto server = dtls::take_over(pair.server.ssl, pair.server.tap, pair.server.why);
    auto client = dtls::take_over(pair.client.ssl, pair.client.tap, pair.client.why);
    ASSERT_TRUE(server && client);
    const auto finished = server->sent_message;
    EktServer ekt(std::move(*server), kStart);
    for (std::uint16_t i = 1; i <= 3; ++i) {
        ekt.deliver(ekt_key(i), kStart);
        const auto outgoing = ekt.next_datagram();
        ASSERT_TRUE(outgoing);
        EXPECT_FALSE(outgoing->resends_flight);
        tunnel::RecordWalk walk(outgoing->datagram);
        std::optional<dtls::RecordLayer::Opened> opened;
        while (const auto record = walk.next()) opened = client->records.open(*record);
        ASSERT_TRUE(opened);
        const auto message = dtls::FragmentWalk(opened->plaintext.bytes()).next();
        ASSERT_TRUE(message);
        EXPECT_EQ(message->type, 26);
        EXPECT_EQ(message->message_seq, finished + i);
        EXPECT_TRUE(message->is_whole());
    }
}

TEST(EktDelivery, IsRepeatedUntilItArrives) {
    Call call;
    call.deliver(7);
    std::vector<std::chrono::milliseconds> waits;
    for (int lost = 0; lost < 3; ++lost) {
        call.server.outbox.clear();
        const auto before = call.now;
        ASSERT_TRUE(call.wait());
        waits.push_back(std::chrono::duration_cast<std::chrono::milliseconds>(call.now - before));
    }
    EXPECT_EQ(waits, (std::vector{250ms, 500ms, 1000ms}));
    call.run();
    EXPECT_EQ(spis(call.client), Spis{7});
    EXPECT_EQ(acknowledged(call.server), Spis{7});
}

TEST(EktDelivery, AcknowledgesEveryCopyAndDeliversOne) {
    Call call;
    call.deliver(7);
    for (int lost = 0; lost < 2; ++lost) {
        call.client.feed(call.server.next());
        ASSERT_EQ(call.client.outbox.size(), 1u) << "each copy has its ACK";
        call.client.outbox.clear();
        ASSERT_TRUE(call.wait());
    }
    call.run();
    EXPECT_EQ(spis(call.client), Spis{7});
    EXPECT_EQ(acknowledged(call.server), Spis{7});
    EXPECT_FALSE(call.wait());
}

TEST(EktDelivery, AnAcknowledgementOfAnEarlierCopyCounts) {
    Call call;
    call.deliver(7);
    call.client.feed(call.server.next());
    const auto late_ack = call.client.next();
    call.wait();
    call.server.outbox.clear();
    call.wait();
    call.server.outbox.clear();
    call.server.feed(late_ack, call.now);
    EXPECT_EQ(acknowledged(call.server), Spis{7});
    EXPECT_FALSE(call.server.server->deadline());
}

TEST(EktDelivery, DoublesTheWaitUpToFourSecondsAndGivesUp) {
    Call call;
    call.deliver(7);
    std::vector<std::chrono::milliseconds> waits;
    for (;;) {
        const auto before = call.now;
        const auto sent = call.server.outbox.size();
        if (!call.wait()) break;
        waits.push_back(std::chrono::duration_cast<std::chrono::milliseconds>(call.now - before));
        if (call.server.server_events.empty()) {
            EXPECT_EQ(call.server.outbox.size(), sent + 1);
        }
    }
    EXPECT_EQ(waits, (std::vector<std::chrono::milliseconds>{250ms, 500ms, 1s, 2s, 4s, 4s, 4s, 4s,
                                                             4s, 4s, 4s, 4s, 4s}));
    EXPECT_EQ(call.server.outbox.size(), 13u);
    ASSERT_EQ(call.server.events<Unanswered>().size(), 1u);
    EXPECT_EQ(call.server.events<Unanswered>()[0].spi, 7);
    EXPECT_EQ(call.server.server->state(), State::open);
    EXPECT_FALSE(call.server.server->is_delivering());

    call.server.outbox.clear();
    call.deliver(7);
    call.run();
    EXPECT_EQ(spis(call.client), Spis{7});
    EXPECT_EQ(acknowledged(call.server), Spis{7});
}

TEST(EktDelivery, NothingIsRepeatedBeforeItsTime) {
    Call call;
    call.deliver(7);
    call.server.outbox.clear();
    call.server.tick(kStart + 249ms);
    EXPECT_TRUE(call.server.outbox.empty());
    call.server.tick(kStart + 250ms);
    EXPECT_EQ(call.server.outbox.size(), 1u);
}

TEST(EktRekey, ALaterKeyTakesTheOldersPlaceAtOnce) {
    Call call;
    call.deliver(7);
    call.server.outbox.clear();
    call.now += 100ms;
    call.deliver(8);
    EXPECT_EQ(call.server.server->deadline(), kStart + 350ms) << "timers start over";
    call.run();
    EXPECT_EQ(spis(call.client).back(), 8);
    EXPECT_EQ(acknowledged(call.server).back(), 8);
    EXPECT_FALSE(call.server.server->is_delivering());
}

TEST(EktRekey, TheOlderKeyGoesInFrontForClientsThatTakeThemInOrder) {
    Call call;
    call.deliver(7);
    call.server.outbox.clear();
    call.deliver(8);
    ASSERT_EQ(call.server.outbox.size(), 1u);
    tunnel::RecordWalk walk(call.server.outbox.front());
    EXPECT_TRUE(walk.next());
    EXPECT_TRUE(walk.next());
    EXPECT_TRUE(walk.well_formed());
    call.run();
    EXPECT_EQ(spis(call.client), (Spis{7, 8}));
    EXPECT_EQ(acknowledged(call.server), (Spis{7, 8}));
}

// A key that arrives behind its successor would otherwise be taken for the current one.
TEST(EktRekey, AnOvertakenKeyIsAcknowledgedButNeverDelivered) {
    Call call;
    call.deliver(7);
    const auto first = call.server.next();
    call.deliver(8);
    auto both = call.server.next();
    tunnel::RecordWalk walk(both);
    walk.next();
    const auto newest = walk.next();
    ASSERT_TRUE(newest);
    call.client.feed(newest->whole);
    call.client.feed(first);
    EXPECT_EQ(spis(call.client), Spis{8});
    EXPECT_EQ(call.client.outbox.size(), 2u);
    call.run();
    EXPECT_EQ(acknowledged(call.server), (Spis{8, 7}));
}

TEST(EktRekey, NoMoreThanFourKeysAreUnderWay) {
    Call call;
    for (std::uint16_t spi = 1; spi <= 10; ++spi) call.deliver(spi);
    const auto newest = call.server.outbox.back();
    tunnel::RecordWalk walk(newest);
    std::size_t records = 0;
    while (walk.next()) ++records;
    EXPECT_EQ(records, EktServer::kInFlight);
    call.client.feed(newest);
    EXPECT_EQ(spis(call.client), (Spis{7, 8, 9, 10}));
    call.server.outbox.clear();
    call.run();
    EXPECT_EQ(acknowledged(call.server), (Spis{7, 8, 9, 10}));
    EXPECT_TRUE(call.server.events<Unanswered>().empty());
}

TEST(EktRekey, TheSameKeyAgainIsNoNewMessage) {
    Call call;
    call.deliver(7);
    call.now += 200ms;
    call.deliver(7);
    EXPECT_EQ(call.server.server->deadline(), kStart + 450ms);
    EXPECT_EQ(call.server.outbox.size(), 2u);
    EXPECT_EQ(call.server.outbox[0].size(), call.server.outbox[1].size()) << "one record each";
    call.run();
    EXPECT_EQ(spis(call.client), Spis{7});
    EXPECT_EQ(acknowledged(call.server), Spis{7});
}

TEST(EktRekey, AKeyDeliveredAgainAfterItsAcknowledgementIsNotNewToTheClient) {
    Call call;
    call.deliver(7);
    call.run();
    call.deliver(7);
    call.run();
    EXPECT_EQ(spis(call.client), Spis{7});
    EXPECT_EQ(acknowledged(call.server), (Spis{7, 7}));
}

TEST(EktRekey, GoesOnForHundredsOfKeys) {
    Call call;
    for (std::uint16_t spi = 100; spi < 400; ++spi) {
        call.deliver(spi);
        call.run();
    }
    EXPECT_EQ(call.client.keys.size(), 300u);
    EXPECT_EQ(acknowledged(call.server).size(), 300u);
}

// Every datagram of a run with two keys is lost once, and each pair of them.
TEST(EktLoss, AnyLostDatagramIsMadeUpFor) {
    const auto play = [](std::size_t one, std::size_t other) {
        Call call;
        std::size_t number = 0;
        const auto flow = [&] {
            while (!call.client.outbox.empty() || !call.server.outbox.empty()) {
                auto& from = call.server.outbox.empty() ? call.client : call.server;
                auto& to = call.server.outbox.empty() ? call.server : call.client;
                const auto datagram = from.next();
                if (number != one && number != other) to.feed(datagram, call.now);
                ++number;
            }
        };
        for (std::uint16_t spi : {7, 8}) {
            call.deliver(spi);
            flow();
            while (call.server.server->is_delivering() && call.wait()) flow();
        }
        EXPECT_EQ(spis(call.client), (Spis{7, 8})) << one << " " << other;
        EXPECT_EQ(acknowledged(call.server), (Spis{7, 8})) << one << " " << other;
        return number;
    };
    const auto total = play(1000, 1000);
    EXPECT_EQ(total, 4u) << "two keys, two ACKs";
    for (std::size_t one = 0; one < total + 2; ++one)
        for (std::size_t other = one; other < total + 4; ++other) play(one, other);
}

}  // namespace
}  // namespace mdd::test
