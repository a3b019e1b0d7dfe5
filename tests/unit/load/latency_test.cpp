// The histogram against the sorted samples themselves, and a trial's sums.
#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <vector>

#include "tools/mdd-load/trial_result.h"

namespace mdd::load::test {
namespace {

constexpr double kShares[] = {0, 0.001, 0.01, 0.25, 0.5, 0.75, 0.9, 0.99, 0.999, 0.9999, 1};

std::uint64_t exact_quantile(const std::vector<std::uint64_t>& sorted, double share) {
    const auto rank =
        static_cast<std::size_t>(std::ceil(share * static_cast<double>(sorted.size())));
    return sorted[std::max<std::size_t>(rank, 1) - 1];
}

void expect_close(const LatencyHistogram& histogram, std::vector<std::uint64_t> samples) {
    std::ranges::sort(samples);
    EXPECT_EQ(histogram.count(), samples.size());
    EXPECT_EQ(histogram.max_ns(), samples.back());
    for (const double share : kShares) {
        const auto exact = exact_quantile(samples, share);
        const auto found = histogram.quantile_ns(share);
        EXPECT_GE(found, exact) << share;
        EXPECT_LE(static_cast<double>(found), static_cast<double>(exact) * 1.01) << share;
    }
    EXPECT_EQ(histogram.quantile_ns(1), samples.back());
}

TEST(LatencyHistogram, QuantilesAreAtMostOnePercentAboveTheExactOnes) {
    std::mt19937_64 random(1);
    std::uniform_real_distribution<double> exponent(0, std::log(1e10));
    LatencyHistogram histogram;
    std::vector<std::uint64_t> samples;
    for (int i = 0; i < 99'991; ++i) {
        samples.push_back(static_cast<std::uint64_t>(std::exp(exponent(random))));
        histogram.add(samples.back());
    }
    expect_close(histogram, samples);
}

TEST(LatencyHistogram, EveryEdgeOfABucketFindsItself) {
    for (std::uint64_t power = 1; power < LatencyHistogram::kHighestNs; power *= 2)
        for (const auto ns : {power - 1, power, power + 1}) {
            LatencyHistogram histogram;
            histogram.add(ns);
            histogram.add(LatencyHistogram::kHighestNs);
            const auto found = histogram.quantile_ns(0.5);
            EXPECT_GE(found, ns);
            EXPECT_LE(found, ns + ns / 100) << "values below 256 are exact";
        }
}

TEST(LatencyHistogram, WithoutSamplesEverythingIsZero) {
    const LatencyHistogram histogram;
    EXPECT_EQ(histogram.count(), 0u);
    EXPECT_EQ(histogram.max_ns(), 0u);
    for (const double share : kShares) EXPECT_EQ(histogram.quantile_ns(share), 0u);
}

TEST(LatencyHistogram, OneSampleIsEveryQuantile) {
    for (const std::uint64_t ns : {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{123'457},
                                   LatencyHistogram::kHighestNs}) {
        LatencyHistogram histogram;
        histogram.add(ns);
        for (const double share : kShares) EXPECT_EQ(histogram.quantile_ns(share), ns);
    }
}

TEST(LatencyHistogram, AQuantileIsASampleOfNearestRank) {
    LatencyHistogram histogram;
    for (const std::uint64_t ns : {30, 10, 20}) histogram.add(ns);
    EXPECT_EQ(histogram.quantile_ns(0.33), 10u);
    EXPECT_EQ(histogram.quantile_ns(0.34), 20u);
    EXPECT_EQ(histogram.quantile_ns(0.66), 20u);
    EXPECT_EQ(histogram.quantile_ns(0.67), 30u);
}

TEST(LatencyHistogram, WhatIsAboveTheRangeIsCountedAndTheHighestStaysExact) {
    LatencyHistogram histogram;
    for (int i = 0; i < 98; ++i) histogram.add(1000);
    histogram.add(LatencyHistogram::kHighestNs + 1);
    histogram.add(UINT64_MAX);
    EXPECT_EQ(histogram.count(), 100u);
    EXPECT_EQ(histogram.quantile_ns(0.98), 1003u);
    EXPECT_EQ(histogram.quantile_ns(0.99), UINT64_MAX);
    EXPECT_EQ(histogram.max_ns(), UINT64_MAX);
}

TEST(LatencyHistogram, SharesOutsideZeroToOneAreTheNearestOnes) {
    LatencyHistogram histogram;
    histogram.add(5);
    histogram.add(9);
    EXPECT_EQ(histogram.quantile_ns(-1), 5u);
    EXPECT_EQ(histogram.quantile_ns(2), 9u);
}

TEST(LatencyHistogram, MergedOnesEqualOneThatSawEverything) {
    std::mt19937_64 random(2);
    std::lognormal_distribution<double> microseconds(std::log(30e3), 1);
    LatencyHistogram parts[3];
    std::vector<std::uint64_t> samples;
    for (int i = 0; i < 30'000; ++i) {
        samples.push_back(static_cast<std::uint64_t>(microseconds(random)));
        parts[i % 3].add(samples.back());
    }
    parts[0].merge(parts[1]);
    parts[0].merge(LatencyHistogram{});
    LatencyHistogram all;
    all.merge(parts[0]);
    all.merge(parts[2]);
    expect_close(all, samples);
}

TEST(TrialResult, LossIsOverEveryKindAndByReceiver) {
    TrialResult result;
    result.seconds = 2;
    EXPECT_EQ(result.loss_ratio(), 0);
    result.audio = {.sent = 10, .expected = 100, .received = 99, .lost = 1};
    result.video = {.sent = 30, .expected = 300, .received = 300, .bad_tag = 5};
    result.rtcp = {.sent = 1, .expected = 0, .received = 1};
    EXPECT_DOUBLE_EQ(result.loss_ratio(), 1.0 / 400);
    EXPECT_DOUBLE_EQ(result.received_pps(), 200);
    EXPECT_EQ(result.total().bad_tag, 5u);
    EXPECT_EQ(result.total().sent, 41u);
}

TEST(TrialResult, NoTimeIsNoRate) {
    EXPECT_EQ(TrialResult{}.received_pps(), 0);
}

}  // namespace
}  // namespace mdd::load::test
