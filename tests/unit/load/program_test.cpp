// The program's edges: what its command line accepts, what it makes for endpoints, how it judges
// shares.
#include <gtest/gtest.h>

#include <filesystem>

#include "tests/unit/load/load_files.h"
#include "tools/mdd-load/certificates.h"
#include "tools/mdd-load/options.h"
#include "tools/mdd-load/trial.h"

namespace mdd::load::test {
namespace {

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
    EXPECT_EQ(good_options({"search", "--scenario", "a.toml"}).loss_ratios, std::vector<double>{0});
    const auto two = good_options(
        {"search", "--scenario", "a.toml", "--loss-ratio", "0", "--loss-ratio", "0.005"});
    EXPECT_EQ(two.loss_ratios, (std::vector<double>{0, 0.005}));
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
             {"search", "--scenario", "a.toml", "--loss-ratio", "1.5"},
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
