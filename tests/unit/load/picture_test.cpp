// Pictures: whole SVG with every mark, for good searches and for those that found nothing.
#include "tools/mdd-load/picture.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <random>

#include <fmt/format.h>

#include "tests/unit/load/simulated_device.h"
#include "tools/mdd-load/chart.h"

namespace mdd::load::test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

TEST(LogAxis, EndsAreRoundNumbersAroundTheValues) {
    EXPECT_THAT(LogAxis(130, 4800, 0, 1).ticks(), ElementsAre(100, 200, 500, 1000, 2000, 5000));
    EXPECT_THAT(LogAxis(1000, 2000, 0, 1).ticks(), ElementsAre(1000, 2000));
    EXPECT_THAT(LogAxis(1e-8, 1, 0, 1).ticks().size(), 9u) << "powers of ten where it is crowded";
    EXPECT_THAT(LogAxis(5, 5, 0, 1).ticks(), ElementsAre(5, 10)) << "one value has room too";
}

TEST(LogAxis, EqualRatiosAreEqualDistances) {
    const LogAxis axis(1, 1000, 100, 400);
    EXPECT_DOUBLE_EQ(axis.at(1), 100);
    EXPECT_NEAR(axis.at(10), 200, 1e-6);
    EXPECT_NEAR(axis.at(1000), 400, 1e-6);
    EXPECT_DOUBLE_EQ(axis.at(0), 100) << "outside: the nearest end";
    EXPECT_NEAR(axis.at(1e9), 400, 1e-6);
    EXPECT_NEAR(LogAxis(1, 100, 50, 0).at(10), 25, 1e-6) << "upwards";
}

TEST(ShortNumber, HasFourDigitsAndAUnit) {
    EXPECT_EQ(short_number(0.5), "0.5");
    EXPECT_EQ(short_number(999), "999");
    EXPECT_EQ(short_number(1500), "1.5k");
    EXPECT_EQ(short_number(1'234'567), "1.235M");
    EXPECT_EQ(short_number(20e6), "20M");
}

struct Drawn {
    std::vector<Found> found;
    std::vector<TrialNote> notes;
    std::string svg;
};

