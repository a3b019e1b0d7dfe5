// The program's edges: what its command line accepts, what it makes for endpoints, how it judges
// shares.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "tests/unit/load/load_files.h"
#include "tools/mdd-load/certificates.h"
#include "tools/mdd-load/options.h"
#include "tools/mdd-load/trial.h"

namespace mdd::load::test {
namespace {

using ::testing::HasSubstr;

std::variant<Options, int> parse(std::vector<std::string> words) {
    words.insert(words.begin(), "mdd-load");
    std::vector<char*> argv;
    for (auto& word : words) argv.push_back(word.data());
    return parse_options(static_cast<int>(argv.size()), argv.data());
}
Options good_options(const std::vector<std::string>& words) {
    auto parsed = parse(words);
    if (std::holds_alternative<int>(parsed)) {
        ADD_FAILURE() << "refused";
        return {};
    }
    return std::get<Options>(std::move(parsed));
}
int code_of(const std::vector<std::string>& words) {
    const auto parsed = parse(words);
    return std::holds_alternative<int>(parsed) ? std::get<int>(parsed) : -1;
}

TEST(LoadOptions, ARunHasARateOrAMultipleAndASeedOfItsOwn) {
    const auto run = good_options(
        {"run", "--scenario", "a.toml", "--rate", "2e6", "--seconds", "0.5", "--seed", "7"});
    EXPECT_EQ(run.command, Command::run);
    EXPECT_EQ(run.rate_pps, 2e6);
    EXPECT_EQ(run.seconds, 0.5);
    EXPECT_EQ(run.seed, 7u);
    EXPECT_EQ(run.bed, "bed.toml");
    EXPECT_FALSE(run.real_handshake);
    EXPECT_EQ(good_options({"run", "--scenario", "a.toml", "--times", "0.5"}).times, 0.5);
}

TEST(LoadOptions, ASearchWithoutGoalsLooksForTheNoDropRate) {
    const auto search = good_options({"search", "--scenario", "a.toml"}).search;
    ASSERT_EQ(search.goals.size(), 1u);
    EXPECT_EQ(search.goals[0].loss_ratio, 0);
    EXPECT_EQ(search.goals[0].final_seconds, 60);
    EXPECT_EQ(search.highest_pps, 20e6);
}

TEST(LoadOptions, ASearchHasItsGoalsInOrderAndOneWayToDecideThem) {
    const auto search =
        good_options(
            {"search", "--scenario",      "a.toml", "--loss-ratio",   "0",    "--loss-ratio",
             "0.005",  "--exceed-ratio",  "0.4",    "--final-trials", "5",    "--trial-seconds",
             "7",      "--first-seconds", "0.25",   "--width",        "0.02", "--lowest",
             "10",     "--highest",       "5000"})
            .search;
    ASSERT_EQ(search.goals.size(), 2u);
    EXPECT_EQ(search.goals[0].loss_ratio, 0);
    EXPECT_EQ(search.goals[1].loss_ratio, 0.005);
    for (const auto& goal : search.goals) {
        EXPECT_EQ(goal.exceed_ratio, 0.4);
        EXPECT_EQ(goal.final_trials, 5u);
        EXPECT_EQ(goal.final_seconds, 7);
    }
    EXPECT_EQ(search.first_seconds, 0.25);
    EXPECT_EQ(search.width, 0.02);
    EXPECT_EQ(search.lowest_pps, 10);
    EXPECT_EQ(search.highest_pps, 5000);
    const auto latencies = good_options(
        {"search", "--scenario", "a.toml", "--latency-at", "0.5", "--latency-at", "1"});
    EXPECT_EQ(latencies.latency_at, (std::vector<double>{0.5, 1}));
}

// What is wrong with a search is said before everybody joins.
TEST(LoadOptions, ASearchThatMakesNoSenseIsAUsageErrorWithASentence) {
    const auto refusal = [](const std::vector<std::string>& words) {
        std::vector<std::string> all{"search", "--scenario", "a.toml"};
        all.insert(all.end(), words.begin(), words.end());
        ::testing::internal::CaptureStderr();
        EXPECT_EQ(code_of(all), 64);
        return ::testing::internal::GetCapturedStderr();
    };
    EXPECT_THAT(refusal({"--loss-ratio", "1.5"}),
                HasSubstr("loss ratio must be from 0 to below 1"));
    EXPECT_THAT(refusal({"--loss-ratio", "nan"}),
                HasSubstr("loss ratio must be from 0 to below 1"));
    EXPECT_THAT(refusal({"--exceed-ratio", "1"}), HasSubstr("must be from 0 to below 1"));
    EXPECT_THAT(refusal({"--final-trials", "0"}), HasSubstr("at least one trial of full length"));
    EXPECT_THAT(refusal({"--final-trials", "100000"}), HasSubstr("1000 trials"));
    EXPECT_THAT(refusal({"--final-trials", "-1"}), HasSubstr("--final-trials"));
    EXPECT_THAT(refusal({"--width", "0.3"}), HasSubstr("below 0.25 of the rate"));
    EXPECT_THAT(refusal({"--first-seconds", "0"}),
                HasSubstr("--first-seconds: 0 is not a number from 0.001"));
    EXPECT_THAT(refusal({"--trial-seconds", "inf"}), HasSubstr("inf is not a number from 0.001"));
    EXPECT_THAT(refusal({"--latency-at", "1.5"}), HasSubstr("1.5 is not a number from 0.001 to 1"));
    EXPECT_THAT(refusal({"--lowest", "500", "--highest", "400"}),
                HasSubstr("highest rate must not be below the lowest"));
}

TEST(LoadOptions, WhatMakesNoSenseIsAUsageError) {
    for (const std::vector<std::string>& words : std::vector<std::vector<std::string>>{
             {},
             {"fly"},
             {"run"},
             {"run", "--scenario", "a.toml", "--rate", "0"},
             {"run", "--scenario", "a.toml", "--rate", "-5"},
             {"run", "--scenario", "a.toml", "--rate", "5", "--times", "1"},
             {"run", "--scenario", "a.toml", "--seconds", "soon"},
             {"run", "--scenario", "a.toml", "--rate", "nan"},
             {"pcap", "--scenario", "a.toml", "--packets", "0", "--out", "f"},
             {"pcap", "--scenario", "a.toml", "--packets", "5"},
             {"compare", "old.json"}})
        EXPECT_EQ(code_of(words), 64) << (words.empty() ? "" : words[0]);
    EXPECT_EQ(code_of({"--help"}), 0);
    EXPECT_EQ(code_of({"run", "--help"}), 0);
}

TEST(Fairness, IsOneForEqualSharesAndFallsToOneOfAll) {
    EXPECT_DOUBLE_EQ(fairness(std::vector<std::uint64_t>{5, 5, 5, 5}), 1);
    EXPECT_DOUBLE_EQ(fairness(std::vector<std::uint64_t>{5, 0, 0, 0}), 0.25);
    EXPECT_NEAR(fairness(std::vector<std::uint64_t>{100, 98, 102, 50}), 0.943, 0.001);
    EXPECT_DOUBLE_EQ(fairness(std::vector<std::uint64_t>{0, 0}), 1);
}

TEST(Certificates, AreMadeOnceAndAreSecretToOthers) {
    const auto folder =
        std::filesystem::temp_directory_path() / ("mdd-load-test-" + std::to_string(getpid()));
    const auto first = member_certificate(folder, 0), second = member_certificate(folder, 1);
    const auto fingerprint = ensure_certificate(first);
    EXPECT_EQ(ensure_certificate(first), fingerprint);
    EXPECT_NE(ensure_certificate(second), fingerprint);
    EXPECT_EQ(std::filesystem::status(first.key).permissions() & std::filesystem::perms::all,
              std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
    std::filesystem::remove_all(folder);
    EXPECT_THROW(ensure_certificate(member_certificate("/proc/nowhere", 0)), std::runtime_error);
}

}  // namespace
}  // namespace mdd::load::test
