// Key information is judged by its profile: right lengths pass, an inner half is called a leak, the
// rest is wrong.
#include "kmf-tunnel/key_check.h"

#include <gtest/gtest.h>

#include "tests/support/hex.h"

namespace mdd::tunnel {
namespace {

struct Lengths {
    std::size_t client_key, server_key, client_salt, server_salt;
};

SecretBytes filled(std::size_t size_bytes, std::uint8_t value) {
    SecretBytes secret(size_bytes);
    for (auto& byte : secret.writable()) byte = value;
    return secret;
}

std::variant<srtp::HopKeys, KeyRefusal> judged(std::uint16_t profile, Lengths lengths) {
    KeyInformation keys;
    keys.profile = profile;
    keys.client_key = filled(lengths.client_key, 0x11);
    keys.server_key = filled(lengths.server_key, 0x22);
    keys.client_salt = filled(lengths.client_salt, 0x33);
    keys.server_salt = filled(lengths.server_salt, 0x44);
    return check(std::move(keys));
}

std::string verdict(std::uint16_t profile, Lengths lengths) {
    const auto result = judged(profile, lengths);
    const auto* refusal = std::get_if<KeyRefusal>(&result);
    return refusal == nullptr ? "ok" : std::string(to_string(*refusal));
}

TEST(TunnelKeyCheck, PassesHopLengthsOfEveryProfile) {
    EXPECT_EQ(verdict(0x0007, {16, 16, 12, 12}), "ok");
    EXPECT_EQ(verdict(0x0008, {32, 32, 12, 12}), "ok");
    EXPECT_EQ(verdict(0x0009, {16, 16, 12, 12}), "ok");
    EXPECT_EQ(verdict(0x000A, {32, 32, 12, 12}), "ok");
}

TEST(TunnelKeyCheck, KeepsClientAndServerApart) {
    auto result = judged(0x000A, {32, 32, 12, 12});
    const auto& keys = std::get<srtp::HopKeys>(result);
    EXPECT_EQ(keys.profile, srtp::Profile::double_aes_256_gcm);
    const auto expect_filled = [](srtp::Bytes bytes, std::uint8_t value) {
        for (const auto byte : bytes) EXPECT_EQ(byte, value);
    };
    expect_filled(keys.client_write.key.first(32), 0x11);
    expect_filled(keys.server_write.key.first(32), 0x22);
    expect_filled(keys.client_write.salt.first(12), 0x33);
    expect_filled(keys.server_write.salt.first(12), 0x44);
}

TEST(TunnelKeyCheck, CallsADoubleLengthKeyALeak) {
    EXPECT_EQ(verdict(0x0009, {32, 32, 24, 24}), "e2e_leak");
    EXPECT_EQ(verdict(0x0009, {32, 16, 12, 12}), "e2e_leak");
    EXPECT_EQ(verdict(0x0009, {16, 32, 12, 12}), "e2e_leak");
    EXPECT_EQ(verdict(0x0009, {16, 16, 24, 12}), "e2e_leak");
    EXPECT_EQ(verdict(0x0009, {16, 16, 12, 24}), "e2e_leak");
    EXPECT_EQ(verdict(0x000A, {64, 64, 24, 24}), "e2e_leak");
    EXPECT_EQ(verdict(0x000A, {32, 64, 12, 12}), "e2e_leak");
}

TEST(TunnelKeyCheck, RefusesOtherLengths) {
    EXPECT_EQ(verdict(0x0007, {32, 32, 12, 12}), "wrong_length");
    EXPECT_EQ(verdict(0x0008, {16, 16, 12, 12}), "wrong_length");
    EXPECT_EQ(verdict(0x0009, {16, 17, 12, 12}), "wrong_length");
    EXPECT_EQ(verdict(0x0009, {1, 16, 12, 12}), "wrong_length");
    EXPECT_EQ(verdict(0x0009, {16, 16, 14, 12}), "wrong_length");
    EXPECT_EQ(verdict(0x000A, {16, 16, 12, 12}), "wrong_length");
    EXPECT_EQ(verdict(0x000A, {32, 32, 12, 65535}), "wrong_length");
}

TEST(TunnelKeyCheck, RefusesProfilesThatAreNotOurs) {
    for (const std::uint16_t profile : {0x0000, 0x0001, 0x0006, 0x000B, 0xffff})
        EXPECT_EQ(verdict(profile, {16, 16, 12, 12}), "unknown_profile");
}

}  // namespace
}  // namespace mdd::tunnel
