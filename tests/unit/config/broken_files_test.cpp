// Every file under broken/ gives exactly the errors written beside it: all of them, each with its
// place and its fix.
#include <gtest/gtest.h>

#include "tests/unit/config/config_files.h"

namespace mdd::test {
namespace {

namespace fs = std::filesystem;

std::vector<fs::path> broken_files() {
    std::vector<fs::path> files;
    for (const auto& entry : fs::directory_iterator(fs::path(MDD_CONFIG_TESTS) / "broken"))
        if (entry.path().extension() == ".toml") files.push_back(entry.path());
    std::sort(files.begin(), files.end());
    return files;
}

class BrokenFile : public testing::TestWithParam<fs::path> {};

// MDD_REWRITE=1 writes what came out instead; read the difference before committing it.
TEST_P(BrokenFile, IsRefusedWithPlaceAndFix) {
    Folder folder;
    write_file(folder.path() / "node.pem", "certificate", 0644);
    write_file(folder.path() / "ca.pem", "certificate", 0644);
    write_file(folder.path() / "node.key", "key", 0600);
    write_file(folder.path() / "open.key", "key", 0644);
    const auto loaded =
        config::parse_mdd_config(content_of(GetParam()), GetParam().filename().string(),
                                 {.folder = folder.path(), .check_files = true}, eight_cores());
    ASSERT_TRUE(std::holds_alternative<config::ConfigErrors>(loaded));
    std::string output = printed(std::get<config::ConfigErrors>(loaded));
    for (std::size_t at; (at = output.find(folder.path().string())) != std::string::npos;)
        output.replace(at, folder.path().string().size(), "FOLDER");
    fs::path expected = GetParam();
    expected.replace_extension(".expected");
    if (::getenv("MDD_REWRITE")) std::ofstream(expected) << output;
    EXPECT_EQ(output, content_of(expected));
}

std::string test_name(const testing::TestParamInfo<fs::path>& info) {
    return info.param.stem().string().substr(3);
}
INSTANTIATE_TEST_SUITE_P(All, BrokenFile, testing::ValuesIn(broken_files()), test_name);

TEST(BrokenFiles, AreAtLeastTen) {
    EXPECT_GE(broken_files().size(), 10u);
}

}  // namespace
}  // namespace mdd::test
