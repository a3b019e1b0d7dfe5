// The kinds one by one, at the edges of what they accept. Files and whole configurations: the other
// tests here.
#include "controlplane/config/kinds.h"

#include <gtest/gtest.h>

#include "tests/unit/config/config_files.h"

namespace mdd::test {
namespace {

using namespace config;
using std::chrono::milliseconds;

// What `kind` makes of `toml` as the value of a key; nothing when it is refused.
template <class T>
std::optional<T> read(const Kind<T>& kind, const std::string& toml) {
    const std::string text = "key = " + toml + "\n";
    const auto document = parse_document(text, "test.toml");
    if (!std::holds_alternative<config::Table>(document)) return std::nullopt;
    Reader reader("test.toml", text, {.folder = "/base", .check_files = false});
    reader.enter("key", {1, 7});
    const auto value = kind.read(std::get<config::Table>(document).find("key")->value, reader);
    EXPECT_EQ(value.has_value(), reader.errors().empty()) << toml;
    return value;
}

TEST(IntegerKind, TakesItsRangeAndNotOneMore) {
    const auto kind = integer<std::uint16_t>(64, 65535);
    EXPECT_EQ(read(kind, "64"), 64);
    EXPECT_EQ(read(kind, "65535"), 65535);
    EXPECT_EQ(read(kind, "0x40"), 64);
    for (const char* refused : {"63", "65536", "-1", "-9223372036854775808", "9223372036854775807",
                                "64.0", "\"64\"", "true", "[64]", "1979-05-27"})
        EXPECT_FALSE(read(kind, refused)) << refused;
}

TEST(PowerOfTwoKind, TakesPowersOnly) {
    const auto kind = power_of_two<unsigned>(64, 32768);
    for (unsigned power = 64; power <= 32768; power *= 2) {
        EXPECT_EQ(read(kind, std::to_string(power)), power);
        EXPECT_FALSE(read(kind, std::to_string(power + 1))) << power;
        EXPECT_FALSE(read(kind, std::to_string(power - 1))) << power;
    }
    EXPECT_FALSE(read(kind, "32"));
    EXPECT_FALSE(read(kind, "65536"));
}

TEST(DurationKind, TakesUnitsWithinTheRange) {
    const auto kind = duration(milliseconds(1000), milliseconds(86'400'000));
    EXPECT_EQ(read(kind, "\"1000ms\""), milliseconds(1000));
    EXPECT_EQ(read(kind, "\"30s\""), milliseconds(30'000));
    EXPECT_EQ(read(kind, "\"10m\""), milliseconds(600'000));
    EXPECT_EQ(read(kind, "\"24h\""), milliseconds(86'400'000));
    EXPECT_EQ(read(kind, "\"1d\""), milliseconds(86'400'000));
    for (const char* refused :
         {"\"999ms\"", "\"25h\"", "\"30\"", "\"30 s\"", "\"s\"", "\"1.5s\"", "\"-3s\"", "\"30S\"",
          "\"99999999999999999999s\"", "\"9223372036854775807h\"", "30", "\"\""})
        EXPECT_FALSE(read(kind, refused)) << refused;
}

TEST(DurationKind, ShowsTheLargestWholeUnit) {
    const auto kind = duration(milliseconds(0), milliseconds(86'400'000));
    EXPECT_EQ(kind.show(milliseconds(90'000)), "\"90s\"");
    EXPECT_EQ(kind.show(milliseconds(120'000)), "\"2m\"");
    EXPECT_EQ(kind.show(milliseconds(1)), "\"1ms\"");
    EXPECT_EQ(kind.show(milliseconds(0)), "\"0s\"");
}

TEST(CoresKind, TakesRangesPartsAndLists) {
    using Cores = std::vector<unsigned>;
    EXPECT_EQ(read(lcores(), "\"2-7\""), (Cores{2, 3, 4, 5, 6, 7}));
    EXPECT_EQ(read(lcores(), "\"2-3,6\""), (Cores{2, 3, 6}));
    EXPECT_EQ(read(lcores(), "[3, 2]"), (Cores{3, 2}));
    EXPECT_EQ(read(lcores(), "\"0-1023\"")->size(), 1024u);
    for (const char* refused :
         {"\"7-2\"", "\"2-\"", "\"-2\"", "\"\"", "[]", "\"a\"", "\"1,,2\"", "\"1, 2\"", "\"1024\"",
          "[1024]", "[-1]", "[\"1\"]", "2", "\"0-4294967295\"", "\"1-2-3\""})
        EXPECT_FALSE(read(lcores(), refused)) << refused;
}

TEST(Ipv4Kinds, TakeAddressesPrefixesAndEndpoints) {
    EXPECT_EQ(read(ipv4_address(), "\"255.255.255.255\""), 0xffffffffu);
    EXPECT_EQ(read(ipv4_prefix(), "\"10.0.0.1/0\""), (Ipv4Prefix{0x0a000001, 0}));
    EXPECT_EQ(read(ipv4_prefix(), "\"10.0.0.1/32\""), (Ipv4Prefix{0x0a000001, 32}));
    EXPECT_EQ(read(ipv4_endpoint(), "\"10.0.0.1:65535\""), (Ipv4Endpoint{0x0a000001, 65535}));
    for (const char* refused : {"\"10.0.0\"", "\"10.0.0.256\"", "\"010.0.0.1\"", "\"10.0.0.1 \"",
                                "\"::1\"", "\"host\"", "1", "\"\""})
        EXPECT_FALSE(read(ipv4_address(), refused)) << refused;
    for (const char* refused : {"\"10.0.0.1/33\"", "\"10.0.0.1/\"", "\"10.0.0.1\"", "\"/24\"",
                                "\"10.0.0.1/-1\"", "\"10.0.0.1/24/24\"", "\"2001:db8::1/64\""})
        EXPECT_FALSE(read(ipv4_prefix(), refused)) << refused;
    for (const char* refused : {"\"10.0.0.1:0\"", "\"10.0.0.1:65536\"", "\"10.0.0.1\"", "\":5004\"",
                                "\"host:5004\"", "\"10.0.0.1:\"", "\"[::1]:5004\""})
        EXPECT_FALSE(read(ipv4_endpoint(), refused)) << refused;
}

TEST(HostPortKind, TakesNamesAndAddresses) {
    EXPECT_EQ(read(host_port(), "\"kmf-a.example.net:4433\""),
              (HostPort{"kmf-a.example.net", 4433}));
    EXPECT_EQ(read(host_port(), "\"192.0.2.1:1\""), (HostPort{"192.0.2.1", 1}));
    for (const char* refused :
         {"\"192.0.2.300:1\"", "\"1234:1\"", "\"a b:1\"", "\"-a:1\"", "\".a:1\"", "\"kmf\"",
          "\"kmf:\"", "\"kmf:0\"", "\":4433\"", "\"kmf:http\""})
        EXPECT_FALSE(read(host_port(), refused)) << refused;
}

TEST(IdKinds, TakeHexadecimalOfTheRightLength) {
    const auto dashed = read(id128(), "\"00010203-0405-0607-0809-0a0b0c0d0e0f\"");
    ASSERT_TRUE(dashed);
    for (std::uint8_t i = 0; i < 16; ++i) EXPECT_EQ((*dashed)[i], i);
    EXPECT_EQ(read(id128(), "\"000102030405060708090A0B0C0D0E0F\""), dashed);
    EXPECT_EQ(to_string(*dashed), "00010203-0405-0607-0809-0a0b0c0d0e0f");
    for (const char* refused :
         {"\"0001020304050607080900a0b0c0d0e\"", "\"\"", "7",
          "\"000102-030405-0607-0809-0a0b0c0d0e0f\"", "\"00010203-0405-0607-0809-0a0b0c0d0e0g\"",
          "\"00-01-02-03-04-05-06-07-08-09-0a-0b-0c-0d-0e-0f\""})
        EXPECT_FALSE(read(id128(), refused)) << refused;

    std::string digits;
    for (int i = 0; i < 32; ++i) digits += i == 31 ? "Ff" : "00";
    ASSERT_TRUE(read(sha256(), "\"" + digits + "\""));
    EXPECT_EQ(read(sha256(), "\"" + digits + "\"")->at(31), 0xff);
    EXPECT_FALSE(read(sha256(), "\"" + digits + "0\""));
    EXPECT_FALSE(read(sha256(), "\"" + digits.substr(1) + "\""));
    std::string colons = digits.substr(0, 2);
    for (std::size_t i = 2; i < digits.size(); i += 2) colons += ":" + digits.substr(i, 2);
    EXPECT_EQ(read(sha256(), "\"" + colons + "\""), read(sha256(), "\"" + digits + "\""));
    EXPECT_FALSE(read(sha256(), "\"" + colons + ":\""));
}

TEST(NameKind, TakesLettersDigitsAndThreeMarks) {
    EXPECT_EQ(read(name(), "\"kmf-a_1.x\""), "kmf-a_1.x");
    EXPECT_EQ(read(name(), "\"" + std::string(64, 'a') + "\"")->size(), 64u);
    for (const std::string& refused :
         {std::string("\"\""), std::string("\"a b\""), std::string("\"\\u00e9\""),
          std::string("\"a\\n\""), "\"" + std::string(65, 'a') + "\""})
        EXPECT_FALSE(read(name(), refused)) << refused;
}

TEST(FileKind, StartsRelativePathsAtTheFolderOfTheFile) {
    EXPECT_EQ(read(file(FileRole::readable), "\"tls/a.pem\""), "/base/tls/a.pem");
    EXPECT_EQ(read(file(FileRole::readable), "\"/etc/a.pem\""), "/etc/a.pem");
}

TEST(ListKind, ReportsEveryRefusedElementAndItsLength) {
    const auto kind = list_of(integer<unsigned>(1, 9), 1, 3);
    EXPECT_EQ(read(kind, "[1, 9]"), (std::vector<unsigned>{1, 9}));
    for (const char* refused : {"[]", "[1, 2, 3, 4]", "1", "[1, 10]", "[1, \"a\"]"})
        EXPECT_FALSE(read(kind, refused)) << refused;
    const std::string text = "key = [10, 1, 11]";
    const auto document = parse_document(text, "test.toml");
    Reader reader("test.toml", text, {});
    reader.enter("key", {1, 7});
    EXPECT_FALSE(kind.read(std::get<config::Table>(document).find("key")->value, reader));
    ASSERT_EQ(reader.errors().all().size(), 2u);
    EXPECT_EQ(reader.errors().all()[1].place, (Place{1, 15}));
    EXPECT_EQ(reader.place_of("key[2]"), (Place{1, 15}));
    EXPECT_FALSE(reader.sound("key"));
    EXPECT_TRUE(reader.sound("key[1]"));
    EXPECT_TRUE(reader.sound("ke"));
}

TEST(OneOrMoreKind, TakesAValueWithOrWithoutBrackets) {
    const auto kind = one_or_more(integer<unsigned>(1, 9), 2);
    EXPECT_EQ(read(kind, "4"), std::vector<unsigned>{4});
    EXPECT_EQ(read(kind, "[4]"), std::vector<unsigned>{4});
    EXPECT_EQ(read(kind, "[4, 5]"), (std::vector<unsigned>{4, 5}));
    for (const char* refused : {"[]", "[1, 2, 3]", "10", "\"a\"", "[1, 10]"})
        EXPECT_FALSE(read(kind, refused)) << refused;
    EXPECT_EQ(kind.show({4}), "4");
    EXPECT_EQ(kind.show({4, 5}), "[4, 5]");
}

}  // namespace
}  // namespace mdd::test
