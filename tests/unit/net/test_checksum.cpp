// The Internet checksum against its definition, for every length, alignment and the carries that
// folding may lose.
#include <gtest/gtest.h>

#include <cstring>
#include <random>

#include "dataplane/net/checksum.h"
#include "tests/unit/net/frames.h"

namespace mdd::net {
namespace {

std::uint16_t complemented_big_endian(std::uint16_t memory_order) {
    const auto inverted = static_cast<std::uint16_t>(~memory_order);
    std::uint8_t bytes[2];
    std::memcpy(bytes, &inverted, 2);
    return srtp::load_be16(bytes);
}

TEST(Checksum, equals_the_naive_sum_for_every_length_and_alignment) {
    std::mt19937 random(1);
    std::vector<std::uint8_t> bytes(1600);
    for (auto& byte : bytes) byte = static_cast<std::uint8_t>(random());
    for (std::size_t length = 0; length <= 1500; ++length)
        for (const std::size_t offset : {0, 1, 2, 3, 7}) {
            const srtp::Bytes part = srtp::Bytes(bytes).subspan(offset, length);
            ASSERT_EQ(complemented_big_endian(partial_sum(part)), test::naive_checksum(part))
                << length << " at " << offset;
        }
}

TEST(Checksum, loses_no_carry_on_all_ones) {
    const std::vector<std::uint8_t> ones(65535, 0xff);
    for (const std::size_t length : {2u, 32u, 33u, 34u, 1500u, 65534u, 65535u})
        EXPECT_EQ(complemented_big_endian(partial_sum(srtp::Bytes(ones).first(length))),
                  test::naive_checksum(std::span(ones).first(length)))
            << length;
}

TEST(Checksum, folds_to_zero_only_for_zero) {
    EXPECT_EQ(fold_sum(0), 0);
    EXPECT_EQ(fold_sum(0xffff), 0xffff);
    EXPECT_EQ(fold_sum(0x10000), 1);
    EXPECT_EQ(fold_sum(0xffffffffffffffff), 0xffff);
    EXPECT_EQ(fold_sum(0x00000001ffffffff), 1);
}

TEST(Checksum, reads_nothing_behind_the_last_byte) {
    for (std::size_t length = 1; length <= 70; ++length) {
        const auto copy = test::exact_copy(std::vector<std::uint8_t>(length, 0x5a));
        EXPECT_EQ(complemented_big_endian(partial_sum(copy.bytes())),
                  test::naive_checksum(copy.bytes()));
    }
}

}  // namespace
}  // namespace mdd::net
