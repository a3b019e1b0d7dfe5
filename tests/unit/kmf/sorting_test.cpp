// Sorting of inbound datagrams and recognition of the Finished, on hand-made record headers.
#include "tools/mdd-kmf/sorting.h"

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
    EXPECT_EQ(sort_inbound(record(26, 1, {0})), Sorting::pass);
}

TEST(SortInbound, KeepsForgeableRecordsAwayFromTheHandshake) {
    EXPECT_EQ(sort_inbound(record(21, 0, {2, 40})), Sorting::unwanted_alert);
    EXPECT_EQ(sort_inbound(record(22, 0, {1}) + record(21, 0, {2, 40})), Sorting::unwanted_alert);
    EXPECT_EQ(sort_inbound(record(26, 0, {0})), Sorting::malformed);
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
}

TEST(SortInbound, PassesAProtectedAckOnly) {
    EXPECT_EQ(sort_inbound(record(26, 1, {0, 0})), Sorting::pass);
    EXPECT_EQ(sort_inbound(record(26, 0, {0, 0})), Sorting::malformed);
}

TEST(ProtectedRecord, IsFoundWhereverItStands) {
    const auto finished = record(22, 1, {7, 7, 7});
    EXPECT_TRUE(has_protected_record(finished));
    EXPECT_TRUE(has_protected_record(record(20, 0, {1}) + finished));
    EXPECT_FALSE(has_protected_record(record(20, 0, {1})));
}

}  // namespace
}  // namespace mdd::kmf
