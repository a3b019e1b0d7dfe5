// The life of a conference's EKT key: when it changes under each policy, and who has to get it.
#include "tools/mdd-kmf/conference_keys.h"

#include <gtest/gtest.h>

#include <set>

#include "tests/support/hex.h"

namespace mdd::kmf {
namespace {

using namespace std::chrono_literals;
using Member = ConferenceKeys::Member;

Member member(std::uint8_t tag) {
    Member made;
    made.fill(tag);
    return made;
}

// Numbers as random bytes, so that a test can tell one key from the next.
ConferenceKeys::Random counting(std::uint8_t first = 1) {
    return [next = first](srtp::MutableBytes bytes) mutable {
        for (auto& byte : bytes) byte = next;
        ++next;
    };
}

struct TimedKeys {
    TimePoint now{1000s};
    ConferenceKeys keys;

    explicit TimedKeys(const RekeyPolicy& policy, std::size_t key_bytes = 16)
        : keys(key_bytes, policy, counting()) {}

    std::optional<RekeyCause> renew() { return keys.renew(now); }
    // Hands the current key to everybody who waits, and counts them.
    std::size_t hand_all() {
        const auto waiting = keys.waiting();
        for (const auto& one : waiting) keys.handed(one);
        return waiting.size();
    }
    void fill(std::uint8_t members) {
        for (std::uint8_t tag = 1; tag <= members; ++tag) keys.join(member(tag));
        renew();
        hand_all();
        now += ConferenceKeys::kJoinSpacing;
    }
};

constexpr RekeyPolicy kNever{.on_join = false, .on_leave = false};
constexpr RekeyPolicy kJoin{.on_join = true, .on_leave = false};
constexpr RekeyPolicy kLeave{.on_join = false, .on_leave = true};

TEST(ConferenceKeys, MakesTheFirstKeyForTheFirstMember) {
    TimedKeys conference({});
    EXPECT_EQ(conference.renew(), std::nullopt);
    EXPECT_EQ(conference.keys.current(), nullptr);
    EXPECT_TRUE(conference.keys.waiting().empty());
    conference.keys.join(member(1));
    EXPECT_EQ(conference.renew(), RekeyCause::first);
    ASSERT_NE(conference.keys.current(), nullptr);
    EXPECT_EQ(conference.keys.waiting(), std::vector{member(1)});
    EXPECT_EQ(conference.renew(), std::nullopt);
}

TEST(ConferenceKeys, KeySaltAndSpiComeFromTheRandomSourceAndTheKeyHasItsLength) {
    for (const std::size_t key_bytes : {16u, 32u}) {
        TimedKeys conference({}, key_bytes);
        conference.fill(1);
        const auto& key = *conference.keys.current();
        EXPECT_EQ(key.spi, 0x0101);
        EXPECT_EQ(test::to_hex(key.key.first(key_bytes)),
                  test::to_hex(std::vector<std::uint8_t>(key_bytes, 2)));
        EXPECT_EQ(test::to_hex(key.key.bytes().subspan(key_bytes)),
                  std::string(2 * (32 - key_bytes), '0'));
        EXPECT_EQ(test::to_hex(key.salt.bytes()), "030303030303030303030303");
    }
}

TEST(ConferenceKeys, JoinChangesTheKeyForAllUnderThePolicyJoin) {
    TimedKeys conference(kJoin);
    conference.fill(2);
    const auto before = conference.keys.current()->spi;
    conference.keys.join(member(3));
    EXPECT_EQ(conference.renew(), RekeyCause::join);
    EXPECT_NE(conference.keys.current()->spi, before);
    EXPECT_EQ(conference.keys.waiting().size(), 3u);
}

TEST(ConferenceKeys, JoinGetsTheCurrentKeyAloneUnderThePolicyLeave) {
    TimedKeys conference(kLeave);
    conference.fill(2);
    const auto before = conference.keys.current()->spi;
    conference.keys.join(member(3));
    EXPECT_EQ(conference.renew(), std::nullopt);
    EXPECT_EQ(conference.keys.current()->spi, before);
    EXPECT_EQ(conference.keys.waiting(), std::vector{member(3)});
}

TEST(ConferenceKeys, LeaveChangesTheKeyForThoseWhoStay) {
    TimedKeys conference(kLeave);
    conference.fill(3);
    conference.keys.leave(member(2));
    EXPECT_EQ(conference.renew(), RekeyCause::leave);
    EXPECT_EQ(conference.keys.waiting(), (std::vector{member(1), member(3)}));
}

TEST(ConferenceKeys, LeaveChangesNothingUnderThePolicyJoin) {
    TimedKeys conference(kJoin);
    conference.fill(3);
    conference.keys.leave(member(2));
    EXPECT_EQ(conference.renew(), std::nullopt);
}

TEST(ConferenceKeys, LeaveOfAStrangerChangesNothing) {
    TimedKeys conference(kLeave);
    conference.fill(2);
    conference.keys.leave(member(9));
    EXPECT_EQ(conference.renew(), std::nullopt);
}

TEST(ConferenceKeys, ManyJoinsAndLeavesOfOneInstantAreOneRekey) {
    TimedKeys conference({});
    conference.fill(10);
    const auto before = conference.keys.current()->spi;
    for (std::uint8_t tag = 1; tag <= 4; ++tag) conference.keys.leave(member(tag));
    for (std::uint8_t tag = 20; tag <= 25; ++tag) conference.keys.join(member(tag));
    EXPECT_EQ(conference.renew(), RekeyCause::leave) << "the weightier cause is told";
    EXPECT_EQ(conference.keys.current()->spi, static_cast<std::uint16_t>(before + 1));
    EXPECT_EQ(conference.keys.waiting().size(), 12u);
    EXPECT_EQ(conference.renew(), std::nullopt);
}

TEST(ConferenceKeys, NeverChangesTheKeyUnderAnEmptyPolicyButForItsEnd) {
    TimedKeys conference(kNever);
    conference.fill(3);
    conference.keys.leave(member(1));
    conference.keys.join(member(4));
    EXPECT_EQ(conference.renew(), std::nullopt);
    conference.now += 24h;
    EXPECT_EQ(conference.renew(), RekeyCause::ttl);
}

TEST(ConferenceKeys, AnIntervalChangesTheKeyByTheClock) {
    TimedKeys conference({.on_join = false, .on_leave = false, .interval = 10min});
    conference.fill(2);
    const auto made_at = conference.keys.current()->made_at;
    EXPECT_EQ(conference.keys.deadline(), made_at + 10min);
    conference.now = made_at + 10min - 1ms;
    EXPECT_EQ(conference.renew(), std::nullopt);
    conference.now += 1ms;
    EXPECT_EQ(conference.renew(), RekeyCause::interval);
    EXPECT_EQ(conference.keys.waiting().size(), 2u);
    EXPECT_EQ(conference.keys.deadline(), conference.now + 10min);
}

TEST(ConferenceKeys, ANewKeyComesInGoodTimeBeforeTheTtlEnds) {
    struct Case {
        std::chrono::seconds ttl;
        std::chrono::milliseconds renewed_after;
    };
    for (const auto& [ttl, renewed_after] :
         {Case{24h, 24h - 60s}, {240s, 180s}, {60s, 45s}, {1s, 750ms}}) {
        TimedKeys conference({.on_join = false, .on_leave = false, .interval = {}, .ttl = ttl});
        conference.fill(2);
        const auto made_at = conference.keys.current()->made_at;
        EXPECT_EQ(conference.keys.deadline(), made_at + renewed_after);
        conference.now = made_at + renewed_after - 1ms;
        EXPECT_EQ(conference.renew(), std::nullopt) << ttl.count();
        conference.now += 1ms;
        EXPECT_EQ(conference.renew(), RekeyCause::ttl) << ttl.count();
    }
}

TEST(ConferenceKeys, ALateJoinerIsToldWhatIsLeftOfTheTtl) {
    TimedKeys conference(kNever);
    conference.fill(1);
    const auto made_at = conference.keys.current()->made_at;
    const auto first = conference.keys.message(made_at);
    EXPECT_EQ(first.ttl, 24h);
    const auto late = conference.keys.message(made_at + 90min + 1ms);
    EXPECT_EQ(late.ttl, 24h - 90min - 1s) << "never rounded up";
    EXPECT_EQ(late.spi, first.spi);
    EXPECT_EQ(test::to_hex(late.key_value()), test::to_hex(first.key_value()));
    EXPECT_EQ(conference.keys.message(made_at + 48h).ttl, 1s);
}

TEST(ConferenceKeys, ACrowdOfJoinersSharesOneKeyAndGetsNoOlderOne) {
    TimedKeys conference(kJoin);
    conference.fill(1);
    conference.keys.join(member(2));
    ASSERT_EQ(conference.renew(), RekeyCause::join);
    conference.hand_all();
    const auto made_at = conference.now;
    for (std::uint8_t tag = 3; tag < 50; ++tag) {
        conference.now += 1ms;
        conference.keys.join(member(tag));
        EXPECT_EQ(conference.renew(), std::nullopt);
        EXPECT_TRUE(conference.keys.waiting().empty()) << "a joiner reads nothing older";
    }
    EXPECT_EQ(conference.keys.deadline(), made_at + ConferenceKeys::kJoinSpacing);
    conference.now = made_at + ConferenceKeys::kJoinSpacing;
    EXPECT_EQ(conference.renew(), RekeyCause::join);
    EXPECT_EQ(conference.keys.waiting().size(), 49u);
}

TEST(ConferenceKeys, ALeaveDoesNotWaitForAnything) {
    TimedKeys conference({});
    conference.fill(3);
    conference.keys.leave(member(1));
    ASSERT_EQ(conference.renew(), RekeyCause::leave);
    conference.keys.join(member(4));
    conference.keys.leave(member(2));
    EXPECT_EQ(conference.renew(), RekeyCause::leave);
    EXPECT_EQ(conference.keys.waiting(), (std::vector{member(3), member(4)}));
}

TEST(ConferenceKeys, AJoinerOnASecondAssociationStillWaitsForTheNextKey) {
    TimedKeys conference(kJoin);
    conference.fill(1);
    conference.keys.join(member(2));
    conference.renew();
    conference.hand_all();
    conference.keys.join(member(3));
    conference.keys.join(member(3));
    conference.renew();
    EXPECT_TRUE(conference.keys.waiting().empty());
}

TEST(ConferenceKeys, AnOverdueKeyIsReplacedBeforeAnybodyGetsIt) {
    TimedKeys conference(kNever);
    conference.fill(1);
    conference.keys.leave(member(1));
    conference.now += 48h;
    EXPECT_EQ(conference.renew(), std::nullopt) << "nobody is there to get one";
    EXPECT_EQ(conference.keys.deadline(), std::nullopt);
    conference.keys.join(member(2));
    EXPECT_EQ(conference.renew(), RekeyCause::ttl);
}

TEST(ConferenceKeys, WhoLeftAnEmptyConferenceDoesNotShareTheNextMembersKey) {
    TimedKeys conference(kLeave);
    conference.fill(1);
    conference.keys.leave(member(1));
    EXPECT_EQ(conference.renew(), std::nullopt);
    EXPECT_TRUE(conference.keys.is_stale());
    conference.keys.join(member(2));
    EXPECT_EQ(conference.renew(), RekeyCause::leave);
}

TEST(ConferenceKeys, AMemberOnANewAssociationMayHaveRestartedAndCountsAsJoining) {
    TimedKeys conference({});
    conference.fill(2);
    ASSERT_TRUE(conference.keys.acknowledged(member(1), conference.keys.current()->spi));
    conference.keys.join(member(1));
    EXPECT_TRUE(conference.keys.waiting().empty()) << "nobody waits for the current key";
    EXPECT_EQ(conference.renew(), RekeyCause::join);
    EXPECT_EQ(conference.keys.waiting(), (std::vector{member(1), member(2)}));
    EXPECT_EQ(conference.keys.members(), 2u);
}

TEST(ConferenceKeys, AMemberOnANewAssociationCountsAsLeavingWhereJoinsDoNotCount) {
    TimedKeys conference(kLeave);
    conference.fill(2);
    conference.keys.join(member(1));
    EXPECT_EQ(conference.renew(), RekeyCause::leave);
    EXPECT_EQ(conference.keys.waiting(), (std::vector{member(1), member(2)}));
}

TEST(ConferenceKeys, AMemberOnANewAssociationGetsTheSameKeyAgainUnderAnEmptyPolicy) {
    TimedKeys conference(kNever);
    conference.fill(2);
    ASSERT_TRUE(conference.keys.acknowledged(member(1), conference.keys.current()->spi));
    conference.keys.join(member(1));
    EXPECT_EQ(conference.renew(), std::nullopt);
    EXPECT_EQ(conference.keys.waiting(), std::vector{member(1)});
    EXPECT_FALSE(conference.keys.has_acknowledged(member(1)));
}

TEST(ConferenceKeys, AnAcknowledgementCountsForTheCurrentKeyOnly) {
    TimedKeys conference({});
    conference.fill(2);
    const auto spi = conference.keys.current()->spi;
    EXPECT_FALSE(conference.keys.acknowledged(member(1), static_cast<std::uint16_t>(spi + 1)));
    EXPECT_FALSE(conference.keys.acknowledged(member(9), spi));
    EXPECT_TRUE(conference.keys.acknowledged(member(1), spi));
    conference.keys.leave(member(2));
    conference.renew();
    EXPECT_FALSE(conference.keys.acknowledged(member(1), spi));
    EXPECT_FALSE(conference.keys.has_acknowledged(member(1)));
}

TEST(ConferenceKeys, WhoNeverAcknowledgedCanBeHandedTheKeyAgain) {
    TimedKeys conference({});
    conference.fill(2);
    conference.keys.acknowledged(member(1), conference.keys.current()->spi);
    conference.keys.hand_again(member(1));
    conference.keys.hand_again(member(2));
    EXPECT_EQ(conference.keys.waiting(), std::vector{member(2)});
}

TEST(ConferenceKeys, NoSpiComesTwiceAndTheLastIsTheEnd) {
    TimedKeys conference({.on_join = false, .on_leave = false, .interval = 1s});
    conference.fill(1);
    std::set<std::uint16_t> seen{conference.keys.current()->spi};
    while (conference.now += 1s, conference.renew())
        ASSERT_TRUE(seen.insert(conference.keys.current()->spi).second);
    EXPECT_EQ(seen.size(), 65'536u);
    EXPECT_TRUE(conference.keys.is_used_up(conference.now));
}

TEST(ConferenceKeys, IsNotUsedUpWhileNothingIsDue) {
    TimedKeys conference({});
    EXPECT_FALSE(conference.keys.is_used_up(conference.now));
    conference.fill(1);
    EXPECT_FALSE(conference.keys.is_used_up(conference.now));
}

TEST(ConferenceKeys, GoesOnWithASavedKeyAndItsSpis) {
    TimedKeys before({});
    before.fill(2);
    const auto& old = *before.keys.current();
    ConferenceKeys::Saved saved;
    saved.key.spi = old.spi;
    saved.key.made_at = before.now;
    saved.spis_used = before.keys.spis_used();
    ConferenceKeys after(16, {}, counting(100), std::move(saved));
    after.join_restored(member(1));
    after.join_restored(member(2));
    EXPECT_EQ(after.renew(before.now + 1min), std::nullopt);
    EXPECT_EQ(after.waiting().size(), 2u) << "nobody knows whether they have it";
    after.join(member(3));
    EXPECT_EQ(after.waiting().size(), 2u);
    EXPECT_EQ(after.renew(before.now + 1min), RekeyCause::join);
    EXPECT_EQ(after.current()->spi, static_cast<std::uint16_t>(old.spi + 1));
    EXPECT_EQ(after.spis_used(), 2u);
}

TEST(ConferenceKeys, ASavedKeyThatWasStaleIsChangedFirst) {
    ConferenceKeys::Saved saved;
    saved.key.made_at = TimePoint{1000s};
    saved.spis_used = 1;
    saved.is_stale = true;
    ConferenceKeys after(16, kLeave, counting(), std::move(saved));
    after.join_restored(member(1));
    EXPECT_EQ(after.renew(TimePoint{1001s}), RekeyCause::leave);
}

TEST(ConferenceKeys, AnotherPolicyCountsFromNowOn) {
    TimedKeys conference(kNever);
    conference.fill(2);
    conference.keys.set_policy({.on_join = false, .on_leave = false, .interval = 5s});
    conference.now += 5s;
    EXPECT_EQ(conference.renew(), RekeyCause::interval);
}

}  // namespace
}  // namespace mdd::kmf
