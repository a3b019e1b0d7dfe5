// The search on simulated devices whose capacity is known: it must find it, and not take all day.
#include "tools/mdd-load/search.h"

#include <gtest/gtest.h>

#include <random>
#include <stdexcept>

#include "tests/unit/load/simulated_device.h"

namespace mdd::load::test {
namespace {

constexpr double kPdr = 0.005;

SearchSettings settings(std::vector<Goal> goals = {Goal{}}) {
    return {.goals = std::move(goals), .lowest_pps = 1000, .highest_pps = 20e6};
}

struct Outcome {
    std::vector<Found> found;
    std::vector<TrialNote> notes;

    unsigned full_trials() const {
        return static_cast<unsigned>(
            std::ranges::count_if(notes, [](const TrialNote& note) { return note.full_length; }));
    }
};

Outcome run(const SearchSettings& wanted, SimulatedDevice& device) {
    Outcome outcome;
    outcome.found = search(wanted, device.as_trial(),
                           [&](const TrialNote& note) { outcome.notes.push_back(note); });
    EXPECT_EQ(outcome.notes.size(), device.trials());
    return outcome;
}

void expect_interval(const Found& found, double capacity) {
    EXPECT_LE(found.lower_pps, capacity);
    EXPECT_GE(found.upper_pps, capacity);
    EXPECT_LE(found.upper_pps - found.lower_pps, 0.005 * found.upper_pps + 1);
    EXPECT_TRUE(found.settled);
    EXPECT_FALSE(found.at_max || found.none || found.generator_limited);
    ASSERT_TRUE(found.at_lower);
    EXPECT_LE(found.at_lower->loss_ratio(), found.goal.loss_ratio);
    EXPECT_EQ(found.at_lower->seconds, found.goal.final_seconds);
    EXPECT_GE(found.full_trials, found.goal.exceed_ratio > 0 ? 1 : found.goal.final_trials);
}

Carried sharp(double capacity) {
    return [capacity](double pps, unsigned) { return std::min(pps, capacity); };
}

TEST(Search, FindsTheEdgeOfASharpDeviceWhereverItIs) {
    for (const double capacity : {1003.0, 31'415.0, 812'345.0, 1'999'999.0, 19'950'000.0}) {
        SimulatedDevice device(sharp(capacity));
        const auto outcome = run(settings(), device);
        expect_interval(outcome.found.at(0), capacity);
        EXPECT_LE(outcome.full_trials(), 3u) << capacity;
        EXPECT_LE(device.seconds(), 300) << capacity;
    }
}

TEST(Search, FindsSeveralLossRatiosInOneGo) {
    const double capacity = 2.5e6;
    SimulatedDevice device(sharp(capacity));
    const auto outcome = run(settings({{}, {.loss_ratio = kPdr}, {.loss_ratio = 0.1}}), device);
    ASSERT_EQ(outcome.found.size(), 3u);
    expect_interval(outcome.found[0], capacity);
    expect_interval(outcome.found[1], capacity / (1 - kPdr));
    expect_interval(outcome.found[2], capacity / 0.9);
    EXPECT_LE(outcome.full_trials(), 8u);
}

TEST(Search, GoalsKeepTheirOrderAndTheirOwnLength) {
    SimulatedDevice device(sharp(4e6));
    const auto outcome =
        run(settings({{.loss_ratio = 0.1, .final_seconds = 1}, {.final_seconds = 30}}), device);
    expect_interval(outcome.found.at(0), 4e6 / 0.9);
    expect_interval(outcome.found.at(1), 4e6);
}

TEST(Search, ATrialOfOneGoalIsNotPassedOffAsAnothers) {
    SimulatedDevice device(sharp(4e6));
    const auto outcome =
        run(settings({{.final_seconds = 60}, {.final_seconds = 1, .final_trials = 5}}), device);
    EXPECT_EQ(outcome.found.at(0).lower_pps, outcome.found.at(1).lower_pps);
    EXPECT_EQ(outcome.found.at(0).full_trials, 1u) << "the short ones are none of its own";
    EXPECT_EQ(outcome.found.at(1).full_trials, 5u) << "a longer one counts too";
    for (const auto& found : outcome.found) expect_interval(found, 4e6);
}

TEST(Search, RatesAreWholePacketsHoweverFew) {
    SimulatedDevice device(sharp(57));
    auto wanted = settings();
    wanted.lowest_pps = 1;
    wanted.highest_pps = 200;
    const auto outcome = run(wanted, device);
    EXPECT_EQ(outcome.found.at(0).lower_pps, 57);
    EXPECT_EQ(outcome.found.at(0).upper_pps, 58);
}

// Each second's capacity is up to 1 % lower: the longer a trial, the worse its worst second.
TEST(Search, ANoisyEdgeIsWhereFullTrialsPutIt) {
    for (const unsigned seed : {1u, 2u, 3u, 4u, 5u}) {
        std::mt19937 random(seed);
        std::uniform_real_distribution<double> jitter(0.99, 1);
        SimulatedDevice device(
            [&](double pps, unsigned) { return std::min(pps, 3e6 * jitter(random)); });
        const auto outcome = run(settings({{}, {.loss_ratio = kPdr}}), device);
        const auto& ndr = outcome.found.at(0);
        EXPECT_TRUE(ndr.settled);
        EXPECT_GE(ndr.lower_pps, 3e6 * 0.99 * 0.995);
        EXPECT_LE(ndr.upper_pps, 3e6 * 0.995);
        const auto& pdr = outcome.found.at(1);  // the mean of 60 seconds, which is noisy too
        EXPECT_TRUE(pdr.settled);
        EXPECT_LE(pdr.lower_pps, 3e6 * 0.995 / (1 - kPdr) * 1.001);
        EXPECT_GE(pdr.upper_pps, 3e6 * 0.995 / (1 - kPdr) * 0.999);
        EXPECT_LE(outcome.full_trials(), 16u) << seed;
    }
}

// One trial in ten is disturbed. The share that may exceed takes that out.
TEST(Search, ASharedMachineIsSearchedWithSeveralTrialsThatMayFail) {
    for (const unsigned seed : {1u, 2u, 3u, 4u, 5u}) {
        std::mt19937 random(seed);
        std::bernoulli_distribution disturbed(0.1);
        double slower = 1;
        SimulatedDevice device([&](double pps, unsigned second) {
            if (second == 0) slower = disturbed(random) ? 0.8 : 1;
            return std::min(pps, 3e6 * slower);
        });
        const auto outcome =
            run(settings({{.final_seconds = 1, .exceed_ratio = 0.5, .final_trials = 11}}), device);
        const auto& found = outcome.found.at(0);
        EXPECT_TRUE(found.settled) << seed;
        EXPECT_LE(found.lower_pps, 3e6) << seed;
        EXPECT_GE(found.upper_pps, 3e6) << seed;
        EXPECT_LE(outcome.full_trials(), 10u * 11) << seed;
    }
}

// Buffers or turbo clocks: for ten seconds it does more than it can keep up.
double tiring(double pps, unsigned second) {
    return std::min(pps, second < 10 ? 5e6 : 3.7e6);
}

TEST(Search, ALowerBoundThatDoesNotHoldAtFullLengthIsGivenUp) {
    SimulatedDevice device(tiring);
    const auto outcome = run(settings(), device);
    expect_interval(outcome.found.at(0), 3.7e6);
    EXPECT_LE(outcome.full_trials(), 16u);
    const auto given_up = std::ranges::find_if(outcome.notes, [](const TrialNote& note) {
        return note.full_length && note.loss_ratio > 0;
    });
    ASSERT_NE(given_up, outcome.notes.end());
    EXPECT_GT(given_up->pps, 4.9e6) << "full trials begin where the short ones pointed";
}

// Cold tables: the first second loses 1 %. It counts for short trials, and little for long ones.
TEST(Search, AnUpperBoundThatDoesNotHoldAtFullLengthIsGivenUp) {
    SimulatedDevice device(
        [](double pps, unsigned second) { return std::min(second == 0 ? pps * 0.99 : pps, 3e6); });
    const auto outcome = run(settings({{.loss_ratio = kPdr}}), device);
    const auto& found = outcome.found.at(0);
    EXPECT_TRUE(found.settled);
    EXPECT_GT(found.lower_pps, 3e6 * 0.995);
    EXPECT_LT(found.upper_pps, 3e6 * 1.011);
    EXPECT_LE(outcome.full_trials(), 24u);
    EXPECT_LE(device.trials(), 60u) << "steps grow on the way up";
}

// It throttles when the first goal has been found, which thereby does not hold any more.
TEST(Search, ADeviceThatBecomesSlowerIsSearchedAgainForEveryGoal) {
    unsigned full_trials = 0;
    SimulatedDevice device([&](double pps, unsigned second) {
        if (second == 59) ++full_trials;
        return std::min(pps, full_trials < 3 ? 3e6 : 1e6);
    });
    const auto outcome = run(settings({{.loss_ratio = kPdr}, {}}), device);
    expect_interval(outcome.found.at(0), 1e6 / (1 - kPdr));
    expect_interval(outcome.found.at(1), 1e6);
}

TEST(Search, ADeviceThatCollapsesUnderOverloadIsFoundAllTheSame) {
    SimulatedDevice device([](double pps, unsigned) { return pps > 1.5e6 ? 1000 : pps; });
    const auto outcome = run(settings({{}, {.loss_ratio = kPdr}}), device);
    for (const auto& found : outcome.found) expect_interval(found, 1.5e6);
    EXPECT_LE(outcome.full_trials(), 3u);
}

TEST(Search, ADeviceThatNeverLosesIsAtTheHighestRate) {
    SimulatedDevice device(sharp(1e9));
    const auto outcome = run(settings({{}, {.loss_ratio = kPdr}}), device);
    for (const auto& found : outcome.found) {
        EXPECT_TRUE(found.at_max && found.settled);
        EXPECT_FALSE(found.none || found.generator_limited);
        EXPECT_EQ(found.lower_pps, 20e6);
        EXPECT_EQ(found.upper_pps, 20e6);
        EXPECT_TRUE(found.at_lower);
    }
    EXPECT_EQ(outcome.full_trials(), 1u) << "one trial speaks for every goal";
}

TEST(Search, ADeviceThatAlwaysLosesHasNoRate) {
    for (const double share : {0.0, 0.5, 0.98}) {
        SimulatedDevice device([share](double pps, unsigned) { return pps * share; });
        const auto outcome = run(settings({{}, {.loss_ratio = kPdr}}), device);
        for (const auto& found : outcome.found) {
            EXPECT_TRUE(found.none && found.settled) << share;
            EXPECT_FALSE(found.at_max || found.generator_limited);
            EXPECT_EQ(found.lower_pps, 0);
            EXPECT_EQ(found.upper_pps, 1000);
            EXPECT_FALSE(found.at_lower);
        }
        EXPECT_EQ(outcome.full_trials(), 1u);
        EXPECT_TRUE(share > 0 || outcome.notes.size() == 4) << "nothing came through, so no steps";
    }
}

TEST(Search, TheGeneratorsEndIsNoStatementAboutTheDevice) {
    SimulatedDevice device(sharp(5e6), 2e6);
    const auto outcome = run(settings({{}, {.loss_ratio = kPdr}}), device);
    for (const auto& found : outcome.found) {
        EXPECT_TRUE(found.generator_limited && found.settled);
        EXPECT_FALSE(found.at_max || found.none);
        EXPECT_LE(found.lower_pps, 2e6);
        EXPECT_GE(found.lower_pps, 2e6 * 0.994);
        EXPECT_TRUE(found.at_lower);
    }
}

TEST(Search, AGeneratorThatOutrunsTheDeviceIsNoMatter) {
    SimulatedDevice device(sharp(1.9e6), 2e6);
    const auto outcome = run(settings(), device);
    expect_interval(outcome.found.at(0), 1.9e6);
}

TEST(Search, AGeneratorThatCanNothingSaysSo) {
    SimulatedDevice device(sharp(5e6), 10);
    const auto outcome = run(settings(), device);
    EXPECT_TRUE(outcome.found.at(0).generator_limited && outcome.found.at(0).settled);
    EXPECT_FALSE(outcome.found.at(0).none);
    EXPECT_EQ(outcome.found.at(0).lower_pps, 0);
}

TEST(Search, OneHiccupOfTheGeneratorIsTriedAgain) {
    SimulatedDevice undisturbed(sharp(812'345));
    const auto expected = run(settings(), undisturbed);
    for (unsigned at = 1; at <= undisturbed.trials(); ++at) {
        SimulatedDevice device(sharp(812'345));
        device.hiccup_in({at});
        const auto outcome = run(settings(), device);
        expect_interval(outcome.found.at(0), 812'345);
        EXPECT_EQ(outcome.notes.size(), expected.notes.size() + 1);
    }
}

// Pure chance at every rate: no bound means anything, and the search must still come to an end.
TEST(Search, ContradictionsEndAtTheMostFullTrials) {
    for (unsigned seed = 1; seed <= 200; ++seed) {
        std::mt19937 random(seed);
        std::bernoulli_distribution loses(0.5);
        SimulatedDevice device(
            [&](double pps, unsigned) { return loses(random) ? pps * 0.97 : pps; });
        auto wanted = settings({{.final_seconds = 1, .exceed_ratio = 0.5, .final_trials = 5},
                                {.loss_ratio = 0.01, .final_seconds = 2},
                                {.loss_ratio = 0.02, .final_seconds = 3}});
        wanted.most_full_trials = 4;
        const auto outcome = run(wanted, device);
        EXPECT_LE(outcome.full_trials(), 4u * (5 + 1 + 1)) << seed;
        for (const auto& found : outcome.found) EXPECT_LE(found.lower_pps, found.upper_pps) << seed;
    }
}

TEST(Search, WhatWasNotSettledIsSaid) {
    SimulatedDevice device(tiring);
    auto wanted = settings();
    wanted.most_full_trials = 3;
    const auto outcome = run(wanted, device);
    const auto& found = outcome.found.at(0);
    EXPECT_EQ(outcome.full_trials(), 3u);
    EXPECT_FALSE(found.settled || found.none || found.at_max);
    EXPECT_LE(found.lower_pps, 3.7e6);
    EXPECT_GE(found.upper_pps, 3.7e6);
}

TEST(Search, EveryRateIsTriedWithinTheLimitsAndDecidedOnce) {
    SimulatedDevice device(sharp(31'415));
    const auto outcome = run(settings({{}, {.loss_ratio = kPdr}}), device);
    std::set<std::pair<double, double>> seen;
    for (const auto& note : outcome.notes) {
        EXPECT_GE(note.pps, 1000);
        EXPECT_LE(note.pps, 20e6);
        EXPECT_EQ(note.pps, std::floor(note.pps));
        EXPECT_TRUE(seen.insert({note.pps, note.seconds}).second) << note.pps;
    }
    EXPECT_EQ(outcome.notes.front().pps, 20e6);
    EXPECT_EQ(outcome.notes.front().seconds, 1);
}

TEST(Search, AnInterruptedTrialEndsItAndCountsForNothing) {
    const double capacity = 812'345;
    const auto wanted = settings({{.final_trials = 2}, {.loss_ratio = kPdr, .final_trials = 2}});
    SimulatedDevice undisturbed(sharp(capacity));
    run(wanted, undisturbed);
    bool was_found_in_time = false;
    for (unsigned at = 1; at <= undisturbed.trials(); ++at) {
        SimulatedDevice device(sharp(capacity));
        device.interrupt(at);
        std::vector<TrialNote> notes;
        const auto found = search(wanted, device.as_trial(),
                                  [&](const TrialNote& note) { notes.push_back(note); });
        EXPECT_EQ(device.trials(), at);
        EXPECT_EQ(notes.size(), at - 1);
        ASSERT_EQ(found.size(), 2u);
        EXPECT_LE(found[0].lower_pps, capacity);
        EXPECT_GE(found[0].upper_pps, capacity);
        EXPECT_FALSE(found[0].settled && found[1].settled) << at;
        for (const auto& one : found) {
            EXPECT_TRUE(one.interrupted);
            EXPECT_FALSE(one.none || one.at_max);
            EXPECT_EQ(one.at_lower.has_value(), one.lower_pps > 0);
            was_found_in_time |= one.at_lower.has_value();
        }
    }
    EXPECT_TRUE(was_found_in_time) << "late enough, what was measured until then is there";
}

TEST(Search, SettingsWithoutSenseAreRefused) {
    SimulatedDevice device(sharp(1e6));
    const auto refuse = [&](auto&& change) {
        auto wrong = settings();
        change(wrong);
        EXPECT_THROW(search(wrong, device.as_trial(), {}), std::invalid_argument);
    };
    refuse([](auto& s) { s.goals.clear(); });
    refuse([](auto& s) { s.goals[0].loss_ratio = 1; });
    refuse([](auto& s) { s.goals[0].loss_ratio = -0.1; });
    refuse([](auto& s) { s.goals[0].exceed_ratio = 1; });
    refuse([](auto& s) { s.goals[0].final_seconds = 0; });
    refuse([](auto& s) { s.goals[0].final_trials = 0; });
    refuse([](auto& s) { s.goals[0].final_trials = 1001; });
    refuse([](auto& s) { s.first_seconds = 0; });
    refuse([](auto& s) { s.width = 0; });
    refuse([](auto& s) { s.width = 0.25; });
    refuse([](auto& s) { s.width = std::nan(""); });
    refuse([](auto& s) { s.most_full_trials = 0; });
    refuse([](auto& s) { s.lowest_pps = 0; });
    refuse([](auto& s) { s.highest_pps = 999; });
    refuse([](auto& s) { s.highest_pps = std::nan(""); });
    EXPECT_EQ(device.trials(), 0u);
}

TEST(Search, WhatATrialThrowsPassesThrough) {
    const Trial broken = [](double, double) -> TrialResult {
        throw std::runtime_error("port gone");
    };
    EXPECT_THROW(search(settings(), broken, {}), std::runtime_error);
}

}  // namespace
}  // namespace mdd::load::test
