// The three-way rule for keys: current, new, refused.
#include "controlplane/key_ledger.h"

#include <gtest/gtest.h>

#include <random>

#include "tests/unit/control/keys_for_tests.h"
#include "tests/unit/control/who_and_when.h"

namespace mdd::control {
namespace {

using namespace std::chrono_literals;
using test::kAlice;
using test::kBob;
using test::key_names;
using test::kStart;

KeyRuling ruling(KeyLedger& ledger, EndpointRef who, const tunnel::KeyNames& names,
                 TimePoint now = kStart) {
    return ledger.judge(who, names, now).ruling;
}

KeyRefusal reason(KeyLedger& ledger, EndpointRef who, const tunnel::KeyNames& names,
                  TimePoint now = kStart) {
    const auto judgement = ledger.judge(who, names, now);
    EXPECT_EQ(judgement.ruling, KeyRuling::refuse);
    return judgement.reason;
}

TEST(KeyLedger, InstallsNewKeysAndTakesTheirRepetitionAsNoOp) {
    KeyLedger ledger;
    const auto a = key_names(1, 2);
    EXPECT_EQ(ruling(ledger, kAlice, a), KeyRuling::install);
    ledger.install(kAlice, a, kStart);
    EXPECT_EQ(ruling(ledger, kAlice, a), KeyRuling::current);
}

TEST(KeyLedger, RefusesKeysThatComeBackAfterOthers) {
    KeyLedger ledger;
    ledger.install(kAlice, key_names(1, 2), kStart);
    ledger.install(kAlice, key_names(3, 4), kStart + 1s);
    EXPECT_EQ(reason(ledger, kAlice, key_names(1, 2)), KeyRefusal::retired);
    EXPECT_EQ(ruling(ledger, kAlice, key_names(3, 4)), KeyRuling::current);
}

TEST(KeyLedger, RefusesOneOldDirectionWithOneNew) {
    KeyLedger ledger;
    ledger.install(kAlice, key_names(1, 2), kStart);
    ledger.install(kAlice, key_names(3, 4), kStart);
    EXPECT_EQ(reason(ledger, kAlice, key_names(5, 2)), KeyRefusal::retired);
    EXPECT_EQ(reason(ledger, kAlice, key_names(1, 5)), KeyRefusal::retired);
    EXPECT_EQ(reason(ledger, kAlice, key_names(3, 5)), KeyRefusal::live_elsewhere);
    EXPECT_EQ(reason(ledger, kAlice, key_names(4, 3)), KeyRefusal::live_elsewhere);
}

TEST(KeyLedger, RefusesKeysOfAnotherEndpoint) {
    KeyLedger ledger;
    ledger.install(kAlice, key_names(1, 2), kStart);
    EXPECT_EQ(reason(ledger, kBob, key_names(1, 2)), KeyRefusal::live_elsewhere);
    EXPECT_EQ(reason(ledger, kBob, key_names(2, 9)), KeyRefusal::live_elsewhere);
    ledger.retire(kAlice, kStart);
    EXPECT_EQ(reason(ledger, kBob, key_names(1, 2)), KeyRefusal::retired);
}

TEST(KeyLedger, RefusesZeroKeysAndOneKeyForBothDirections) {
    KeyLedger ledger;
    auto zero = key_names(1, 2);
    zero.all_zero = true;
    EXPECT_EQ(reason(ledger, kAlice, zero), KeyRefusal::all_zero);
    auto same = key_names(1, 2);
    same.same_both_ways = true;
    EXPECT_EQ(reason(ledger, kAlice, same), KeyRefusal::same_both_ways);
}

TEST(KeyLedger, RemembersRetiredKeysForADay) {
    KeyLedger ledger;
    ledger.install(kAlice, key_names(1, 2), kStart);
    ledger.retire(kAlice, kStart);
    EXPECT_EQ(reason(ledger, kAlice, key_names(1, 2), kStart + 24h), KeyRefusal::retired);
    EXPECT_EQ(ruling(ledger, kAlice, key_names(1, 2), kStart + 24h + 1s), KeyRuling::install);
    EXPECT_EQ(ledger.size(), 0U);
}

TEST(KeyLedger, RefusesRatherThanForgetsWhenFull) {
    KeyLedger ledger(4);
    ledger.install(kAlice, key_names(1, 2), kStart);
    ledger.install(kAlice, key_names(3, 4), kStart);
    EXPECT_EQ(reason(ledger, kAlice, key_names(5, 6)), KeyRefusal::ledger_full);
    EXPECT_EQ(ruling(ledger, kAlice, key_names(3, 4)), KeyRuling::current);
    EXPECT_EQ(reason(ledger, kAlice, key_names(1, 2)), KeyRefusal::retired);
}

// 10^5 installs on a few endpoints, with planted repeats of any fingerprint ever used.
TEST(KeyLedger, RefusesEveryPlantedRepeat) {
    constexpr unsigned kSeed = 20260101;
    SCOPED_TRACE(testing::Message() << "seed " << kSeed);
    std::mt19937 random(kSeed);
    KeyLedger ledger;
    std::vector<tunnel::KeyFingerprint> used;
    std::uint64_t next = 1;
    const auto fresh = [&next] {
        tunnel::KeyFingerprint fingerprint{};
        std::memcpy(fingerprint.data(), &next, sizeof next);
        ++next;
        return fingerprint;
    };
    unsigned planted = 0;
    for (unsigned i = 0; i < 100'000; ++i) {
        const EndpointRef who{0, static_cast<MemberSlot>(random() % 7)};
        tunnel::KeyNames names{fresh(), fresh(), false, false};
        const bool repeat = !used.empty() && random() % 4 == 0;
        if (repeat)
            (random() % 2 == 0 ? names.client_write : names.server_write) =
                used[random() % used.size()];
        ASSERT_EQ(ruling(ledger, who, names), repeat ? KeyRuling::refuse : KeyRuling::install);
        planted += repeat ? 1 : 0;
        if (repeat) continue;
        ledger.install(who, names, kStart);
        used.push_back(names.client_write);
        used.push_back(names.server_write);
    }
    EXPECT_GT(planted, 20'000U);
}

TEST(KeyFingerprinter, NamesEqualKeysAlikeAndOthersNot) {
    const tunnel::KeyFingerprinter fingerprinter;
    const auto names = fingerprinter.names_of(test::hop_keys(1, 2));
    EXPECT_EQ(names.client_write, fingerprinter.names_of(test::hop_keys(1, 9)).client_write);
    EXPECT_EQ(names.client_write, fingerprinter.names_of(test::hop_keys(9, 1)).server_write);
    EXPECT_NE(names.client_write, names.server_write);
    auto other_salt = test::hop_keys(1, 2);
    other_salt.client_write.salt.writable()[11] ^= 1;
    EXPECT_NE(names.client_write, fingerprinter.names_of(other_salt).client_write);
}

TEST(KeyFingerprinter, NamesDifferBetweenProcesses) {
    const tunnel::KeyFingerprinter one;
    const tunnel::KeyFingerprinter other;
    const auto keys = test::hop_keys(1, 2);
    EXPECT_NE(one.names_of(keys).client_write, other.names_of(keys).client_write);
}

TEST(KeyFingerprinter, SeesZeroAndEqualKeys) {
    const tunnel::KeyFingerprinter fingerprinter;
    EXPECT_FALSE(fingerprinter.names_of(test::hop_keys(1, 2)).all_zero);
    EXPECT_TRUE(fingerprinter.names_of(test::hop_keys(0, 2)).all_zero);
    EXPECT_TRUE(fingerprinter.names_of(test::hop_keys(1, 0)).all_zero);
    EXPECT_FALSE(fingerprinter.names_of(test::hop_keys(1, 2)).same_both_ways);
    auto same = test::hop_keys(7, 7);
    same.server_write.salt.writable()[0] ^= 1;
    EXPECT_TRUE(fingerprinter.names_of(same).same_both_ways);
}

#ifdef MDD_AUDIT
TEST(AuditDigest, CoversKeysAndThenSalts) {
    const auto field = [](std::string_view text) {
        return tunnel::SecretBytes(
            srtp::Bytes(reinterpret_cast<const std::uint8_t*>(text.data()), text.size()));
    };
    const tunnel::KeyInformation keys{9, field("a"), field("b"), field("c"), field("")};
    // SHA-256 of "abc", FIPS 180-2 appendix B.1.
    EXPECT_EQ(tunnel::to_hex(tunnel::audit_digest(keys)),
              "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}
#endif

}  // namespace
}  // namespace mdd::control
