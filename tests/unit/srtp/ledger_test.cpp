// The nonce ledger of audit builds, through the seal function that feeds it.
#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "dataplane/srtp/nonce_ledger.h"

namespace mdd::srtp {
namespace {

const std::vector<std::uint8_t> kKey(16, 0x5a);
const std::vector<std::uint8_t> kSalt(12, 0x77);

struct Sealed {
    std::vector<std::uint8_t> aad;
    std::vector<std::uint8_t> text;
};

void seal_under(const AeadKey& key, std::uint64_t index, const Sealed& what) {
    std::vector<std::uint8_t> out(what.text.size() + 16);
    seal(key, key.rtp_nonce(1, index), what.aad, what.text, out.data());
}

TEST(NonceLedger, CountsEverySealAndAllowsTheSameBytesAgain) {
    const AeadKey key(kKey, kSalt);
    const Sealed packet{{1, 2, 3}, {4, 5, 6}};
    const auto before = nonce_ledger::seals();
    for (int i = 0; i < 3; ++i) seal_under(key, 1, packet);
    EXPECT_EQ(nonce_ledger::seals(), before + 3);
}

TEST(NonceLedger, DifferentIndexesAndKeysDoNotMeet) {
    const AeadKey key(kKey, kSalt);
    auto other_bytes = kKey;
    other_bytes[15] ^= 1;
    const AeadKey other(other_bytes, kSalt);
    seal_under(key, 10, {{1}, {2}});
    seal_under(key, 11, {{1}, {3}});
    seal_under(other, 10, {{1}, {4}});
}

using NonceLedgerDeathTest = testing::Test;

TEST(NonceLedgerDeathTest, AbortsOnOtherPlaintext) {
    const AeadKey key(kKey, kSalt);
    seal_under(key, 20, {{1}, {2}});
    EXPECT_DEATH(seal_under(key, 20, {{1}, {3}}), "nonce ledger: a nonce repeats");
}

TEST(NonceLedgerDeathTest, AbortsOnOtherAad) {
    const AeadKey key(kKey, kSalt);
    seal_under(key, 21, {{1}, {2}});
    EXPECT_DEATH(seal_under(key, 21, {{0}, {2}}), "nonce ledger: a nonce repeats");
}

TEST(NonceLedgerDeathTest, AbortsWhenABytePassesFromAadToPlaintext) {
    const AeadKey key(kKey, kSalt);
    seal_under(key, 22, {{1, 2}, {3}});
    EXPECT_DEATH(seal_under(key, 22, {{1}, {2, 3}}), "nonce ledger: a nonce repeats");
}

TEST(NonceLedgerDeathTest, KnowsTheSameKeyInAnotherObject) {
    { seal_under(AeadKey(kKey, kSalt), 23, {{1}, {2}}); }
    const AeadKey again(kKey, kSalt);
    EXPECT_DEATH(seal_under(again, 23, {{1}, {3}}), "nonce ledger: a nonce repeats");
}

TEST(NonceLedgerDeathTest, PrintsNoKeyOrSaltByte) {
    const AeadKey key(kKey, kSalt);
    seal_under(key, 24, {{1}, {2}});
    EXPECT_DEATH(seal_under(key, 24, {{1}, {3}}),
                 "^nonce ledger: a nonce repeats with other bytes: aad of 1 bytes 01, plaintext of "
                 "1 bytes\n$");
}

TEST(NonceLedger, ThreadsRecordTogether) {
    const auto before = nonce_ledger::seals();
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t)
        threads.emplace_back([t] {
            const AeadKey key(std::vector<std::uint8_t>(16, static_cast<std::uint8_t>(t)), kSalt);
            for (std::uint64_t i = 0; i < 10'000; ++i) seal_under(key, i, {{1}, {2, 3}});
        });
    for (auto& thread : threads) thread.join();
    EXPECT_EQ(nonce_ledger::seals(), before + 40'000);
}

}  // namespace
}  // namespace mdd::srtp
