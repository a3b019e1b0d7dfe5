// Comparing files of rows: what counts as worse, which rows are partners, and what is no such file.
#include "tools/mdd-load/compare.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "tests/support/folder.h"

namespace mdd::load::test {
namespace {

using Json = nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// As mdd-load and tools/bench write them.
const Json kForward = {{"bench", "forward"},   {"size_bytes", 1200},
                       {"receivers", 10},      {"group", 8},
                       {"keys", 10000},        {"aes", 128},
                       {"workers", 1},         {"mpps_out", 4.0},
                       {"peer", nullptr},      {"cycles_per_packet", 640},
                       {"ratio_to_limit", .6}, {"cpu", "AMD EPYC"},
                       {"commit", "558ff47"}};
const Json kSearch = {{"bench", "load_search"},
                      {"scenario", "steady-1200"},
                      {"receivers", 10},
                      {"goal_loss_ratio", 0.0},
                      {"lower_pps", 400000},
                      {"latency_us", {{"p50", 10}, {"p99", 30}, {"p999", 60}, {"max", 900}}},
                      {"damaged", 0},
                      {"settled", true},
                      {"generator_limited", false}};
const Json kRun = {{"bench", "load_run"},
                   {"scenario", "steady-1200"},
                   {"asked_pps", 200000},
                   {"loss_ratio", 0},
                   {"mpps_out", 2},
                   {"damaged", 0},
                   {"generator_limited", false}};

Json with(Json row, const std::string& pointer, Json value) {
    row[Json::json_pointer(pointer)] = std::move(value);
    return row;
}

class Compare : public ::testing::Test {
  protected:
    std::string write(const char* name, const std::string& content) {
        std::ofstream(folder_.path() / name, std::ios::binary) << content;
        return folder_.path() / name;
    }
    Comparison compare(const std::vector<Json>& before, const std::vector<Json>& after,
                       double tolerance = 0.05) {
        return compare_files(write("old.json", Json(before).dump()),
                             write("new.json", Json(after).dump()), tolerance);
    }
    // Of one figure of one row that changes.
    Judgement judgement(const Json& row, const std::string& pointer, Json value) {
        return between(row, with(row, pointer, std::move(value)), pointer);
    }
    Judgement between(const Json& before, const Json& after, const std::string& pointer) {
        auto figure = pointer.substr(1);
        std::ranges::replace(figure, '/', '.');
        for (const auto& change : compare({before}, {after}).changes)
            if (change.figure == figure) return change.judgement;
        ADD_FAILURE() << figure << " was not compared";
        return Judgement::not_judged;
    }
    std::string refusal(const std::string& old_text, const std::string& new_text) {
        try {
            compare_files(write("old.json", old_text), write("new.json", new_text), 0.05);
        } catch (const CompareError& error) {
            return error.what();
        }
        return "nothing was refused";
    }