Drawn draw(SimulatedDevice& device, double final_seconds = 60) {
    const SearchSettings settings{.goals = {{.final_seconds = final_seconds},
                                            {.loss_ratio = 0.005, .final_seconds = final_seconds}},
                                  .highest_pps = 20e6};
    Drawn drawn;
    std::mt19937 random(1);
    const Trial trial = [&](double pps, double seconds) {
        auto result = device.trial(pps, seconds);
        std::lognormal_distribution<double> us(2 + 2 * std::min(1.0, pps / 3e6), 0.4);
        for (int i = 0; i < 20'000; ++i)
            result.latency.add(static_cast<std::uint64_t>(1000 * us(random)));
        return result;
    };
    drawn.found =
        search(settings, trial, [&](const TrialNote& note) { drawn.notes.push_back(note); });
    drawn.svg = search_picture("steady-1200, <10 receivers> & more", drawn.found, drawn.notes);
    // For a person to look at: MDD_PICTURES=FOLDER.
    if (const char* folder = std::getenv("MDD_PICTURES"))
        std::ofstream(fmt::format("{}/{}.svg", folder,
                                  ::testing::UnitTest::GetInstance()->current_test_info()->name()))
            << drawn.svg;
    return drawn;
}

std::size_t times(const std::string& text, std::string_view what) {
    std::size_t count = 0;
    for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++count;
    return count;
}

// The value behind each `name`, up to a quote.
std::vector<double> values(const std::string& svg, const std::string& name) {
    std::vector<double> all;
    for (auto at = svg.find(name); at != std::string::npos; at = svg.find(name, at + 1))
        all.push_back(std::stod(svg.substr(at + name.size())));
    return all;
}

TEST(Picture, EveryTrialIsMarkedInBothFrames) {
    SimulatedDevice device([](double pps, unsigned) { return std::min(pps, 2'912'345.0); });
    const auto drawn = draw(device);
    const auto full = std::ranges::count_if(drawn.notes, &TrialNote::full_length);
    EXPECT_EQ(times(drawn.svg, "r=\"4.5\""), 2 * full + 1u);
    EXPECT_EQ(times(drawn.svg, "r=\"3.5\""), 2 * (drawn.notes.size() - full) + 1u);
    EXPECT_EQ(times(drawn.svg, "<polyline"), 2u) << "one curve of latencies for each goal";
    EXPECT_THAT(drawn.svg, HasSubstr("no loss: up to 2.9"));
    EXPECT_THAT(drawn.svg, HasSubstr("0.5 % lost: up to 2.9"));
    EXPECT_THAT(drawn.svg, HasSubstr("steady-1200, &lt;10 receivers> &amp; more"));
    EXPECT_THAT(drawn.svg, Not(HasSubstr("nan")));
}

TEST(Picture, ADeviceThatCollapsesIsDrawnToo) {
    SimulatedDevice device([](double pps, unsigned) { return pps > 1'512'345 ? pps * 0.01 : pps; });
    EXPECT_THAT(draw(device).svg, HasSubstr("no loss: up to 1.5"));
}

TEST(Picture, TheGeneratorsEndIsSaidAndCrossed) {
    SimulatedDevice device([](double pps, unsigned) { return pps; }, 5'012'345);
    const auto drawn = draw(device);
    EXPECT_THAT(drawn.svg, HasSubstr("no loss: at least 5.0"));
    EXPECT_THAT(drawn.svg, HasSubstr("where the generator ends"));
    const auto top_of_carried = drawn.svg.find("came through whole");
    const auto discs = values(drawn.svg.substr(0, top_of_carried), "cy=\"");
    const auto none = drawn.svg.rfind("y=\"", drawn.svg.find(">none<"));
    EXPECT_EQ(discs.back(), std::stod(drawn.svg.substr(none + 3)) - 4) << "beside that word";
    const auto carried = drawn.svg.substr(top_of_carried);
    std::set<double> heights;
    for (auto at = carried.find("<path d=\"M"); at != std::string::npos;
         at = carried.find("<path d=\"M", at + 1)) {
        const auto path = carried.substr(at, carried.find('\n', at) - at);
        if (path.find("stroke-width=\"1.5\"") != std::string::npos)
            heights.insert(std::stod(path.substr(path.find(' ', 10))));
    }
    EXPECT_EQ(heights.size(), 2u) << "the two strokes of crosses, all at what the generator gave";
}

TEST(Picture, AnInterruptedSearchSaysSo) {
    SimulatedDevice device([](double pps, unsigned) { return std::min(pps, 2'912'345.0); });
    const auto trials = draw(device).notes.size();
    std::vector<std::string> pictures;
    for (const auto at : {std::size_t{2}, trials}) {
        SimulatedDevice again([](double pps, unsigned) { return std::min(pps, 2'912'345.0); });
        again.interrupt(static_cast<unsigned>(at));
        pictures.push_back(draw(again).svg);
    }
    EXPECT_THAT(pictures[0], HasSubstr("no loss: interrupted too early to tell"));
    EXPECT_THAT(pictures[1], HasSubstr("packets/s, when it was interrupted; p50"));
}

TEST(Picture, WhereThereIsNoRateThereIsStillAPicture) {
    SimulatedDevice device([](double, unsigned) { return 0; });
    const auto drawn = draw(device);
    EXPECT_THAT(drawn.svg, HasSubstr("no loss: at no rate"));
    EXPECT_THAT(drawn.svg, HasSubstr("no packet came back within a goal"));
    EXPECT_THAT(drawn.svg, Not(HasSubstr("nan")));
    const auto empty = search_picture("", {}, {});
    EXPECT_THAT(empty, HasSubstr("</svg>"));
    EXPECT_THAT(empty, Not(HasSubstr("nan")));
}

}  // namespace
}  // namespace mdd::load::test
