// The life of an association after its handshake: keys delivered through every loss, alerts and
// closes against stock OpenSSL, and what is ignored. Time is virtual.
#include "tools/dtls_srtp/post_handshake.h"

#include <unistd.h>

#include <algorithm>

#include "tests/support/hex.h"
#include "tests/unit/dtls_srtp/end.h"

namespace mdd::test {
namespace {

using dtls::Acknowledged;
using dtls::Closed;
using dtls::EktServer;
using dtls::Failed;
using dtls::Refused;
using dtls::Unanswered;
using State = dtls::Protected::State;
using Alerts = std::vector<std::pair<int, int>>;

constexpr TimePoint kStart{std::chrono::hours(1)};

// A taken-over pair, and the server's timers on the test's clock.
struct Call : Pair {
    TimePoint now = kStart;

    explicit Call(const EndOptions& options = {}) : Pair(options) { take_over(now); }

    void deliver(std::uint16_t spi, std::size_t key_bytes = 16) {
        server.server->deliver(ekt_key(spi, key_bytes), now);
        server.collect();
    }
    // Goes to the server's next deadline; false when it has none.
    bool wait() {
        const auto deadline = server.server->deadline();
        if (!deadline) return false;
        now = std::max(now, *deadline);
        server.tick(now);
        return true;
    }
    void run() { settle(client, server, now); }
};

std::vector<std::uint16_t> spis(const End& client) {
    std::vector<std::uint16_t> found;
    for (const auto& key : client.keys) found.push_back(key.spi);
    return found;
}
std::vector<std::uint16_t> acknowledged(const End& server) {
    std::vector<std::uint16_t> found;
    for (const auto& event : server.events<Acknowledged>()) found.push_back(event.spi);
    return found;
}
using Spis = std::vector<std::uint16_t>;

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

// A peer that writes raw records: the client's end is an EktClient, the server's a bare layer.
struct RawServer {
    Pair pair;
    std::optional<dtls::TakenOver> raw;

    explicit RawServer(const EndOptions& options = {}) : pair(options) {
        raw = dtls::take_over(pair.server.ssl, pair.server.tap, pair.server.why);
        EXPECT_TRUE(pair.client.take_over()) << pair.client.why;
    }
    End& client() { return pair.client; }
    std::uint16_t next_message() const { return static_cast<std::uint16_t>(raw->sent_message + 1); }

    void send(std::uint8_t type, srtp::Bytes plaintext) {
        client().feed(raw->records.seal(type, plaintext));
    }
    void send_message(std::uint16_t number, srtp::Bytes body) {
        send(22, dtls::encode_handshake(26, number, body).bytes());
    }
    void send_key(std::uint16_t number, std::uint16_t spi) {
        send_message(number, dtls::encode_ekt_key(ekt_key(spi)).bytes());
    }
    // A piece of an ekt_key as a record of its own; not sent.
    Datagram piece(std::uint16_t number, srtp::Bytes body, std::size_t from, std::size_t to) {
        const auto whole = dtls::encode_handshake(26, number, body);
        Datagram plaintext(whole.bytes().begin(), whole.bytes().begin() + 12);
        plaintext[8] = static_cast<std::uint8_t>(from);
        plaintext[11] = static_cast<std::uint8_t>(to - from);
        plaintext.insert(plaintext.end(), body.begin() + static_cast<std::ptrdiff_t>(from),
                         body.begin() + static_cast<std::ptrdiff_t>(to));
        return raw->records.seal(22, plaintext);
    }
    // Type and plaintext of what the client said next.
    std::pair<std::uint8_t, Datagram> answer() {
        const auto datagram = client().next();
        const auto record = tunnel::RecordWalk(datagram).next();
        if (!record) return {};
        const auto opened = raw->records.open(*record);
        if (!opened) return {};
        const auto bytes = opened->plaintext.bytes();
        return {opened->type, Datagram(bytes.begin(), bytes.end())};
    }
    std::vector<std::uint64_t> acknowledged_records() {
        const auto [type, body] = answer();
        std::vector<std::uint64_t> found;
        const auto numbers = dtls::decode_ack(body);
        if (type != 26 || !numbers) return found;
        for (const auto& number : *numbers)
            if (number.epoch == 1) found.push_back(number.sequence);
        return found;
    }
};

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
        EXPECT_EQ(server.answer(), (std::pair<std::uint8_t, Datagram>{21, {2, 50}})) << hex;
    }
}

TEST(EktClient, TakesNoKeyWhenEktWasNotAgreed) {
    EndOptions options;
    options.hello.ekt_ciphers.clear();
    RawServer server(options);
    server.send_key(server.next_message(), 7);
    EXPECT_EQ(server.answer(), (std::pair<std::uint8_t, Datagram>{21, {2, 10}}));
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
        EXPECT_EQ(server.answer(), (std::pair<std::uint8_t, Datagram>{21, {1, 100}}));
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

// The same for the other end: the client's side is a bare layer.
struct RawClient {
    Pair pair;
    std::optional<dtls::TakenOver> raw;
    TimePoint now = kStart;

    explicit RawClient(const EndOptions& options = {}) : pair(options) {
        raw = dtls::take_over(pair.client.ssl, pair.client.tap, pair.client.why);
        EXPECT_TRUE(pair.server.take_over(now)) << pair.server.why;
    }
    End& server() { return pair.server; }
    void deliver(std::uint16_t spi) {
        server().server->deliver(ekt_key(spi), now);
        server().collect();
    }
    void send(std::uint8_t type, srtp::Bytes plaintext) {
        server().feed(raw->records.seal(type, plaintext), now);
    }
    std::uint64_t sequence_of_next() {
        return tunnel::RecordWalk(server().next()).next()->sequence;
    }
    std::pair<std::uint8_t, Datagram> answer() {
        const auto datagram = server().next();
        const auto record = tunnel::RecordWalk(datagram).next();
        if (!record) return {};
        const auto opened = raw->records.open(*record);
        if (!opened) return {};
        const auto bytes = opened->plaintext.bytes();
        return {opened->type, Datagram(bytes.begin(), bytes.end())};
    }
};

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
        EXPECT_EQ(client.answer(), (std::pair<std::uint8_t, Datagram>{21, {1, 100}}));
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
