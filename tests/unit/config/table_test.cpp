// The descriptor table itself: each default passes its own check, names are suggested well, and the
// pages are current.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/unit/config/config_files.h"

namespace mdd::test {
namespace {

using namespace config;

template <class Visit>
void for_each_value(const Descriptor& table, const std::string& path, const Visit& visit) {
    for (const Descriptor& row : table.rows) {
        if (row.shape == Shape::value)
            visit(row, child_path(path, row.name));
        else
            for_each_value(row, child_path(path, row.name), visit);
    }
}

TEST(Table, EveryDefaultPassesItsOwnCheck) {
    std::size_t checked = 0;
    for_each_value(
        mdd_schema().descriptor(), "", [&](const Descriptor& row, const std::string& path) {
            if (row.origin != Origin::fixed) return;
            const std::string text = "key = " + row.standard;
            const auto document = parse_document(text, path);
            ASSERT_TRUE(std::holds_alternative<config::Table>(document)) << path << ": " << text;
            Reader reader(path, text, {});
            EXPECT_TRUE(row.accepts(std::get<config::Table>(document).find("key")->value, reader))
                << printed(reader.errors());
            ++checked;
        });
    EXPECT_GE(checked, 18u);
}

TEST(Table, EveryRowIsDocumented) {
    for_each_value(
        mdd_schema().descriptor(), "", [](const Descriptor& row, const std::string& path) {
            EXPECT_TRUE(row.doc.ends_with('.')) << path;
            EXPECT_FALSE(row.type.empty()) << path;
            EXPECT_FALSE(row.example.empty()) << path;
            EXPECT_TRUE(nlohmann::json::accept(row.json_schema)) << path << ": " << row.json_schema;
        });
}

TEST(Table, NearestNameFindsWhatWasMeant) {
    const std::vector<std::string> names{"name",    "device",   "rx_queues", "tx_queues",
                                         "rx_desc", "tx_desc",  "mtu",       "addresses",
                                         "gateway", "queue_map"};
    EXPECT_EQ(nearest_name("rx_queue", names), "rx_queues");
    EXPECT_EQ(nearest_name("txqueues", names), "tx_queues");
    EXPECT_EQ(nearest_name("RX-Desc", names), "rx_desc");
    EXPECT_EQ(nearest_name("adress", names), "addresses");
    EXPECT_EQ(nearest_name("getaway", names), "gateway");
    EXPECT_EQ(nearest_name("mut", names), "mtu");
    EXPECT_EQ(nearest_name("dev", names), "");
    EXPECT_EQ(nearest_name("frobnicate", names), "");
    EXPECT_EQ(nearest_name("", names), "");
    EXPECT_EQ(nearest_name(std::string(100000, 'a'), names), "");
}

TEST(Table, JsonSchemaNamesEveryKeyAndRequiresWhatIsRequired) {
    const auto schema = nlohmann::json::parse(json_schema(mdd_schema().descriptor(), "mdd.toml"));
    EXPECT_EQ(schema.at("required"), (nlohmann::json{"port", "tls", "kmf"}));
    const auto& port = schema.at("/properties/port/items"_json_pointer);
    EXPECT_EQ(port.at("required"), (nlohmann::json{"device", "addresses"}));
    EXPECT_EQ(port.at("additionalProperties"), false);
    EXPECT_EQ(port.at("/properties/mtu/maximum"_json_pointer), 1900);
    EXPECT_EQ(schema.at("/properties/media/properties/burst/default"_json_pointer), 64);
    EXPECT_EQ(schema.at("/properties/tls/additionalProperties/required"_json_pointer).size(), 3u);
    EXPECT_FALSE(schema.at("properties").contains("api"));
}

// MDD_REWRITE=1 writes the page anew.
TEST(Table, ReferencePageIsUpToDate) {
    const auto page = std::filesystem::path(MDD_DOCS) / "CONFIG.md";
    const std::string generated = markdown_reference(mdd_schema().descriptor(), "mdd", "mdd.toml");
    if (::getenv("MDD_REWRITE")) std::ofstream(page) << generated;
    EXPECT_TRUE(content_of(page) == generated)
        << "run this test with MDD_REWRITE=1 to renew docs/CONFIG.md";
}

TEST(Errors, CaretStandsUnderThePlaceBehindTabsAndWideLetters) {
    ConfigErrors errors("mdd.toml", "\tkey = \"\xc3\xa9\" x\r\n");
    errors.add({1, 12}, {"text", "here", "fix"});
    EXPECT_EQ(printed(errors),
              "mdd.toml:1:12: error: text\n"
              "    1 | \tkey = \"\xc3\xa9\" x\n"
              "      | \t          ^ here\n"
              "   help: fix\n"
              "mdd.toml: 1 error\n");
}

TEST(Errors, AreSortedByPlaceAndCannotSteerTheTerminal) {
    ConfigErrors errors("f", "a\x1b[2J\nb\n");
    errors.add({2, 1}, {"second", "", "fix"});
    errors.add({1, 1}, {"first \x1b[2J", "", "fix"});
    errors.add({}, {"whole file", "", "fix"});
    const std::string output = printed(errors);
    EXPECT_LT(output.find("whole file"), output.find("first"));
    EXPECT_LT(output.find("first"), output.find("second"));
    EXPECT_EQ(output.find('\x1b'), std::string::npos);
    EXPECT_NE(output.find("3 errors"), std::string::npos);
}

}  // namespace
}  // namespace mdd::test
