// Reports: rows hold every figure and suit `compare`; texts say what a figure cannot.
#include "tools/mdd-load/report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "tests/support/folder.h"
#include "tools/mdd-load/compare.h"

namespace mdd::load::test {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

const RowSettings kSettings{.scenario = "steady-1200",
                            .seed = 7,
                            .size_bytes = 1200,
                            .receivers = 10,
                            .group = 8,
                            .keys = 1000,
                            .aes_bits = 128,
                            .cpu = "AMD EPYC",
                            .commit = "558ff47"};

TrialResult good_trial() {
    TrialResult result;
    result.offered_pps = 1'234'567;
    result.seconds = 2;
    result.audio = {.sent = 1000, .expected = 10'000, .received = 10'000};
    result.video = {.sent = 2000, .expected = 20'000, .received = 19'990, .lost = 10};
    result.busiest_share = 0.43;
    for (int i = 0; i < 999; ++i) result.latency.add(200);
    result.latency.add(1'500'000);
    return result;
}

Found found_at(double lower, double upper) {
    Found found;
    found.goal = {.loss_ratio = 0.005};
    found.lower_pps = lower;
    found.upper_pps = upper;
    found.at_lower = good_trial();
    found.full_trials = 3;
    found.settled = true;
    return found;
}

TEST(Report, ARunsRowHasTheFieldsOfABenchmarkAndItsOwn) {
    const auto row = run_row(kSettings, 1'300'000, good_trial());
    EXPECT_EQ(
        row.dump(),
        R"({"bench":"load_run","scenario":"steady-1200","seed":7,"size_bytes":1200,)"
        R"("receivers":10,"group":8,"keys":1000,"aes":128,"workers":null,)"
        R"("mpps_out":0.014995,"cycles_per_packet":null,"limit_cycles_per_packet":null,)"
        R"("ratio_to_limit":null,"peer":null,"ratio_to_peer":null,"cpu":"AMD EPYC",)"
        R"("commit":"558ff47","asked_pps":1300000.0,"loss_ratio":0.0003333333333333333,)"
        R"("generator_limited":false,"interrupted":false,"offered_pps":1234567.0,"seconds":2.0,)"
        R"("refused_by_port":0,"damaged":0,"busiest_share":0.43,)"
        R"("latency_us":{"p50":0.2,"p99":0.2,"p999":0.2,"max":1500.0,"samples":1000},)"
        R"("kinds":{"audio":{"sent":1000,"expected":10000,"received":10000,"lost":0,)"
        R"("reordered":0,"duplicated":0,"bad_tag":0,"bad_inner":0,"unknown":0},)"
        R"("video":{"sent":2000,"expected":20000,"received":19990,"lost":10,)"
        R"("reordered":0,"duplicated":0,"bad_tag":0,"bad_inner":0,"unknown":0},)"
        R"("rtcp":{"sent":0,"expected":0,"received":0,"lost":0,)"
        R"("reordered":0,"duplicated":0,"bad_tag":0,"bad_inner":0,"unknown":0}}})");
}

TEST(Report, EveryCountOfAKindHasItsOwnField) {
    auto result = good_trial();
    result.rtcp = {1, 2, 3, 4, 5, 6, 7, 8, 9};
    const auto row = run_row(kSettings, 1, result);
    const auto& kind = row["kinds"]["rtcp"];
    int value = 0;
    for (const auto* name : {"sent", "expected", "received", "lost", "reordered", "duplicated",
                             "bad_tag", "bad_inner", "unknown"})
        EXPECT_EQ(kind[name], ++value) << name;
    EXPECT_EQ(row["damaged"], 7 + 8 + 9);
}

TEST(Report, WithoutSamplesThereIsNoLatency) {
    EXPECT_TRUE(run_row(kSettings, 1, TrialResult{})["latency_us"].is_null());
    EXPECT_THAT(run_text(TrialResult{}), HasSubstr("no packet came back"));
    EXPECT_THAT(run_text(TrialResult{}), HasSubstr("0 of 0 packets"));
}

TEST(Report, ASearchHasARowForEachGoalAndEachTrial) {
    auto none = found_at(0, 1000);
    none.goal.loss_ratio = 0;
    none.at_lower.reset();
    none.none = true;
    const TrialNote trial{.pps = 5, .seconds = 60, .full_length = true, .max_ns = 3000};
    const auto rows = search_rows(kSettings, {none, found_at(1e6, 1.004e6)}, {trial, {}}, {});
    ASSERT_EQ(rows.size(), 4u);
    EXPECT_EQ(rows[0]["bench"], "load_search");
    EXPECT_EQ(rows[0]["goal_loss_ratio"], 0);
    EXPECT_TRUE(rows[0]["none"]);
    EXPECT_TRUE(rows[0]["mpps_out"].is_null());
    EXPECT_EQ(rows[1]["lower_pps"], 1e6);
    EXPECT_EQ(rows[1]["upper_pps"], 1.004e6);
    EXPECT_EQ(rows[1]["trials"], 2);
    EXPECT_EQ(rows[1]["full_trials_at_lower"], 3);
    EXPECT_FALSE(rows[1]["interrupted"]);
    EXPECT_FALSE(rows[0].contains("latency_trials"));
    EXPECT_EQ(rows[1]["latency_us"]["max"], 1500);
    EXPECT_FALSE(rows[1].contains("loss_ratio")) << "within the goal, however much it is";
    EXPECT_EQ(rows[2]["bench"], "load_trial");
    EXPECT_TRUE(rows[2]["full_length"]);
    EXPECT_EQ(rows[2]["latency_us"]["max"], 3);
    EXPECT_TRUE(rows[3]["latency_us"].is_null());
}

TEST(Report, LatencyAtAShareOfTheRateIsWithTheFirstGoal) {
    auto cut = good_trial();
    cut.interrupted = true;
    const std::vector<Found> found{found_at(1e6, 1.004e6), found_at(2e6, 2.01e6)};
    const std::vector<LatencyTrial> latencies{
        {.share = 0.5, .asked_pps = 5e5, .result = good_trial()},
        {.share = 0.9, .asked_pps = 9e5, .result = cut}};
    const auto rows = search_rows(kSettings, found, {}, latencies);
    ASSERT_EQ(rows.size(), 2u);
    ASSERT_EQ(rows[0]["latency_trials"].size(), 2u);
    EXPECT_FALSE(rows[1].contains("latency_trials"));
    const auto& half = rows[0]["latency_trials"][0];
    EXPECT_EQ(half["share"], 0.5);
    EXPECT_EQ(half["asked_pps"], 5e5);
    EXPECT_EQ(half["seconds"], 2);
    EXPECT_EQ(half["latency_us"]["p999"], 0.2);
    EXPECT_EQ(half["latency_us"]["max"], 1500);
    EXPECT_FALSE(half["interrupted"]);
    EXPECT_TRUE(rows[0]["latency_trials"][1]["interrupted"]);
    EXPECT_THAT(search_text(found, latencies),
                HasSubstr("at 50 % of the first: 500,000 packets/s for 2.0 s, 0.0333 % lost\n"
                          "latency    p50 0.2 us, p99 0.2 us, p99.9 0.2 us, max 1500.0 us\n"
                          "at 90 % of the first: "));
}

TEST(Report, WhatWasInterruptedIsMarkedAndCompareDoesNotJudgeIt) {
    auto found = found_at(0.5e6, 1.1e6);
    found.settled = false;
    found.interrupted = true;
    auto run = good_trial();
    run.interrupted = true;
    run.audio.bad_tag = 1;
    const auto rows = [](const Found& search, const TrialResult& trial) {
        auto all = search_rows(kSettings, {search}, {}, {});
        all.push_back(run_row(kSettings, 1000, trial));
        return all;
    };
    const auto cut = rows(found, run);
    EXPECT_TRUE(cut[0]["interrupted"]);
    EXPECT_TRUE(cut[1]["interrupted"]);
    const mdd::test::Folder folder;
    std::ofstream(folder.path() / "cut") << nlohmann::ordered_json(cut).dump();
    std::ofstream(folder.path() / "whole")
        << nlohmann::ordered_json(rows(found_at(1e6, 1.004e6), good_trial())).dump();
    for (const auto& [first, second] : {std::pair("whole", "cut"), std::pair("cut", "whole")}) {
        const auto result = compare_files(folder.path() / first, folder.path() / second, 0.05);
        EXPECT_FALSE(result.regressed());
        EXPECT_EQ(std::ranges::count(result.changes, Judgement::better, &Change::judgement), 0);
        EXPECT_EQ(std::ranges::count(result.changes, Judgement::not_judged, &Change::judgement), 2);
        EXPECT_EQ(result.remarks.size(), 2u);
        EXPECT_THAT(result.remarks[0], HasSubstr("interrupted in the "));
    }
}

TEST(Report, CompareReadsWhatIsWritten) {
    const mdd::test::Folder folder;
    const auto write = [&](const char* name, double lower_pps, const TrialResult& run) {
        auto rows = search_rows(kSettings, {found_at(lower_pps, lower_pps * 1.004)},
                                {TrialNote{}, TrialNote{}}, {});
        rows.push_back(run_row(kSettings, 1000, run));
        std::ofstream(folder.path() / name) << nlohmann::ordered_json(rows).dump(1);
        return (folder.path() / name).string();
    };
    const auto old_file = write("old", 1e6, good_trial());
    EXPECT_FALSE(compare_files(old_file, write("new", 0.96e6, good_trial()), 0.05).regressed());
    EXPECT_TRUE(compare_files(old_file, write("new", 0.94e6, good_trial()), 0.05).regressed());
    auto damaged = good_trial();
    damaged.audio.bad_inner = 1;
    const auto result = compare_files(old_file, write("new", 1e6, damaged), 0.05);
    EXPECT_TRUE(result.regressed());
    EXPECT_THAT(to_text(result), HasSubstr("asked_pps=1000.0  damaged  "));
}

TEST(Report, ARunReadsWell) {
    EXPECT_EQ(run_text(good_trial()),
              "offered    1,234,567 packets/s into the device for 2.0 s; the busiest core was busy "
              "43 %\n"
              "came back  14,995 packets/s\n"
              "lost       10 of 30,000 packets, 0.0333 %\n"
              "latency    p50 0.2 us, p99 0.2 us, p99.9 0.2 us, max 1500.0 us\n"
              "                  sent        expected        received        lost  reordered "
              "duplicated  bad tag  bad inner  unknown\n"
              "audio            1,000          10,000          10,000           0          0       "
              "   0        0          0        0\n"
              "video            2,000          20,000          19,990          10          0       "
              "   0        0          0        0\n");
}

TEST(Report, ARunSaysWhatItsFiguresCannot) {
    EXPECT_THAT(run_text(good_trial()), Not(HasSubstr("generator")));
    auto result = good_trial();
    result.generator_limited = true;
    result.refused_by_port = 12'345;
    result.video.bad_inner = 3;
    result.interrupted = true;
    EXPECT_THAT(run_text(result), HasSubstr("Interrupted: "));
    EXPECT_THAT(run_text(result), HasSubstr("The generator ran behind its schedule"));
    EXPECT_THAT(run_text(result), HasSubstr("did not take 12,345 packets"));
    EXPECT_THAT(run_text(result), HasSubstr("3 packets came back that are not what was sent"));
}

TEST(Report, ASearchReadsWell) {
    EXPECT_EQ(
        search_text({found_at(1e6, 1'004'000)}, {}),
        "within          packets/s in   exceeded at  packets/s back    p50 us    p99 us  "
        "p99.9 us    max us\n"
        "0.5 % lost         1,000,000     1,004,000          14,995       0.2       0.2       "
        "0.2    1500.0\n");
}

TEST(Report, ASearchSaysWhatABoundIsNot) {
    auto found = found_at(1e6, 1e6);
    found.at_max = true;
    EXPECT_THAT(search_text({found}, {}), HasSubstr("highest rate that was allowed"));
    found = found_at(1e6, 1.004e6);
    found.generator_limited = true;
    EXPECT_THAT(search_text({found}, {}), HasSubstr("the generator ends there"));
    found = found_at(1e6, 1.1e6);
    found.settled = false;
    found.at_lower->audio.bad_tag = 5;
    EXPECT_THAT(search_text({found}, {}), HasSubstr("contradicted each other"));
    EXPECT_THAT(search_text({found}, {}), HasSubstr("5 packets came back"));
    found.interrupted = true;
    EXPECT_THAT(search_text({found}, {}), HasSubstr("0.5 % lost: the search was interrupted"));
    EXPECT_THAT(search_text({found}, {}), Not(HasSubstr("contradicted each other")));
    found = Found{.goal = {}, .upper_pps = 1000, .none = true, .settled = true};
    EXPECT_THAT(search_text({found}, {}), HasSubstr("no loss: not even 1,000 packets/s"));
}

}  // namespace
}  // namespace mdd::load::test