    mdd::test::Folder folder_;
};

TEST_F(Compare, TheSameFileIsTheSame) {
    const auto result = compare({kForward, kSearch, kRun}, {kForward, kSearch, kRun});
    EXPECT_FALSE(result.regressed());
    EXPECT_THAT(result.only_old, IsEmpty());
    EXPECT_THAT(result.only_new, IsEmpty());
    EXPECT_THAT(result.remarks, IsEmpty());
    EXPECT_EQ(to_text(result),
              "11 figures compared: 0 worse, 0 better, 11 the same, 0 not judged\n");
}

TEST_F(Compare, EachFigureHasItsDirection) {
    EXPECT_EQ(judgement(kSearch, "/lower_pps", 379000), Judgement::worse);
    EXPECT_EQ(judgement(kSearch, "/lower_pps", 381000), Judgement::same);
    EXPECT_EQ(judgement(kSearch, "/lower_pps", 421000), Judgement::better);
    EXPECT_EQ(judgement(kSearch, "/lower_pps", 0), Judgement::worse);
    EXPECT_EQ(judgement(kForward, "/ratio_to_limit", .5), Judgement::worse);
    EXPECT_EQ(judgement(kForward, "/ratio_to_limit", .7), Judgement::better);
    EXPECT_EQ(judgement(kRun, "/mpps_out", 1.8), Judgement::worse);
    EXPECT_EQ(judgement(kRun, "/loss_ratio", 1e-9), Judgement::worse) << "from none to some";
    EXPECT_EQ(judgement(kRun, "/damaged", 1), Judgement::worse);
    EXPECT_EQ(between(with(kRun, "/loss_ratio", .3), kRun, "/loss_ratio"), Judgement::better);
}

TEST_F(Compare, TailsMayMoveFurther) {
    EXPECT_EQ(judgement(kSearch, "/latency_us/p50", 10.9), Judgement::same);
    EXPECT_EQ(judgement(kSearch, "/latency_us/p50", 11.1), Judgement::worse);
    EXPECT_EQ(judgement(kSearch, "/latency_us/p50", 8), Judgement::better);
    EXPECT_EQ(judgement(kSearch, "/latency_us/p99", 35), Judgement::same);
    EXPECT_EQ(judgement(kSearch, "/latency_us/p99", 37), Judgement::worse);
    EXPECT_EQ(judgement(kSearch, "/latency_us/p999", 83), Judgement::same);
    EXPECT_EQ(judgement(kSearch, "/latency_us/p999", 85), Judgement::worse);
    EXPECT_FALSE(compare({kSearch}, {with(kSearch, "/latency_us/max", 1e6)}).regressed());
}

TEST_F(Compare, CyclesAreJudgedOnlyWhereNoRatioIsFirmer) {
    EXPECT_EQ(judgement(kForward, "/cycles_per_packet", 900), Judgement::not_judged);
    EXPECT_EQ(judgement(kForward, "/mpps_out", 3), Judgement::not_judged);
    auto without = with(kForward, "/ratio_to_limit", nullptr);
    EXPECT_EQ(judgement(without, "/cycles_per_packet", 900), Judgement::worse);
}

TEST_F(Compare, TheToleranceIsAsAsked) {
    const auto slower = with(kSearch, "/lower_pps", 350000);
    EXPECT_TRUE(compare({kSearch}, {slower}, 0.1).regressed());
    EXPECT_FALSE(compare({kSearch}, {slower}, 0.2).regressed());
    EXPECT_TRUE(compare({kSearch}, {with(kSearch, "/lower_pps", 399999)}, 0).regressed());
    for (const double none : {-0.1, 1.0, std::nan("")})
        EXPECT_THROW(compare({kSearch}, {kSearch}, none), CompareError);
}

TEST_F(Compare, RowsWithoutPartnerAreSaidAloud) {
    const auto result = compare({kForward, kSearch}, {with(kForward, "/group", 1), kSearch});
    EXPECT_THAT(result.only_old,
                ElementsAre("forward size_bytes=1200 receivers=10 group=8 keys=10000 aes=128 "
                            "workers=1"));
    EXPECT_THAT(result.only_new, ElementsAre(HasSubstr("group=1")));
    EXPECT_THAT(to_text(result), HasSubstr("only in the old file: forward"));
    EXPECT_THAT(to_text(result), HasSubstr("only in the new file: forward"));
}

TEST_F(Compare, EverySettingMakesAnotherCase) {
    for (const auto& [pointer, value] : {std::pair<std::string, Json>{"/bench", "other"},
                                         {"/size_bytes", 100},
                                         {"/receivers", 1},
                                         {"/aes", 256},
                                         {"/workers", 2},
                                         {"/scenario", "churn"},
                                         {"/peer", "libsrtp2"}}) {
        const auto result = compare({kForward, kSearch}, {with(kForward, pointer, value), kSearch});
        EXPECT_EQ(result.only_new.size(), 1u) << pointer;
    }
    EXPECT_EQ(
        compare({kRun, kSearch}, {kRun, with(kSearch, "/goal_loss_ratio", .005)}).only_new.size(),
        1u);
    EXPECT_EQ(compare({kRun, kSearch}, {with(kRun, "/asked_pps", 1), kSearch}).only_new.size(), 1u);
}

TEST_F(Compare, TheOrderOfRowsAndCommitsAreNoMatter) {
    const auto result = compare({kForward, kSearch}, {kSearch, with(kForward, "/commit", "123")});
    EXPECT_THAT(result.only_new, IsEmpty());
    EXPECT_THAT(result.remarks, IsEmpty());
}

TEST_F(Compare, AGeneratorAtItsEndIsNoRegressionOfTheDevice) {
    const auto limited = with(kSearch, "/generator_limited", true);
    const auto lower = with(limited, "/lower_pps", 200000);
    EXPECT_EQ(between(kSearch, lower, "/lower_pps"), Judgement::not_judged);
    EXPECT_THAT(compare({kSearch}, {lower}).remarks,
                ElementsAre(HasSubstr("the generator was the limit in the new file.")));
    EXPECT_EQ(between(limited, with(kSearch, "/lower_pps", 200000), "/lower_pps"), Judgement::worse)
        << "the old device did at least twice that";
    EXPECT_EQ(between(kSearch, with(limited, "/lower_pps", 600000), "/lower_pps"),
              Judgement::better);
    EXPECT_EQ(between(kRun, with(with(kRun, "/generator_limited", true), "/loss_ratio", .5),
                      "/loss_ratio"),
              Judgement::not_judged);
    EXPECT_EQ(between(with(kRun, "/generator_limited", true), with(kRun, "/loss_ratio", .5),
                      "/loss_ratio"),
              Judgement::not_judged);
}

TEST_F(Compare, WhatLimitsTheComparisonIsSaid) {
    EXPECT_THAT(compare({kForward}, {with(kForward, "/cpu", "Xeon")}).remarks,
                ElementsAre(HasSubstr("different CPUs (AMD EPYC; Xeon)")));
    EXPECT_THAT(compare({kSearch}, {with(kSearch, "/settled", false)}).remarks,
                ElementsAre(HasSubstr("was not settled in the new file")));
    EXPECT_THAT(compare({kSearch}, {with(kSearch, "/latency_us", nullptr)}).remarks,
                ElementsAre(HasSubstr("p50 is missing"), HasSubstr("p99 is missing"),
                            HasSubstr("p999 is missing")));
}

TEST_F(Compare, TheTableHasTheWorstNewsFirstAndEveryDigitOfARate) {
    auto changed = with(kSearch, "/lower_pps", 350000);
    changed = with(changed, "/latency_us/p50", 5);
    EXPECT_THAT(
        to_text(compare({kSearch}, {changed})),
        HasSubstr("worse       load_search scenario=steady-1200 receivers=10 "
                  "goal_loss_ratio=0.0  lower_pps           400000 -> 350000      -12.5 %\n"
                  "better      load_search scenario=steady-1200 receivers=10 "
                  "goal_loss_ratio=0.0  latency_us.p50          10 -> 5           -50.0 %\n"));
}

TEST_F(Compare, HowTheSearchWentIsNoCase) {
    const Json trial = {{"bench", "load_trial"}, {"asked_pps", 5}};
    const auto result = compare({kSearch, trial}, {kSearch, trial, trial});
    EXPECT_THAT(result.only_new, IsEmpty());
}

TEST_F(Compare, WhatIsNoFileOfRowsIsRefusedWithASentence) {
    const auto good = Json({kSearch}).dump();
    EXPECT_THAT(refusal("", good), HasSubstr("old.json is empty"));
    EXPECT_THAT(refusal(good, "{\"bench\": \"x\""), HasSubstr("new.json is not JSON"));
    EXPECT_THAT(refusal("[\xff]", good), HasSubstr("old.json is not JSON"));
    EXPECT_THAT(refusal(good, "{\"mdd_version\": \"0.1.0\"}"), HasSubstr("a list"));
    EXPECT_THAT(refusal(good, "7"), HasSubstr("not a file of benchmark rows"));
    EXPECT_THAT(refusal(good, "[]"), HasSubstr("no result in it"));
    EXPECT_THAT(refusal(good, "[{\"bench\": \"a\"}, 3]"), HasSubstr("row 2 is none"));
    EXPECT_THAT(refusal(good, "[{\"bench\": 3}]"), HasSubstr("row 1 is none"));
    EXPECT_THAT(refusal(good, Json({kSearch, kSearch}).dump()), HasSubstr("twice"));
    EXPECT_THAT(refusal(good, Json({kForward}).dump()), HasSubstr("no case in common"));
    EXPECT_THROW(compare_files(folder_.path() / "absent", folder_.path() / "old.json", .05),
                 CompareError);
    EXPECT_THROW(compare_files("/", folder_.path() / "old.json", .05), CompareError);
}

TEST_F(Compare, FiguresOfAnotherTypeAreNotCompared) {
    EXPECT_FALSE(compare({kSearch}, {with(kSearch, "/lower_pps", "fast")}).regressed());
    EXPECT_FALSE(compare({with(kSearch, "/latency_us", 7)}, {kSearch}).regressed());
}

}  // namespace
}  // namespace mdd::load::test
