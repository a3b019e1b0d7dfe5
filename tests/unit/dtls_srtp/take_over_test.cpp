// Associations taken away from OpenSSL: they go on against a stock OpenSSL at the other end, and
// only a proven derivation goes live.
#include "tests/unit/dtls_srtp/layers.h"
#include "tools/dtls_srtp/handshake_message.h"

namespace mdd::test {
namespace {

using tunnel::RecordWalk;

struct Suite {
    const char* ciphers;
    KeyKind key_kind;
    Role role;  // the end that is taken over
};

std::string name_of(const testing::TestParamInfo<Suite>& suite) {
    return std::string(suite.param.ciphers == kAes128 ? "Aes128" : "Aes256") +
           (suite.param.key_kind == KeyKind::ec ? "Ec" : "Rsa") +
           (suite.param.role == Role::client ? "Client" : "Server");
}

class TakeOver : public testing::TestWithParam<Suite> {};

TEST_P(TakeOver, GoesOnAgainstOpensslInBothDirections) {
    const auto [ciphers, key_kind, role] = GetParam();
    EndOptions options;
    options.ciphers = ciphers;
    options.key_kind = key_kind;
    Pair pair(options);
    ASSERT_TRUE(pair.is_established());
    auto& ours = role == Role::client ? pair.client : pair.server;
    auto& stock = role == Role::client ? pair.server : pair.client;
    const auto finished = ours.tap.sent_records();
    auto layer = layer_of(ours);
    EXPECT_FALSE(ours.ssl) << "OpenSSL must not write under these keys any more";

    for (int i = 0; i < 5; ++i) {
        const auto record = layer.seal(kData, text("from us"));
        EXPECT_EQ(sequence_of(record), finished + static_cast<unsigned>(i));
        stock.feed(record);
        stock.write(text("to us"));
        const auto opened = open(layer, stock.next());
        ASSERT_TRUE(opened);
        EXPECT_EQ(opened->type, kData);
        EXPECT_EQ(bytes_of(opened->plaintext), text("to us"));
    }
    EXPECT_EQ(stock.data, std::vector<Datagram>(5, text("from us")));
    stock.feed(layer.seal(kData, Datagram(4000, 'x')));
    EXPECT_EQ(stock.data.back().size(), 4000u);
    EXPECT_FALSE(stock.has_failed);
}

INSTANTIATE_TEST_SUITE_P(Suites, TakeOver,
                         testing::Values(Suite{kAes128, KeyKind::ec, Role::client},
                                         Suite{kAes128, KeyKind::ec, Role::server},
                                         Suite{kAes128, KeyKind::rsa, Role::client},
                                         Suite{kAes128, KeyKind::rsa, Role::server},
                                         Suite{kAes256, KeyKind::ec, Role::client},
                                         Suite{kAes256, KeyKind::ec, Role::server},
                                         Suite{kAes256, KeyKind::rsa, Role::client},
                                         Suite{kAes256, KeyKind::rsa, Role::server}),
                         name_of);

TEST(TakeOverNonces, ContinueOpensslsCounter) {
    Pair pair;
    const auto last = pair.server.tap.last_nonce();
    EXPECT_EQ(pair.server.tap.sent_records(), 1u) << "the Finished";
    auto layer = layer_of(pair.server);
    for (unsigned i = 1; i <= 3; ++i) EXPECT_EQ(nonce_of(layer.seal(kData, {})), last + i);
}

TEST(TakeOverNonces, ContinueBehindApplicationDataThatOpensslSent) {
    Pair pair;
    for (int i = 0; i < 3; ++i) pair.client.write(text("early"));
    const auto last = pair.client.outbox.back();
    const auto flight = pair.server.tap.last_flight();
    pair.server.write(text("early too"));
    settle(pair.client, pair.server);
    EXPECT_EQ(pair.server.tap.last_flight(), flight);
    auto layer = layer_of(pair.client);
    const auto record = layer.seal(kData, text("late"));
    EXPECT_EQ(sequence_of(record), sequence_of(last) + 1);
    EXPECT_EQ(nonce_of(record), nonce_of(last) + 1);
    pair.server.feed(record);
    EXPECT_EQ(pair.server.data.size(), 4u);
}

TEST(TakeOverHands, OverWhatTheLastFlightWas) {
    Pair pair;
    const auto flight = pair.server.tap.last_flight();
    ASSERT_EQ(flight.size(), 1u);
    RecordWalk walk(flight[0]);
    EXPECT_EQ(walk.next()->type, tunnel::ContentType::change_cipher_spec);
    const auto finished = walk.next();
    ASSERT_TRUE(finished);
    EXPECT_EQ(finished->epoch, 1);
    const auto client_finished = pair.client.tap.sent_finished();
    auto taken = dtls::take_over(pair.server.ssl, pair.server.tap, pair.server.why);
    ASSERT_TRUE(taken);
    EXPECT_TRUE(taken->is_server);
    EXPECT_EQ(taken->last_flight, flight);
    EXPECT_EQ(taken->peer_finished, client_finished);
    auto other = dtls::take_over(pair.client.ssl, pair.client.tap, pair.client.why);
    ASSERT_TRUE(other);
    EXPECT_FALSE(other->is_server);
    EXPECT_EQ(other->sent_message, taken->received_message);
    EXPECT_EQ(other->received_message, taken->sent_message);
    EXPECT_FALSE(open(taken->records, client_finished)) << "OpenSSL has read it already";
    EXPECT_FALSE(open(other->records, finished->whole)) << "here too";
}

// Refused, and the SSL still works.
void expect_refusal(End& ours, End& other, const dtls::RecordTap& tap, const std::string& because) {
    std::string why;
    EXPECT_FALSE(dtls::take_over(ours.ssl, tap, why));
    EXPECT_NE(why.find(because), std::string::npos) << why;
    ASSERT_TRUE(ours.ssl);
    ours.write(text("still here"));
    other.feed(ours.next());
    other.write(text("and so am I"));
    ours.feed(other.next());
    ASSERT_FALSE(other.data.empty());
    ASSERT_FALSE(ours.data.empty());
    EXPECT_EQ(other.data.back(), text("still here"));
    EXPECT_EQ(ours.data.back(), text("and so am I"));
}

TEST(TakeOverRefuses, CiphersOtherThanAesGcm) {
    for (const auto* ciphers : {"ECDHE-ECDSA-CHACHA20-POLY1305", "ECDHE-ECDSA-AES128-SHA256",
                                "ECDHE-ECDSA-AES256-CCM", "ECDHE-ECDSA-ARIA128-GCM-SHA256"}) {
        EndOptions options;
        options.ciphers = ciphers;
        Pair pair(options);
        ASSERT_TRUE(pair.is_established()) << ciphers;
        expect_refusal(pair.server, pair.client, pair.server.tap, "is not AES-GCM");
        expect_refusal(pair.client, pair.server, pair.client.tap, "is not AES-GCM");
    }
}

TEST(TakeOverRefuses, OlderVersions) {
    EndOptions options;
    options.version = DTLS1_VERSION;
    options.ciphers = "ALL:@SECLEVEL=0";
    Pair pair(options);
    ASSERT_TRUE(pair.is_established());
    expect_refusal(pair.server, pair.client, pair.server.tap, "DTLS");
}

TEST(TakeOverRefuses, AnUnfinishedHandshakeWhichThenFinishes) {
    End client(Role::client, {}), server(Role::server, {});
    client.start();
    EXPECT_FALSE(server.take_over());
    EXPECT_EQ(server.why, "the handshake is not finished");
    settle(client, server);
    EXPECT_TRUE(server.is_established());
    EXPECT_TRUE(server.take_over()) << server.why;
}

TEST(TakeOverRefuses, AResumedSession) {
    EndOptions options;
    options.with_session_cache = true;
    Pair first(options);
    auto* session = SSL_get1_session(first.client.ssl.get());
    End client(Role::client, options);
    SSL_set_session(client.ssl.get(), session);
    SSL_SESSION_free(session);
    options.context = SSL_get_SSL_CTX(first.server.ssl.get());  // where the cache is
    End server(Role::server, options);
    client.start();
    settle(client, server);
    ASSERT_TRUE(client.is_established() && server.is_established());
    ASSERT_EQ(SSL_session_reused(client.ssl.get()), 1);
    expect_refusal(client, server, client.tap, "resumed");
    expect_refusal(server, client, server.tap, "resumed");
}

TEST(TakeOverRefuses, AShutdownUnderWay) {
    Pair pair;
    SSL_shutdown(pair.client.ssl.get());
    EXPECT_FALSE(pair.client.take_over());
    EXPECT_EQ(pair.client.why, "a shutdown is under way");
    settle(pair.client, pair.server);
    EXPECT_FALSE(pair.server.take_over());
    EXPECT_EQ(pair.server.why, "a shutdown is under way");
}

TEST(TakeOverRefuses, OutputThatOpensslStillHolds) {
    Pair pair;
    auto* ssl = pair.server.ssl.get();
    auto* own = SSL_get_wbio(ssl);
    BIO_up_ref(own);
    auto* full = BIO_push(BIO_new(BIO_f_buffer()), BIO_new(BIO_s_mem()));
    BIO_write(full, "x", 1);
    SSL_set0_wbio(ssl, full);
    EXPECT_FALSE(pair.server.take_over());
    EXPECT_EQ(pair.server.why, "OpenSSL still holds output");
    SSL_set0_wbio(ssl, own);
    EXPECT_TRUE(pair.server.take_over()) << pair.server.why;
}

// A Finished of other keys stands for keys derived wrongly: neither opens the other.
TEST(TakeOverRefuses, KeysThatDoNotOpenTheFinishedRecords) {
    Pair pair, stranger;
    expect_refusal(pair.server, pair.client, stranger.server.tap, "our own Finished");
    expect_refusal(pair.client, pair.server, stranger.client.tap, "our own Finished");

    Pair fresh;
    dtls::RecordTap mixed;
    for (const auto& datagram : fresh.server.tap.last_flight()) mixed.note_sent(datagram);
    mixed.note_received(stranger.client.tap.sent_finished());
    expect_refusal(fresh.server, fresh.client, mixed, "the peer's Finished");
}

// Records that the right keys open must also hold what OpenSSL knows.
TEST(TakeOverRefuses, AFinishedThatSaysSomethingElse) {
    Pair pair;
    const auto flight = pair.server.tap.last_flight();
    auto raw = dtls::take_over(pair.client.ssl, pair.client.tap, pair.client.why);
    ASSERT_TRUE(raw);
    const auto with_verify_data = [&](const Datagram& body, std::uint8_t type) {
        dtls::RecordTap tap;
        for (const auto& datagram : flight) tap.note_sent(datagram);
        tap.note_received(
            raw->records.seal(22, dtls::encode_handshake(type, raw->sent_message, body).bytes()));
        return tap;
    };
    Datagram right(12);
    SSL_get_peer_finished(pair.server.ssl.get(), right.data(), right.size());
    auto wrong = right;
    wrong.back() ^= 1;
    std::string why;
    EXPECT_FALSE(dtls::take_over(pair.server.ssl, with_verify_data(wrong, 20), why));
    EXPECT_EQ(why, "the derived keys do not open the peer's Finished");
    EXPECT_FALSE(dtls::take_over(pair.server.ssl, with_verify_data(right, 26), why));
    EXPECT_TRUE(dtls::take_over(pair.server.ssl, with_verify_data(right, 20), why)) << why;
}

// Its last nonce may be one that was used.
TEST(TakeOverRefuses, ATapThatMissedARecord) {
    Pair pair;
    dtls::RecordTap careless = pair.client.tap;
    for (int i = 0; i < 3; ++i) pair.client.write(text("early"));
    careless.note_sent(pair.client.outbox[0]);
    careless.note_sent(pair.client.outbox[2]);
    settle(pair.client, pair.server);
    expect_refusal(pair.client, pair.server, careless, "a record was sent that was not noted");

    dtls::RecordTap none;
    expect_refusal(pair.client, pair.server, none, "a Finished was not noted");
    EXPECT_TRUE(pair.client.take_over()) << pair.client.why;
}

TEST(RecordTap, SeesGapsInNumbersAndNonces) {
    const auto record = [](std::uint64_t sequence, std::uint64_t nonce, std::uint8_t epoch = 1) {
        Datagram bytes(13 + 24 + 5);
        bytes[0] = kData;
        bytes[1] = 0xfe;
        bytes[2] = 0xfd;
        bytes[4] = epoch;
        srtp::store_be32(&bytes[7], static_cast<std::uint32_t>(sequence));
        srtp::store_be16(&bytes[11], 24 + 5);
        srtp::store_be32(&bytes[13], static_cast<std::uint32_t>(nonce >> 32));
        srtp::store_be32(&bytes[17], static_cast<std::uint32_t>(nonce));
        return bytes;
    };
    dtls::RecordTap good;
    good.note_sent(record(0, 0xffffffffffffffff));
    good.note_sent(record(1, 0));
    EXPECT_TRUE(good.is_gapless()) << "the nonce may wrap";
    EXPECT_EQ(good.sent_records(), 2u);
    EXPECT_EQ(good.last_nonce(), 0u);
    for (const auto& [first, second] : {std::pair{record(0, 7), record(2, 8)},
                                        {record(0, 7), record(0, 8)},
                                        {record(0, 7), record(1, 9)},
                                        {record(0, 7), record(1, 7)},
                                        {record(0, 7), record(1, 8, 2)},
                                        {record(0, 7), Datagram{23, 1}}}) {
        dtls::RecordTap tap;
        tap.note_sent(first);
        EXPECT_TRUE(tap.is_gapless());
        tap.note_sent(second);
        EXPECT_FALSE(tap.is_gapless());
    }
}

// Anybody can send records that look like a Finished, before the real one and after it.
TEST(RecordTap, FindsThePeersFinishedAmongForgedOnes) {
    End client(Role::client, {}), server(Role::server, {});
    client.start();
    while (!server.is_established()) {
        while (!client.outbox.empty()) {
            const auto datagram = client.next();
            server.feed(datagram);
            for (const auto& real : server.tap.received_finished()) {
                auto forged = real;
                forged.back() ^= 1;
                server.tap.note_received(forged);
                break;
            }
        }
        while (!server.outbox.empty()) client.feed(server.next());
    }
    for (std::uint8_t i = 0; i < 8; ++i) {
        auto forged = client.tap.sent_finished();
        forged[20] ^= i;
        server.tap.note_received(forged);
    }
    EXPECT_GT(server.tap.received_finished().size(), 7u);
    EXPECT_TRUE(server.take_over()) << server.why;

    for (unsigned i = 0; i < 100; ++i) {
        auto forged = client.tap.sent_finished();
        srtp::store_be32(&forged[13], i);
        server.tap.note_received(forged);
    }
    EXPECT_EQ(server.tap.received_finished().size(), dtls::RecordTap::kCandidates);
}

}  // namespace
}  // namespace mdd::test
