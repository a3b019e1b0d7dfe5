// Scenario and bed files: the named ones, defaults, and what broken ones are told.
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "tests/unit/load/load_files.h"

namespace mdd::load::test {
namespace {

const std::string kSmall =
    "[conferences]\ncount = 2\nmembers = 3\n[audio]\npackets_per_second = 50\n";

std::string complaints(const std::string& text) {
    const auto parsed = parse_scenario(text, "scenario.toml");
    const auto* errors = std::get_if<config::ConfigErrors>(&parsed);
    return errors == nullptr ? "" : text_of(*errors);
}

TEST(Scenario, EveryNamedFileIsGoodAndFitsABedOfItsSize) {
    unsigned files = 0;
    for (const auto& entry : std::filesystem::directory_iterator(MDD_SCENARIOS)) {
        const auto scenario = good(load_scenario(entry.path()));
        auto place = bed();
        place.kmf.protocol = tunnel::Dialect::rfc9185;
        EXPECT_EQ(misfits(scenario, place), std::vector<std::string>{}) << entry.path();
        ++files;
    }
    EXPECT_GE(files, 6u);
}

TEST(Scenario, ADefaultStandsWhereTheFileIsSilent) {
    const auto small = scenario(kSmall);
    EXPECT_EQ(small.conferences.senders, 1u);
    EXPECT_EQ(small.audio.size_bytes, 100u);
    EXPECT_EQ(small.video.frames_per_second, 0u);
    EXPECT_EQ(small.churn.per_second, 0u);
    EXPECT_EQ(small.rtcp.interval, std::chrono::seconds(5));
}

TEST(Scenario, AllMistakesAreToldAtOnceEachWithItsLine) {
    const auto told = complaints(
        "[conferences]\ncount = 2\nmembers = 3\nsenders = 4\n[audio]\npackets_per_secnd = 50\n"
        "size_bytes = 12\n[video]\npayload_type = 111\n");
    EXPECT_NE(told.find("scenario.toml:4:11: error: conferences.senders = 4"), std::string::npos)
        << told;
    EXPECT_NE(told.find("packets_per_secnd"), std::string::npos) << told;
    EXPECT_NE(told.find("scenario.toml:7:14"), std::string::npos) << told;
    EXPECT_NE(told.find("payload type 111"), std::string::npos) << told;
}

TEST(Scenario, NobodyWhoSendsIsRefused) {
    EXPECT_NE(complaints("[conferences]\ncount = 2\nmembers = 3\n").find("nobody sends"),
              std::string::npos);
}

TEST(Scenario, GreedyConferencesMustLeaveOthers) {
    EXPECT_NE(complaints(kSmall + "[greedy]\nconferences = 2\n").find("leaves no others"),
              std::string::npos);
}

// Without what the page of a program says about its own options.
std::string tables_of(const config::Descriptor& root, std::string_view file_name) {
    const auto page = config::markdown_reference(root, "mdd-load", file_name);
    return page.substr(std::min(page.find("| key |"), page.find("## ")));
}

// MDD_REWRITE=1 writes the page anew.
TEST(Scenario, ReferencePageIsUpToDate) {
    const auto page = std::filesystem::path(MDD_DOCS) / "MDD-LOAD-CONFIG.md";
    const auto generated =
        "# Scenarios and beds of mdd-load\n\nTOML 1.0. Generated from the tables that `mdd-load` "
        "itself "
        "reads with; do not edit. What they are for: [MDD-LOAD.md](MDD-LOAD.md).\n\n"
        "# A scenario: what happens\n\n" +
        tables_of(scenario_schema().descriptor(), "scenario.toml") + "\n# A bed: where\n\n" +
        tables_of(bed_schema().descriptor(), "bed.toml");
    if (::getenv("MDD_REWRITE")) std::ofstream(page) << generated;
    std::ostringstream text;
    text << std::ifstream(page).rdbuf();
    EXPECT_TRUE(text.str() == generated)
        << "run this test with MDD_REWRITE=1 to renew docs/MDD-LOAD-CONFIG.md";
}

TEST(Bed, AMacMustBeOnePorts) {
    auto text = kBedText;
    text.replace(text.find("[kmf]"), 0, "mac = \"01:00:00:00:00:01\"\n");
    const auto parsed = try_bed(text);
    ASSERT_TRUE(std::holds_alternative<config::ConfigErrors>(parsed));
    EXPECT_NE(text_of(std::get<config::ConfigErrors>(parsed)).find("no MAC address of one port"),
              std::string::npos);
}

TEST(Bed, AnMddElsewhereNeedsAGateway) {
    auto text = kBedText;
    text.replace(text.find("10.9.0.2:5004"), 13, "10.8.0.2:5004");
    EXPECT_TRUE(std::holds_alternative<config::ConfigErrors>(try_bed(text)));
    text.replace(text.find("[mdd]"), 0, "gateway = \"10.9.0.1\"\n");
    EXPECT_EQ(bed(text).endpoints.gateway, 0x0a090001u);
}

TEST(Bed, AScenarioThatDoesNotFitIsToldWhy) {
    auto place = bed();
    auto large = scenario(kSmall);
    large.conferences.count = 1'000'000;
    ASSERT_EQ(misfits(large, place).size(), 1u);
    EXPECT_NE(misfits(large, place)[0].find("ports_per_address"), std::string::npos);

    auto churning = scenario(kSmall + "[churn]\nper_second = 1\n");
    ASSERT_EQ(misfits(churning, place).size(), 1u);
    EXPECT_NE(misfits(churning, place)[0].find("rfc9185"), std::string::npos);

    place.port.mtu = 576;
    auto long_packets = scenario(kSmall);
    long_packets.audio.size_bytes = 1200;
    ASSERT_EQ(misfits(long_packets, place).size(), 1u);
    EXPECT_NE(misfits(long_packets, place)[0].find("port.mtu is 576"), std::string::npos);

    place = bed();
    place.mdd.address.address = place.endpoints.first.address;
    ASSERT_EQ(misfits(scenario(kSmall), place).size(), 1u);
}

}  // namespace
}  // namespace mdd::load::test
