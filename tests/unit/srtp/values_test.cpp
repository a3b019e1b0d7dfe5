// The small values of the room: secrets that wipe themselves, datagram kinds, profiles, verdict
// texts.
#include <gtest/gtest.h>

#include <new>
#include <set>

#include "dataplane/srtp/aead.h"
#include "dataplane/srtp/demux.h"
#include "dataplane/srtp/hot_memory.h"
#include "dataplane/srtp/keys.h"
#include "dataplane/srtp/verdict.h"

namespace mdd::srtp {
namespace {

constexpr std::uint8_t kPattern[16] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};

bool all_zero(const void* memory, std::size_t size_bytes) {
    const auto* p = static_cast<const volatile std::uint8_t*>(memory);
    // The compiler knows that a destroyed object has no value; this hides where the pointer came
    // from.
    asm volatile("" : "+r"(p) : : "memory");
    for (std::size_t i = 0; i < size_bytes; ++i)
        if (p[i] != 0) return false;
    return true;
}

TEST(Secret, IsWipedWhenDestroyed) {
    alignas(Secret<16>) std::uint8_t room[sizeof(Secret<16>)];
    auto* secret = new (room) Secret<16>(kPattern);
    EXPECT_FALSE(all_zero(room, sizeof room));
    secret->~Secret();
    EXPECT_TRUE(all_zero(room, sizeof room));
}

TEST(Secret, IsWipedWhenMovedFrom) {
    Secret<16> first(kPattern);
    Secret<16> second(std::move(first));
    EXPECT_TRUE(all_zero(first.bytes().data(), 16));
    Secret<16> third;
    third = std::move(second);
    EXPECT_TRUE(all_zero(second.bytes().data(), 16));
    EXPECT_TRUE(std::equal(third.bytes().begin(), third.bytes().end(), kPattern));
    third.clear();
    EXPECT_TRUE(all_zero(third.bytes().data(), 16));
}

TEST(Secret, ShorterContentLeavesZerosBehind) {
    const Secret<32> secret(kPattern);
    EXPECT_TRUE(std::equal(secret.first(16).begin(), secret.first(16).end(), kPattern));
    EXPECT_TRUE(all_zero(secret.bytes().data() + 16, 16));
}

TEST(AeadKey, ExpandedKeyIsWipedWhenDestroyed) {
    alignas(AeadKey) std::uint8_t room[sizeof(AeadKey)] = {};
    auto* key = new (room) AeadKey(kPattern, Bytes(kPattern).first(12));
    EXPECT_FALSE(all_zero(room, kVaesKeyBytes));
    key->~AeadKey();
    EXPECT_TRUE(all_zero(room, kVaesKeyBytes));
}

TEST(AeadKey, WhatTheLibraryKeepsElsewhereIsWipedWhenDestroyed) {
    if (aead_code_path() == "VAES") GTEST_SKIP() << "nothing is kept elsewhere";
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    GTEST_SKIP() << "nothing may be read where it was freed";
#endif
    // With VAES, and else a part of it.
    const std::size_t kElsewhere = aead_code_path() == "AVX512" ? 1008 : 496;
    { const AeadKey key(kPattern, Bytes(kPattern).first(12)); }
    // What was freed last serves the next one of its size.
    auto* freed = static_cast<std::uint8_t*>(hot_allocate(kElsewhere));
    EXPECT_TRUE(all_zero(freed, kElsewhere));
    hot_free(freed, kElsewhere);
}

TEST(Demux, EveryFirstByteHasItsKind) {
    for (int first = 0; first < 256; ++first)
        for (int second = 0; second < 256; ++second) {
            const std::uint8_t datagram[] = {static_cast<std::uint8_t>(first),
                                             static_cast<std::uint8_t>(second)};
            auto expected = DatagramKind::unknown;
            if (first < 4) expected = DatagramKind::stun;
            if (first > 19 && first < 64) expected = DatagramKind::dtls;
            if (first > 127 && first < 192)
                expected = second > 191 && second < 224 ? DatagramKind::rtcp : DatagramKind::rtp;
            ASSERT_EQ(classify_datagram(datagram), expected) << first << " " << second;
        }
}

TEST(Demux, ShortDatagramsAreNotReadPast) {
    const std::uint8_t one[] = {0x80};
    EXPECT_EQ(classify_datagram({}), DatagramKind::unknown);
    EXPECT_EQ(classify_datagram(one), DatagramKind::unknown);
    const std::uint8_t dtls[] = {22};
    EXPECT_EQ(classify_datagram(dtls), DatagramKind::dtls);
}

TEST(Profile, LengthsAreThoseOfTheRegistries) {
    EXPECT_EQ(find_profile(std::uint16_t{0x000b}), nullptr);
    EXPECT_EQ(find_profile("SRTP_AES128_CM_SHA1_80"), nullptr);
    struct Row {
        std::uint16_t number;
        std::size_t hop, full, salt;
    };
    for (const auto& row :
         {Row{7, 16, 16, 12}, Row{8, 32, 32, 12}, Row{9, 16, 32, 24}, Row{10, 32, 64, 24}}) {
        const auto* traits = find_profile(row.number);
        ASSERT_NE(traits, nullptr);
        EXPECT_EQ(find_profile(traits->name), traits);
        EXPECT_EQ(traits->hop_key_bytes, row.hop);
        EXPECT_EQ(traits->full_key_bytes(), row.full);
        EXPECT_EQ(traits->full_salt_bytes(), row.salt);
    }
}

TEST(Verdict, EveryVerdictHasOneNameAndOneHelpText) {
    std::set<std::string_view> names;
    std::set<std::string_view> helps;
    for (const auto& text : kVerdictTexts) {
        names.insert(text.name);
        helps.insert(text.help);
    }
    EXPECT_EQ(names.size(), kVerdictTexts.size());
    EXPECT_EQ(helps.size(), kVerdictTexts.size());
    EXPECT_EQ(text_of(Verdict::auth_fail).name, "auth_fail");
    EXPECT_EQ(text_of(Verdict::leg_shutdown).name, "leg_shutdown");
    EXPECT_TRUE(text_of(Verdict::run_old).on_leg);
    EXPECT_FALSE(text_of(Verdict::shutdown).on_leg);
}

}  // namespace
}  // namespace mdd::srtp
