// Sorting of inbound datagrams and recognition of the Finished, on hand-made record headers.
#include "tools/mdd-kmf/records.h"

#include <gtest/gtest.h>

#include <vector>

namespace mdd::kmf {
namespace {

std::vector<std::uint8_t> record(std::uint8_t type, std::uint16_t epoch,
                                 const std::vector<std::uint8_t>& body) {
    std::vector<std::uint8_t> bytes(13);
    bytes[0] = type;
    bytes[1] = 0xFE;
    bytes[2] = 0xFD;
    srtp::store_be16(&bytes[3], epoch);
    srtp::store_be16(&bytes[11], static_cast<std::uint16_t>(body.size()));
    bytes.insert(bytes.end(), body.begin(), body.end());
    return bytes;
}

std::vector<std::uint8_t> operator+(std::vector<std::uint8_t> a,
                                    const std::vector<std::uint8_t>& b) {
    a.insert(a.end(), b.begin(), b.end());
    return a;
}

TEST(SortInbound, PassesHandshakeAndEverythingProtected) {
    EXPECT_EQ(sort_inbound(record(22, 0, {1, 2, 3})), Sorting::pass);
    EXPECT_EQ(sort_inbound(record(22, 0, {1}) + record(20, 0, {1}) + record(22, 1, {9})),
              Sorting::pass);
    EXPECT_EQ(sort_inbound(record(21, 1, {0})), Sorting::pass);
    EXPECT_EQ(sort_inbound(record(23, 1, {0})), Sorting::pass);
}

TEST(SortInbound, KeepsForgeableRecordsAwayFromTheHandshake) {
    EXPECT_EQ(sort_inbound(record(21, 0, {2, 40})), Sorting::unwanted_alert);
    EXPECT_EQ(sort_inbound(record(22, 0, {1}) + record(21, 0, {2, 40})), Sorting::unwanted_alert);
    EXPECT_EQ(sort_inbound(record(26, 0, {0})), Sorting::unwanted_type);
    EXPECT_EQ(sort_inbound(record(23, 0, {0})), Sorting::unwanted_type);
}

TEST(SortInbound, RefusesEverythingThatIsNotWholeRecords) {
    EXPECT_EQ(sort_inbound({}), Sorting::malformed);
    const auto good = record(22, 0, {1, 2, 3});
    for (std::size_t size = 1; size < good.size(); ++size)
        EXPECT_EQ(sort_inbound(Bytes(good).first(size)), Sorting::malformed) << size;
    EXPECT_EQ(sort_inbound(good + std::vector<std::uint8_t>{0}), Sorting::malformed);
    auto tls = good;
    tls[1] = 3;
    EXPECT_EQ(sort_inbound(tls), Sorting::malformed);
    auto huge = record(22, 0, std::vector<std::uint8_t>(18433));
    EXPECT_EQ(sort_inbound(huge), Sorting::malformed);
}

TEST(Finished, IsTheProtectedHandshakeRecordWhereverItStands) {
    const auto finished = record(22, 1, {7, 7, 7});
    EXPECT_TRUE(carries_finished(finished));
    const auto flight = record(20, 0, {1}) + finished;
    EXPECT_TRUE(carries_finished(flight));
    const auto found = finished_record(flight);
    EXPECT_TRUE(std::equal(found.begin(), found.end(), finished.begin(), finished.end()));
    EXPECT_FALSE(carries_finished(record(20, 0, {1})));
    EXPECT_FALSE(carries_finished(record(22, 0, {14})));
    EXPECT_FALSE(carries_finished(record(21, 1, {0, 0})));
    EXPECT_FALSE(carries_finished(Bytes(finished).first(finished.size() - 1)));
}

std::vector<std::uint8_t> hello(std::uint8_t message, std::uint8_t fragment_offset) {
    std::vector<std::uint8_t> body(12 + 2 + 32 + 4, 0);
    body[0] = message;
    body[8] = fragment_offset;
    for (std::size_t i = 0; i < 32; ++i) body[14 + i] = static_cast<std::uint8_t>(i + 1);
    return body;
}

TEST(ClientHello, IsKnownByItsRandom) {
    const auto random = client_hello_random(record(22, 0, hello(1, 0)));
    ASSERT_TRUE(random);
    EXPECT_EQ((*random)[0], 1);
    EXPECT_EQ((*random)[31], 32);
}

TEST(ClientHello, IsNotALaterFragmentAnotherMessageOrAProtectedOne) {
    EXPECT_FALSE(client_hello_random(record(22, 0, hello(1, 1))));
    EXPECT_FALSE(client_hello_random(record(22, 0, hello(11, 0))));
    EXPECT_FALSE(client_hello_random(record(22, 1, hello(1, 0))));
    EXPECT_FALSE(client_hello_random(record(23, 0, hello(1, 0))));
    auto cut = hello(1, 0);
    cut.resize(12 + 2 + 31);
    EXPECT_FALSE(client_hello_random(record(22, 0, cut)));
    EXPECT_FALSE(client_hello_random({}));
}

}  // namespace
}  // namespace mdd::kmf
