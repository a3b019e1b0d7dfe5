// Where a taken-over association meets a stock OpenSSL: repeated Finished, an ekt_key that
// overtakes it, close_notify, alerts, data and renegotiation.
#include <unistd.h>

#include "tests/unit/dtls_srtp/call.h"

namespace mdd::test {
namespace {

using dtls::Closed;
using State = dtls::Protected::State;
using Alerts = std::vector<std::pair<int, int>>;

// The client has not had our last flight and repeats its own, bit by bit or sealed anew.
TEST(RepeatedFinished, BringsTheStoredFlightAgain) {
    Pair pair;
    const auto flight = pair.server.tap.last_flight();
    const auto finished = pair.client.tap.sent_finished();
    ASSERT_TRUE(pair.server.take_over(kStart)) << pair.server.why;
    pair.server.feed(finished, kStart + 99ms);
    EXPECT_TRUE(pair.server.outbox.empty()) << "somebody's replay";
    pair.server.feed(finished, kStart + 100ms);
    EXPECT_EQ(pair.server.outbox, (std::deque<Datagram>{flight[0]})) << "bit by bit";
    EXPECT_EQ(pair.server.flights_resent, 1u);
    for (int i = 0; i < 50; ++i) pair.server.feed(finished, kStart + 199ms);
    EXPECT_EQ(pair.server.flights_resent, 1u) << "at most every 100 ms";
    pair.server.feed(finished, kStart + 200ms);
    EXPECT_EQ(pair.server.flights_resent, 2u);
    auto forged = finished;
    forged.back() ^= 1;
    pair.server.feed(forged, kStart + 10s);
    EXPECT_EQ(pair.server.flights_resent, 2u);
}

TEST(RepeatedFinished, SealedAnewBringsItToo) {
    Pair pair;
    auto raw = dtls::take_over(pair.client.ssl, pair.client.tap, pair.client.why);
    ASSERT_TRUE(raw);
    ASSERT_TRUE(pair.server.take_over(kStart)) << pair.server.why;
    const auto again = [&](std::uint16_t message_seq) {
        return raw->records.seal(22, dtls::encode_handshake(20, message_seq, Datagram(12)).bytes());
    };
    pair.server.feed(again(static_cast<std::uint16_t>(raw->sent_message + 1)), kStart + 1s);
    EXPECT_EQ(pair.server.flights_resent, 0u) << "another message";
    pair.server.feed(again(raw->sent_message), kStart + 1s);
    EXPECT_EQ(pair.server.flights_resent, 1u);
    pair.server.feed(again(raw->sent_message), kStart + 1s + 50ms);
    EXPECT_EQ(pair.server.flights_resent, 1u);
}

// The whole story with a stock OpenSSL client, whose timers repeat the flight.
TEST(RepeatedFinished, ALostFlightIsMadeUpForWithAStockClient) {
    EndOptions of_client, of_server;
    of_client.openssl_timer_us = 20'000;
    of_server.takes_over = true;
    End client(Role::client, of_client), server(Role::server, of_server);
    client.start();
    TimePoint now = kStart;
    bool is_lost = false;
    for (int round = 0; round < 400 && !client.is_established(); ++round) {
        while (!client.outbox.empty()) server.feed(client.next(), now);
        while (!server.outbox.empty()) {
            const auto datagram = server.next();
            if (!is_lost && tunnel::has_protected_handshake(datagram))
                is_lost = true;
            else
                client.feed(datagram, now);
        }
        usleep(6'000);
        now += 200ms;
        client.tick(now);
    }
    EXPECT_TRUE(is_lost);
    ASSERT_TRUE(client.is_established());
    EXPECT_GE(server.flights_resent, 1u);
    ASSERT_TRUE(client.take_over()) << client.why;
    server.server->deliver(ekt_key(7), now);
    server.collect();
    settle(client, server, now);
    EXPECT_EQ(spis(client), Spis{7});
    EXPECT_EQ(acknowledged(server), Spis{7});
}

// To a client that is still in its handshake an ekt_key that overtakes the Finished is nothing,
// even when its owner lets OpenSSL read it before taking over.
TEST(Overtaking, AKeyBeforeTheFinishedIsLostAndRepeated) {
    for (bool at_once : {true, false}) {
        EndOptions of_client, of_server;
        of_client.takes_over = at_once;
        of_server.takes_over = true;
        End client(Role::client, of_client), server(Role::server, of_server);
        client.start();
        while (!server.server) {
            while (!client.outbox.empty()) server.feed(client.next(), kStart);
            if (server.server) break;
            while (!server.outbox.empty()) client.feed(server.next(), kStart);
        }
        const auto flight = server.next();
        ASSERT_TRUE(server.outbox.empty());
        server.server->deliver(ekt_key(7), kStart);
        server.collect();
        client.feed(server.next(), kStart);
        EXPECT_FALSE(client.has_failed);
        EXPECT_FALSE(client.client);
        client.feed(flight, kStart);
        if (!at_once) {
            ASSERT_TRUE(client.take_over()) << client.why;
        }
        ASSERT_TRUE(client.client);
        EXPECT_TRUE(client.keys.empty());
        server.tick(kStart + 250ms);
        settle(client, server, kStart + 250ms);
        EXPECT_EQ(spis(client), Spis{7});
        EXPECT_EQ(acknowledged(server), Spis{7});
    }
}

TEST(CloseNotify, EndsBothEndsOnce) {
    for (bool server_first : {true, false}) {
        Call call;
        call.deliver(7);
        call.run();
        if (server_first)
            call.server.server->close();
        else
            call.client.client->close();
        call.client.collect();
        call.server.collect();
        call.run();
        EXPECT_EQ(call.server.server->state(), State::closed);
        EXPECT_EQ(call.client.client->state(), State::closed);
        EXPECT_EQ(call.server.events<Closed>().size(), server_first ? 0u : 1u);
        EXPECT_EQ(call.client.client_ends.size(), server_first ? 1u : 0u);
        call.deliver(8);
        EXPECT_TRUE(call.server.outbox.empty());
        EXPECT_FALSE(call.server.server->deadline());
        call.server.server->close();
        call.server.server->fail(80);
        call.server.collect();
        EXPECT_TRUE(call.server.outbox.empty());
    }
}

TEST(CloseNotify, IsUnderstoodByOpensslAndFromIt) {
    for (Role role : {Role::server, Role::client}) {
        Pair pair;
        auto& ours = role == Role::server ? pair.server : pair.client;
        auto& stock = role == Role::server ? pair.client : pair.server;
        ASSERT_TRUE(ours.take_over(kStart)) << ours.why;
        auto& core = role == Role::server ? static_cast<dtls::Protected&>(*ours.server)
                                          : static_cast<dtls::Protected&>(*ours.client);
        core.close();
        ours.collect();
        stock.feed(ours.next());
        EXPECT_EQ(stock.alerts, (Alerts{{1, 0}}));
        EXPECT_NE(SSL_get_shutdown(stock.ssl.get()) & SSL_RECEIVED_SHUTDOWN, 0);

        Pair other;
        auto& ours_2 = role == Role::server ? other.server : other.client;
        auto& stock_2 = role == Role::server ? other.client : other.server;
        ASSERT_TRUE(ours_2.take_over(kStart)) << ours_2.why;
        SSL_shutdown(stock_2.ssl.get());
        ours_2.feed(stock_2.next());
        EXPECT_EQ(ours_2.events<Closed>().size() + ours_2.client_ends.size(), 1u);
        stock_2.feed(ours_2.next());
        EXPECT_NE(SSL_get_shutdown(stock_2.ssl.get()) & SSL_RECEIVED_SHUTDOWN, 0) << "answered";
    }
}

TEST(Alerts, FatalOnesReachOpenssl) {
    for (Role role : {Role::server, Role::client}) {
        Pair pair;
        auto& ours = role == Role::server ? pair.server : pair.client;
        auto& stock = role == Role::server ? pair.client : pair.server;
        ASSERT_TRUE(ours.take_over(kStart)) << ours.why;
        auto& core = role == Role::server ? static_cast<dtls::Protected&>(*ours.server)
                                          : static_cast<dtls::Protected&>(*ours.client);
        core.fail(SSL_AD_INTERNAL_ERROR);
        ours.collect();
        stock.feed(ours.next());
        EXPECT_EQ(stock.alerts, (Alerts{{2, SSL_AD_INTERNAL_ERROR}}));
        EXPECT_TRUE(stock.has_failed);
        EXPECT_EQ(core.state(), State::failed);
    }
}

TEST(StockPeers, GetApplicationDataIgnoredAndRenegotiationRefused) {
    EndOptions options;
    options.may_renegotiate = true;
    Pair pair(options);
    ASSERT_TRUE(pair.server.take_over(kStart)) << pair.server.why;
    pair.client.write(Datagram(500, 'x'));
    settle(pair.client, pair.server, kStart);
    EXPECT_TRUE(pair.server.server_events.empty());
    SSL_renegotiate(pair.client.ssl.get());
    ERR_clear_error();
    SSL_do_handshake(pair.client.ssl.get());
    ASSERT_FALSE(pair.client.outbox.empty());
    settle(pair.client, pair.server, kStart);
    EXPECT_EQ(pair.client.alerts.front(), (std::pair{1, SSL_AD_NO_RENEGOTIATION}));
}

// OpenSSL does not know handshake type 26 and lets it pass: a plain client stays connected.
TEST(StockPeers, AnEktKeyTheyDoNotKnowDoesNoHarm) {
    Pair pair;
    ASSERT_TRUE(pair.server.take_over(kStart)) << pair.server.why;
    pair.server.server->deliver(ekt_key(7), kStart);
    pair.server.collect();
    settle(pair.client, pair.server, kStart);
    EXPECT_FALSE(pair.client.has_failed);
    EXPECT_TRUE(pair.server.server_events.empty());
    EXPECT_TRUE(pair.server.server->is_delivering());
}

}  // namespace
}  // namespace mdd::test
