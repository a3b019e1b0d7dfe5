// What stands in front of the KMF: rates, the pending table, and the budget of one association.
#include "controlplane/admission.h"

#include <gtest/gtest.h>

#include "controlplane/dtls_budget.h"
#include "tests/unit/control/dtls_datagrams.h"
#include "tests/unit/control/who_and_when.h"

namespace mdd::control {
namespace {

using namespace std::chrono_literals;
using test::client_hello;
using test::kStart;
using test::verify_request;

const net::Be32 kSource = *net::parse_ipv4("192.0.2.1");
const net::Be32 kOther = *net::parse_ipv4("192.0.2.2");

EndpointRef who(unsigned n) {
    return {0, static_cast<MemberSlot>(n)};
}

TEST(TokenBucket, GivesItsBurstAndThenItsRate) {
    TokenBucket bucket(10, 3);
    for (int i = 0; i < 3; ++i) EXPECT_TRUE(bucket.take(kStart));
    EXPECT_FALSE(bucket.take(kStart));
    EXPECT_FALSE(bucket.take(kStart + 99ms));
    EXPECT_TRUE(bucket.take(kStart + 101ms));
    EXPECT_FALSE(bucket.take(kStart + 102ms));
    EXPECT_TRUE(bucket.is_full(kStart + 10s));
    for (int i = 0; i < 3; ++i) EXPECT_TRUE(bucket.take(kStart + 10s));
    EXPECT_FALSE(bucket.take(kStart + 10s));
}

using Ruling = Admission::Ruling;

TEST(Admission, LimitsOneSourceWithoutLimitingAnother) {
    Admission admission(AdmissionLimits{.per_source = 20});
    for (unsigned i = 0; i < 5; ++i)
        EXPECT_EQ(admission.begin(who(i), kSource, kStart), Ruling::admitted);
    EXPECT_EQ(admission.begin(who(5), kSource, kStart), Ruling::source_rate);
    EXPECT_EQ(admission.begin(who(6), kOther, kStart), Ruling::admitted);
    EXPECT_EQ(admission.begin(who(5), kSource, kStart + 51ms), Ruling::admitted);
}

TEST(Admission, LimitsTheNode) {
    Admission admission(AdmissionLimits{.per_second = 3, .per_source = 100});
    for (unsigned i = 0; i < 3; ++i)
        EXPECT_EQ(admission.begin(who(i), kSource, kStart), Ruling::admitted);
    EXPECT_EQ(admission.begin(who(3), kOther, kStart), Ruling::node_rate);
    EXPECT_EQ(admission.begin(who(3), kOther, kStart + 334ms), Ruling::admitted);
}

TEST(Admission, KeepsWhatIsUnderWayWhenFull) {
    Admission admission(AdmissionLimits{.per_source = 1000, .pending = 2});
    EXPECT_EQ(admission.begin(who(0), kSource, kStart), Ruling::admitted);
    EXPECT_EQ(admission.begin(who(1), kSource, kStart), Ruling::admitted);
    EXPECT_EQ(admission.begin(who(2), kSource, kStart), Ruling::pending_full);
    EXPECT_EQ(admission.begin(who(1), kSource, kStart), Ruling::admitted) << "it is under way";
    EXPECT_TRUE(admission.is_pending(who(0)));
    admission.end(who(0));
    EXPECT_EQ(admission.begin(who(2), kSource, kStart), Ruling::admitted);
}

TEST(Admission, GivesSilentHandshakesUpAfterTenSeconds) {
    Admission admission(AdmissionLimits{});
    admission.begin(who(0), kSource, kStart);
    admission.begin(who(1), kOther, kStart);
    admission.touch(who(1), kStart + 9s);
    EXPECT_TRUE(admission.expire(kStart + 9s).empty());
    EXPECT_EQ(admission.expire(kStart + 10s), std::vector{who(0)});
    EXPECT_EQ(admission.expire(kStart + 19s), std::vector{who(1)});
    EXPECT_EQ(admission.pending(), 0U);
}

TEST(Admission, GivesEndlessHandshakesUpToo) {
    Admission admission(AdmissionLimits{});
    admission.begin(who(0), kSource, kStart);
    for (auto t = 0s; t < 60s; t += 5s) {
        admission.touch(who(0), kStart + t);
        EXPECT_TRUE(admission.expire(kStart + t).empty());
    }
    EXPECT_EQ(admission.expire(kStart + 60s).size(), 1U);
}

const std::vector<std::uint8_t> kCookie{1, 2, 3, 4, 5, 6, 7, 8};

TEST(DtlsBudget, SendsAnUnprovenAddressNoMoreThanThreeTimesWhatItSent) {
    DtlsBudget budget;
    const std::vector<std::uint8_t> hundred(100, 22);
    EXPECT_EQ(budget.takes_down(hundred, kStart), DtlsBudget::Down::amplification);
    EXPECT_TRUE(budget.takes_up(hundred, kStart));
    for (int i = 0; i < 3; ++i)
        EXPECT_EQ(budget.takes_down(hundred, kStart), DtlsBudget::Down::pass);
    EXPECT_EQ(budget.takes_down(hundred, kStart), DtlsBudget::Down::amplification);
    budget.validate();
    EXPECT_EQ(budget.takes_down(hundred, kStart), DtlsBudget::Down::pass);
}

TEST(DtlsBudget, BelievesAnAddressThatReturnsItsCookie) {
    DtlsBudget budget;
    EXPECT_TRUE(budget.takes_up(client_hello({}), kStart));
    EXPECT_EQ(budget.takes_down(verify_request(kCookie), kStart), DtlsBudget::Down::pass);
    EXPECT_FALSE(budget.validated());
    EXPECT_TRUE(budget.takes_up(client_hello({9, 9, 9, 9, 9, 9, 9, 9}), kStart));
    EXPECT_FALSE(budget.validated()) << "another cookie";
    EXPECT_TRUE(budget.takes_up(client_hello(kCookie), kStart));
    EXPECT_TRUE(budget.validated());
    const std::vector<std::uint8_t> flight(1400, 22);
    for (int i = 0; i < 4; ++i)
        EXPECT_EQ(budget.takes_down(flight, kStart), DtlsBudget::Down::pass);
}

TEST(DtlsBudget, BelievesNoCookieThatWasNeverSent) {
    DtlsBudget budget;
    EXPECT_TRUE(budget.takes_up(client_hello(kCookie), kStart));
    EXPECT_FALSE(budget.validated());
}

TEST(DtlsBudget, IgnoresCookiesInTruncatedHellos) {
    const auto whole = client_hello(kCookie);
    // Record and handshake header, version, random, session id, cookie.
    const std::size_t least = 13 + 12 + 2 + 32 + 1 + 1 + kCookie.size();
    for (std::size_t size = 0; size < whole.size(); ++size) {
        auto cut = std::vector<std::uint8_t>(whole.begin(), whole.begin() + size);
        if (size >= 13) cut[12] = static_cast<std::uint8_t>(size - 13);
        DtlsBudget budget;
        budget.takes_up(client_hello({}), kStart);
        budget.takes_down(verify_request(kCookie), kStart);
        budget.takes_up(cut, kStart);
        EXPECT_EQ(budget.validated(), size >= least) << size;
    }
}

TEST(DtlsBudget, LimitsDatagramsEachWay) {
    DtlsBudget budget;
    budget.validate();
    const std::vector<std::uint8_t> small(10, 23);
    for (int i = 0; i < 50; ++i) {
        EXPECT_TRUE(budget.takes_up(small, kStart));
        EXPECT_EQ(budget.takes_down(small, kStart), DtlsBudget::Down::pass);
    }
    EXPECT_FALSE(budget.takes_up(small, kStart));
    EXPECT_EQ(budget.takes_down(small, kStart), DtlsBudget::Down::rate);
    EXPECT_TRUE(budget.takes_up(small, kStart + 21ms));
    EXPECT_EQ(budget.takes_down(small, kStart + 21ms), DtlsBudget::Down::pass);
}

}  // namespace
}  // namespace mdd::control
