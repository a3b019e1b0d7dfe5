// The walk over DTLS record headers: what counts as a ClientHello, and that broken datagrams count
// as nothing.
#include "kmf-tunnel/record.h"

#include <gtest/gtest.h>

#include <random>

#include "tests/support/hex.h"

namespace mdd::tunnel {
namespace {

using test::from_hex;
using Datagram = std::vector<std::uint8_t>;

Datagram record(std::uint8_t type, std::uint16_t epoch, const Datagram& fragment,
                std::uint8_t version_minor = 0xfd) {
    Datagram bytes{type, 0xfe, version_minor, static_cast<std::uint8_t>(epoch >> 8),
                   static_cast<std::uint8_t>(epoch)};
    const Datagram sequence{0, 0, 0, 0, 0x12, 0x34};
    bytes.insert(bytes.end(), sequence.begin(), sequence.end());
    bytes.push_back(static_cast<std::uint8_t>(fragment.size() >> 8));
    bytes.push_back(static_cast<std::uint8_t>(fragment.size()));
    bytes.insert(bytes.end(), fragment.begin(), fragment.end());
    return bytes;
}

// Handshake header (type, length, message_seq, fragment offset and length), version, and a random
// of 0x55.
Datagram handshake(std::uint8_t type, std::uint8_t fragment_offset = 0) {
    Datagram bytes{type, 0, 0, 100, 0, 0, 0, 0, fragment_offset, 0, 0, 34, 0xfe, 0xfd};
    bytes.resize(bytes.size() + 32, 0x55);
    return bytes;
}

Datagram joined(Datagram first, const Datagram& second) {
    first.insert(first.end(), second.begin(), second.end());
    return first;
}

TEST(TunnelRecord, KnowsARecordThatNoPeerCanHaveMade) {
    EXPECT_TRUE(has_impossible_record(record(21, 1, Datagram(2))));
    EXPECT_TRUE(has_impossible_record(record(23, 1, Datagram(23))));
    EXPECT_TRUE(has_impossible_record(joined(record(22, 0, {1}), record(22, 1, {}))));
    EXPECT_FALSE(has_impossible_record(record(23, 1, Datagram(24))));
    EXPECT_FALSE(has_impossible_record(record(21, 0, Datagram(2))));
    EXPECT_FALSE(has_impossible_record({}));
}

TEST(TunnelRecord, WalksEveryRecordOfADatagram) {
    const Datagram datagram = joined(record(20, 0, {1}), record(22, 1, Datagram(40, 0xaa)));
    RecordWalk walk(datagram);
    const auto first = walk.next();
    ASSERT_TRUE(first);
    EXPECT_EQ(first->type, ContentType::change_cipher_spec);
    EXPECT_EQ(first->epoch, 0);
    EXPECT_EQ(first->sequence, 0x1234u);
    EXPECT_EQ(first->fragment.size(), 1u);
    EXPECT_FALSE(walk.well_formed());
    const auto second = walk.next();
    ASSERT_TRUE(second);
    EXPECT_EQ(second->type, ContentType::handshake);
    EXPECT_EQ(second->epoch, 1);
    EXPECT_EQ(second->whole.size(), 53u);
    EXPECT_FALSE(walk.next());
    EXPECT_TRUE(walk.well_formed());
}

TEST(TunnelRecord, KnowsAClientHelloAndItsRandom) {
    const Datagram hello = record(22, 0, handshake(1));
    EXPECT_TRUE(is_client_hello_record(hello));
    EXPECT_TRUE(is_epoch0_handshake(hello));
    const auto random = client_hello_random(hello);
    ASSERT_TRUE(random);
    EXPECT_EQ(random->front(), 0x55);
    EXPECT_EQ(random->back(), 0x55);
    EXPECT_TRUE(is_client_hello_record(record(22, 0, handshake(1), 0xff))) << "record version 1.0";
}

TEST(TunnelRecord, AnAckIsARecordLikeOthers) {
    const Datagram ack = record(26, 1, Datagram(42, 0xaa));
    EXPECT_TRUE(is_well_formed(ack));
    EXPECT_EQ(RecordWalk(ack).next()->type, ContentType::ack);
    EXPECT_FALSE(is_epoch0_handshake(ack));
    EXPECT_FALSE(has_protected_handshake(ack));
}

TEST(TunnelRecord, ALaterFragmentIsAClientHelloWithoutARandom) {
    const Datagram fragment = record(22, 0, handshake(1, 60));
    EXPECT_TRUE(is_client_hello_record(fragment));
    EXPECT_FALSE(client_hello_random(fragment));
}

// The piece of a ClientHello of 100 bytes that begins at `offset`.
Datagram piece(std::uint8_t offset, std::uint8_t bytes, std::uint8_t message_sequence = 0) {
    Datagram fragment{1, 0, 0, 100, 0, message_sequence, 0, 0, offset, 0, 0, bytes};
    fragment.resize(fragment.size() + bytes, 0x55);
    return record(22, 0, fragment);
}

TEST(TunnelRecord, TellsAWholeClientHelloFromPieces) {
    const auto whole = [](const std::vector<Datagram>& datagrams) {
        return hold_whole_client_hello(datagrams);
    };
    EXPECT_TRUE(whole({piece(0, 100)}));
    EXPECT_TRUE(whole({piece(0, 30), piece(0, 100)}));
    EXPECT_TRUE(whole({piece(60, 40), piece(0, 60)})) << "the pieces may swap";
    EXPECT_TRUE(whole({joined(piece(0, 50), piece(40, 60))})) << "in one datagram, overlapping";
    EXPECT_TRUE(whole({piece(0, 60, 1), piece(0, 60), piece(60, 40)}));
    EXPECT_FALSE(whole({}));
    EXPECT_FALSE(whole({piece(0, 60)}));
    EXPECT_FALSE(whole({piece(60, 40)}));
    EXPECT_FALSE(whole({piece(0, 50), piece(60, 40)}));
    EXPECT_FALSE(whole({piece(0, 60), piece(60, 40, 1)})) << "of two messages";
    EXPECT_FALSE(whole({record(22, 0, handshake(2)), record(22, 1, handshake(1)), Datagram{}}));
    EXPECT_FALSE(whole({record(22, 0, {1, 0, 0, 20, 0, 0, 0, 0, 0, 0, 0, 20})})) << "cut short";
    EXPECT_FALSE(whole({piece(0, 101)})) << "longer than the message";
    EXPECT_FALSE(whole({record(22, 0, Datagram{1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0})})) << "empty";
}

TEST(TunnelRecord, OtherHandshakesAreNoClientHello) {
    EXPECT_FALSE(is_client_hello_record(record(22, 0, handshake(2))));
    EXPECT_FALSE(is_client_hello_record(record(22, 1, handshake(1))));
    EXPECT_FALSE(is_client_hello_record(record(23, 0, handshake(1))));
    EXPECT_FALSE(is_client_hello_record(record(22, 0, {1, 0, 0})));
    EXPECT_FALSE(client_hello_random(record(22, 0, handshake(2))));
}

TEST(TunnelRecord, TellsEpoch0FromProtectedHandshakes) {
    EXPECT_FALSE(is_epoch0_handshake(record(22, 1, Datagram(40))));
    EXPECT_FALSE(is_epoch0_handshake(record(21, 0, {2, 40})));
    EXPECT_TRUE(has_protected_handshake(record(22, 1, Datagram(40))));
    EXPECT_FALSE(has_protected_handshake(record(22, 0, handshake(1))));
    EXPECT_FALSE(has_protected_handshake(record(23, 1, Datagram(40))));
    // A client's last flight: key exchange in the clear, then the Finished.
    const Datagram flight = joined(record(22, 0, handshake(16)), record(22, 1, Datagram(40)));
    EXPECT_TRUE(is_epoch0_handshake(flight));
    EXPECT_TRUE(has_protected_handshake(flight));
}

TEST(TunnelRecord, BrokenDatagramsAreNothing) {
    const Datagram hello = record(22, 0, handshake(1));
    for (std::size_t size = 0; size < hello.size(); ++size) {
        const Datagram cut(hello.begin(), hello.begin() + static_cast<std::ptrdiff_t>(size));
        EXPECT_FALSE(is_well_formed(cut));
        EXPECT_FALSE(is_client_hello_record(cut));
        EXPECT_FALSE(client_hello_random(cut));
    }
    EXPECT_FALSE(is_client_hello_record(joined(hello, {0})));
    EXPECT_FALSE(is_well_formed(record(19, 0, {1})));
    for (const std::uint8_t type : {24, 25, 27}) EXPECT_FALSE(is_well_formed(record(type, 0, {1})));
    EXPECT_FALSE(is_well_formed(record(22, 0, {1}, 0x03)));
}

TEST(TunnelRecord, AnAckIsKnownOnlyWhereItIsProtected) {
    EXPECT_TRUE(is_well_formed(record(26, 1, Datagram(40))));
    EXPECT_TRUE(is_well_formed(record(26, 0xffff, Datagram(40))));
    EXPECT_FALSE(is_well_formed(record(26, 0, Datagram(40)))) << "anybody can write that one";
    EXPECT_FALSE(is_well_formed(record(25, 1, Datagram(40))));
    EXPECT_FALSE(is_well_formed(record(27, 1, Datagram(40))));
}

TEST(TunnelRecord, RandomBytesNeverReadPastTheEnd) {
    std::mt19937 random(11);
    for (int i = 0; i < 20000; ++i) {
        Datagram bytes = record(static_cast<std::uint8_t>(20 + random() % 4),
                                static_cast<std::uint16_t>(random() % 2), handshake(1));
        bytes[random() % bytes.size()] = static_cast<std::uint8_t>(random());
        bytes.resize(random() % (bytes.size() + 1));
        bytes.shrink_to_fit();
        if (client_hello_random(bytes)) {
            EXPECT_TRUE(is_client_hello_record(bytes));
        }
        if (hold_whole_client_hello(std::vector<Datagram>{bytes})) {
            EXPECT_TRUE(is_client_hello_record(bytes));
        }
        if (is_client_hello_record(bytes)) {
            EXPECT_TRUE(is_epoch0_handshake(bytes));
        }
        if (is_epoch0_handshake(bytes)) {
            EXPECT_TRUE(is_well_formed(bytes));
        }
    }
}

}  // namespace
}  // namespace mdd::tunnel
