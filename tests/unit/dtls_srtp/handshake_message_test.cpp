// Fragments of handshake messages: their headers, and messages out of any order of them.
#include "tools/dtls_srtp/handshake_message.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "tests/support/hex.h"

namespace mdd::dtls {
namespace {

using test::from_hex;

using Plaintext = std::vector<std::uint8_t>;

Plaintext body_of(std::size_t size_bytes) {
    Plaintext body(size_bytes);
    for (std::size_t i = 0; i < size_bytes; ++i) body[i] = static_cast<std::uint8_t>(i * 7 + 1);
    return body;
}

HandshakeFragment piece(const Plaintext& body, std::size_t from, std::size_t to,
                        std::uint16_t message_seq = 5) {
    return {kEktKeyHandshake, static_cast<std::uint32_t>(body.size()), message_seq,
            static_cast<std::uint32_t>(from), srtp::Bytes(body).subspan(from, to - from)};
}

TEST(Fragments, AreWalkedOneByOne) {
    const auto first = encode_handshake(26, 5, body_of(3));
    const auto second = encode_handshake(0, 6, {});
    Plaintext record(first.bytes().begin(), first.bytes().end());
    record.insert(record.end(), second.bytes().begin(), second.bytes().end());
    FragmentWalk walk(record);
    const auto one = walk.next();
    ASSERT_TRUE(one);
    EXPECT_EQ(one->type, 26);
    EXPECT_EQ(one->message_bytes, 3u);
    EXPECT_EQ(one->message_seq, 5);
    EXPECT_EQ(one->offset, 0u);
    EXPECT_TRUE(std::ranges::equal(one->part, body_of(3)));
    EXPECT_TRUE(one->is_whole());
    EXPECT_FALSE(walk.well_formed());
    const auto two = walk.next();
    ASSERT_TRUE(two);
    EXPECT_EQ(two->type, 0);
    EXPECT_TRUE(two->is_whole());
    EXPECT_FALSE(walk.next());
    EXPECT_TRUE(walk.well_formed());
}

TEST(Fragments, ThatDoNotAddUpEndTheWalk) {
    const std::string good = "1a 000004 0005 000002 000002 aabb";
    const auto bytes = from_hex(good);
    FragmentWalk walk(bytes);
    const auto fragment = walk.next();
    ASSERT_TRUE(fragment);
    EXPECT_EQ(fragment->offset, 2u);
    EXPECT_FALSE(fragment->is_whole());
    for (const auto* hex : {"1a 000004 0005 000003 000002 aabb",  // past the message
                            "1a 000005 0005 000002 000003 aabb",  // past the record
                            "1a 000004 0005 ffffff ffffff aabb",  // far past both
                            "1a 000004 0005 000002 000000",       // nothing of something
                            "1a 000004 0005 000002 0000"}) {      // no header
        const auto broken = from_hex(hex);
        FragmentWalk bad(broken);
        EXPECT_FALSE(bad.next()) << hex;
        EXPECT_FALSE(bad.well_formed()) << hex;
    }
}

TEST(MessageNumbers, WrapAround) {
    EXPECT_TRUE(is_later_message(6, 5));
    EXPECT_FALSE(is_later_message(5, 5));
    EXPECT_FALSE(is_later_message(4, 5));
    EXPECT_TRUE(is_later_message(2, 0xfffe));
    EXPECT_FALSE(is_later_message(0xfffe, 2));
}

TEST(Reassembly, GivesAWholeMessageAtOnce) {
    Reassembly reassembly(100);
    const auto body = body_of(37);
    const auto message = reassembly.add(piece(body, 0, 37), {1, 9});
    ASSERT_TRUE(message);
    EXPECT_EQ(message->message_seq, 5);
    EXPECT_TRUE(std::ranges::equal(message->body.bytes(), body));
    ASSERT_EQ(message->records.size(), 1u);
    EXPECT_EQ(message->records[0], (RecordNumber{1, 9}));
}

TEST(Reassembly, TakesPiecesInEveryOrder) {
    const auto body = body_of(37);
    std::vector<std::pair<std::size_t, std::size_t>> cuts{{0, 1}, {1, 12}, {12, 30}, {30, 37}};
    std::ranges::sort(cuts);
    do {
        Reassembly reassembly(100);
        for (std::size_t i = 0; i < cuts.size(); ++i) {
            const auto message = reassembly.add(piece(body, cuts[i].first, cuts[i].second), {1, i});
            ASSERT_EQ(message.has_value(), i + 1 == cuts.size());
            if (!message) continue;
            EXPECT_TRUE(std::ranges::equal(message->body.bytes(), body));
            EXPECT_EQ(message->records.size(), 4u);
        }
    } while (std::ranges::next_permutation(cuts).found);
}

TEST(Reassembly, TakesOverlapsAndRepeats) {
    std::mt19937 random(3);
    const auto body = body_of(53);
    for (int round = 0; round < 500; ++round) {
        Reassembly reassembly(100);
        std::vector<bool> given(body.size());
        for (std::size_t record = 0;; ++record) {
            const std::size_t from = random() % body.size();
            const std::size_t to = from + 1 + random() % (body.size() - from);
            std::fill(given.begin() + static_cast<std::ptrdiff_t>(from),
                      given.begin() + static_cast<std::ptrdiff_t>(to), true);
            const auto message = reassembly.add(piece(body, from, to), {1, record});
            const bool complete = std::ranges::find(given, false) == given.end();
            ASSERT_EQ(message.has_value(), complete);
            if (!message) continue;
            EXPECT_TRUE(std::ranges::equal(message->body.bytes(), body));
            break;
        }
    }
}

TEST(Reassembly, KeepsMessagesApart) {
    Reassembly reassembly(100);
    const auto one = body_of(20);
    auto two = body_of(20);
    std::ranges::reverse(two);
    EXPECT_FALSE(reassembly.add(piece(one, 0, 10, 5), {1, 1}));
    EXPECT_FALSE(reassembly.add(piece(two, 10, 20, 6), {1, 2}));
    const auto second = reassembly.add(piece(two, 0, 10, 6), {1, 3});
    ASSERT_TRUE(second);
    EXPECT_EQ(second->message_seq, 6);
    EXPECT_TRUE(std::ranges::equal(second->body.bytes(), two));
    const auto first = reassembly.add(piece(one, 10, 20, 5), {1, 4});
    ASSERT_TRUE(first);
    EXPECT_TRUE(std::ranges::equal(first->body.bytes(), one));
}

TEST(Reassembly, StartsOverWithAPieceThatContradicts) {
    Reassembly reassembly(100);
    const auto body = body_of(20);
    auto other = body;
    for (auto& byte : other) byte ^= 0xff;
    EXPECT_FALSE(reassembly.add(piece(other, 0, 10), {1, 1}));
    EXPECT_FALSE(reassembly.add(piece(body, 5, 20), {1, 2})) << "other bytes at 5 to 9";
    const auto message = reassembly.add(piece(body, 0, 5), {1, 3});
    ASSERT_TRUE(message);
    EXPECT_TRUE(std::ranges::equal(message->body.bytes(), body));
    EXPECT_EQ(message->records.size(), 2u);

    const auto longer = body_of(21);
    EXPECT_FALSE(reassembly.add(piece(longer, 0, 20), {1, 4}));
    EXPECT_FALSE(reassembly.add(piece(body, 5, 20), {1, 5})) << "another length";
    EXPECT_FALSE(reassembly.add(piece(longer, 20, 21), {1, 6}));
}

TEST(Reassembly, ForgetsTheOldestMessageWhenThereAreTooMany) {
    Reassembly reassembly(100);
    const auto body = body_of(20);
    for (std::uint16_t number = 0; number <= Reassembly::kMessages; ++number)
        EXPECT_FALSE(reassembly.add(piece(body, 0, 10, static_cast<std::uint16_t>(0xfffe + number)),
                                    {1, 1}));
    EXPECT_FALSE(reassembly.add(piece(body, 10, 20, 0xfffe), {1, 2})) << "it gave way";
    EXPECT_TRUE(reassembly.add(piece(body, 10, 20, 1), {1, 3}));
    EXPECT_TRUE(reassembly.add(piece(body, 10, 20, 2), {1, 4}));
}

TEST(Reassembly, KeepsNothingLongerThanItsBound) {
    Reassembly reassembly(100);
    const auto body = body_of(101);
    EXPECT_FALSE(reassembly.add(piece(body, 0, 101), {1, 1}));
    EXPECT_TRUE(reassembly.add(piece(body_of(100), 0, 100), {1, 2}));
}

TEST(Reassembly, RemembersABoundedNumberOfRecords) {
    Reassembly reassembly(100);
    const auto body = body_of(100);
    for (std::size_t i = 0; i < 99; ++i)
        EXPECT_FALSE(reassembly.add(piece(body, i, i + 1), {1, i}));
    const auto message = reassembly.add(piece(body, 99, 100), {1, 99});
    ASSERT_TRUE(message);
    ASSERT_EQ(message->records.size(), Reassembly::kRecordsRemembered);
    EXPECT_EQ(message->records.back(), (RecordNumber{1, 99}));
}

TEST(Reassembly, ForgetsWhatALaterMessageHasSettled) {
    Reassembly reassembly(100);
    const auto body = body_of(20);
    EXPECT_FALSE(reassembly.add(piece(body, 0, 10, 5), {1, 1}));
    EXPECT_FALSE(reassembly.add(piece(body, 0, 10, 6), {1, 2}));
    reassembly.forget_through(5);
    EXPECT_FALSE(reassembly.add(piece(body, 10, 20, 5), {1, 3}));
    EXPECT_TRUE(reassembly.add(piece(body, 10, 20, 6), {1, 4}));
}

}  // namespace
}  // namespace mdd::dtls
