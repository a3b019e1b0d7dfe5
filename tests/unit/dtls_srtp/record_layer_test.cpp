// Two record layers facing each other: what they seal, open, refuse, freeze and thaw.
#include "tests/unit/dtls_srtp/layers.h"

namespace mdd::test {
namespace {

using dtls::RecordLayer;

constexpr std::uint64_t kLimit = (1ULL << 48) - 1;

TEST(RecordLayer, OpensNothingTwiceAndNothingDamaged) {
    auto [client, server] = make_layers();
    const auto record = client.seal(kData, text("once"));
    for (std::size_t i = 0; i < record.size(); ++i) {
        auto damaged = record;
        damaged[i] ^= 0x40;
        EXPECT_FALSE(open(server, damaged)) << "byte " << i;
    }
    for (std::size_t size = 0; size < record.size(); ++size) {
        Datagram cut(record.begin(), record.begin() + static_cast<std::ptrdiff_t>(size));
        if (size >= 13) srtp::store_be16(&cut[11], static_cast<std::uint16_t>(size - 13));
        EXPECT_FALSE(open(server, cut)) << size;
    }
    auto older = record;
    older[2] = 0xff;
    EXPECT_FALSE(open(server, older)) << "DTLS 1.0";
    EXPECT_FALSE(open(client, record)) << "its own direction";
    EXPECT_TRUE(open(server, record)) << "none of those used up the number";
    EXPECT_FALSE(open(server, record)) << "replay";
}

TEST(RecordLayer, TakesAnyTypeAndLength) {
    auto [client, server] = make_layers(kAes256);
    for (std::size_t size : {0u, 1u, 15u, 16u, 17u, 1000u, 16384u})
        for (std::uint8_t type : {21, 22, 23, 26}) {
            const Datagram plaintext(size, type);
            const auto opened = open(server, client.seal(type, plaintext));
            ASSERT_TRUE(opened) << size;
            EXPECT_EQ(opened->type, type);
            EXPECT_EQ(bytes_of(opened->plaintext), plaintext);
        }
}

TEST(RecordLayer, KeepsAWindowOf64Records) {
    auto [client, server] = make_layers();
    std::vector<Datagram> records;
    for (int i = 0; i < 200; ++i) records.push_back(client.seal(kData, text("n")));
    EXPECT_TRUE(open(server, records[100]));
    EXPECT_FALSE(open(server, records[36])) << "64 behind the newest";
    EXPECT_TRUE(open(server, records[37])) << "63 behind";
    EXPECT_FALSE(open(server, records[37]));
    EXPECT_TRUE(open(server, records[99]));
    EXPECT_TRUE(open(server, records[163]));
    EXPECT_FALSE(open(server, records[100])) << "still known at the window's far end";
    EXPECT_TRUE(open(server, records[101]));
    EXPECT_FALSE(open(server, records[99]));
    EXPECT_TRUE(open(server, records[199]));
    for (int i = 136; i < 199; ++i)
        EXPECT_EQ(open(server, records[static_cast<std::size_t>(i)]).has_value(), i != 163);
    for (const auto& record : records) EXPECT_FALSE(open(server, record));
}

TEST(RecordLayer, ForgedRecordsDoNotMoveTheWindow) {
    auto [client, server] = make_layers();
    const auto real = client.seal(kData, text("real"));
    for (std::uint8_t high = 0; high < 5; ++high) {
        auto forged = real;
        forged[6] = high;
        forged[7] = 0xff;
        EXPECT_FALSE(open(server, forged));
    }
    EXPECT_TRUE(open(server, real));
}

TEST(RecordLayer, MovedFromSealsAndOpensNothing) {
    auto [client, server] = make_layers();
    const auto sequence = client.next_sequence();
    auto moved = std::move(client);
    EXPECT_TRUE(client.seal(kData, text("second writer")).empty());  // NOLINT: on purpose
    EXPECT_EQ(client.freeze().size(), 0u);
    const auto record = moved.seal(kData, text("the writer"));
    EXPECT_EQ(sequence_of(record), sequence);
    EXPECT_FALSE(open(client, server.seal(kData, {})));
    EXPECT_TRUE(open(server, record));
}

TEST(Freeze, ContinuesBehindWhatMayHaveBeenSealedSince) {
    for (const auto* ciphers : {kAes128, kAes256}) {
        auto [client, server] = make_layers(ciphers);
        EXPECT_TRUE(open(server, client.seal(kData, text("before"))));
        const auto frozen = client.freeze();
        Datagram last;
        for (int i = 0; i < 10; ++i) last = client.seal(kData, text("unsaved"));
        auto thawed = RecordLayer::thaw(frozen.bytes(), 10);
        ASSERT_TRUE(thawed);
        const auto record = thawed->seal(kData, text("after"));
        EXPECT_EQ(sequence_of(record), sequence_of(last) + 1);
        EXPECT_EQ(nonce_of(record), nonce_of(last) + 1);
        const auto opened = open(server, record);
        ASSERT_TRUE(opened);
        EXPECT_EQ(bytes_of(opened->plaintext), text("after"));
        EXPECT_TRUE(open(*thawed, server.seal(kData, text("back"))));
    }
}

TEST(Freeze, KeepsTheReplayWindow) {
    auto [client, server] = make_layers();
    std::vector<Datagram> records;
    for (int i = 0; i < 5; ++i) records.push_back(client.seal(kData, {}));
    EXPECT_TRUE(open(server, records[4]));
    EXPECT_TRUE(open(server, records[2]));
    auto thawed = RecordLayer::thaw(server.freeze().bytes(), 0);
    ASSERT_TRUE(thawed);
    for (std::size_t i = 0; i < 5; ++i)
        EXPECT_EQ(open(*thawed, records[i]).has_value(), i != 2 && i != 4) << i;
}

TEST(Freeze, ChangedOrCutBytesAreRefused) {
    auto layers = make_layers();
    const auto frozen = bytes_of(layers.client.freeze());
    EXPECT_TRUE(RecordLayer::thaw(frozen, 0));
    for (std::size_t i = 0; i < frozen.size(); ++i)
        for (std::uint8_t bit : {0x01, 0x80}) {
            auto changed = frozen;
            changed[i] ^= bit;
            EXPECT_FALSE(RecordLayer::thaw(changed, 0)) << "byte " << i;
        }
    for (std::size_t size = 0; size < frozen.size(); ++size)
        EXPECT_FALSE(RecordLayer::thaw(srtp::Bytes(frozen).first(size), 0)) << size;
    auto longer = frozen;
    longer.push_back(0);
    EXPECT_FALSE(RecordLayer::thaw(longer, 0));
}

TEST(SequenceLimit, StopsTheWriterAndNothingElse) {
    auto [client, server] = make_layers();
    const auto frozen = client.freeze();
    const auto next = client.next_sequence();
    auto near = RecordLayer::thaw(frozen.bytes(), kLimit - 2 - next);
    ASSERT_TRUE(near);
    EXPECT_TRUE(open(server, near->seal(kData, text("third last"))));
    const auto last = near->seal(kData, text("second last"));
    EXPECT_EQ(sequence_of(last), kLimit - 1);
    EXPECT_TRUE(open(server, last));
    EXPECT_TRUE(near->seal(kData, text("never")).empty());
    EXPECT_TRUE(near->seal(kData, text("never")).empty());
    EXPECT_TRUE(open(*near, server.seal(kData, text("still read"))));

    for (std::uint64_t skip : std::vector<std::uint64_t>{kLimit - next, kLimit, ~0ULL}) {
        auto past = RecordLayer::thaw(frozen.bytes(), skip);
        ASSERT_TRUE(past);
        EXPECT_TRUE(past->seal(kData, {}).empty()) << skip;
    }
}

}  // namespace
}  // namespace mdd::test
