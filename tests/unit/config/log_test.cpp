// What a log line looks like on stderr and in the journal, and what can never be in one.
#include "controlplane/log.h"

#include <gtest/gtest.h>
#include <spdlog/spdlog.h>

#include <regex>

#include "tests/unit/config/config_files.h"

namespace mdd::test {
namespace {

using config::LogLevel;

// What `write` puts on stderr, which is a file for that time. `as_journal`: systemd says that this
// file is the journal.
template <class Write>
std::string logged(LogLevel least, bool as_journal, const Write& write) {
    Folder folder;
    const auto path = folder.path() / "stderr";
    std::FILE* file = std::fopen(path.c_str(), "w");
    const int kept = ::dup(STDERR_FILENO);
    std::fflush(stderr);
    ::dup2(::fileno(file), STDERR_FILENO);
    struct stat status {};
    ::fstat(STDERR_FILENO, &status);
    const std::string stream = std::to_string(status.st_dev) + ":" + std::to_string(status.st_ino);
    ::setenv("JOURNAL_STREAM", as_journal ? stream.c_str() : "1:1", 1);
    control::start_log("mdd", least);
    write();
    std::fflush(stderr);
    ::dup2(kept, STDERR_FILENO);
    ::close(kept);
    std::fclose(file);
    ::unsetenv("JOURNAL_STREAM");
    control::start_log("mdd", LogLevel::info);
    return content_of(path);
}

TEST(Log, LineHasTimeLevelAndName) {
    const std::string line =
        logged(LogLevel::info, false, [] { spdlog::warn("tunnel to {} lost", "kmf-a"); });
    EXPECT_TRUE(std::regex_match(
        line,
        std::regex(
            R"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d\d:\d\d warning mdd: tunnel to kmf-a lost\n)")))
        << line;
}

TEST(Log, JournalLineHasItsPriorityAndNoTime) {
    const std::string lines = logged(LogLevel::debug, true, [] {
        spdlog::error("x");
        spdlog::warn("x");
        spdlog::info("x");
        spdlog::debug("x");
    });
    EXPECT_EQ(lines, "<3>x\n<4>x\n<6>x\n<7>x\n");
}

TEST(Log, LevelSetsWhatIsWritten) {
    EXPECT_EQ(logged(LogLevel::error, true,
                     [] {
                         spdlog::warn("no");
                         spdlog::error("yes");
                     }),
              "<3>yes\n");
}

TEST(Log, TextOfAPeerCannotForgeALine) {
    EXPECT_EQ(logged(LogLevel::info, true, [] { spdlog::info("{}", "x\n<0>forged\x1b[2J{}"); }),
              "<6>x?<0>forged?[2J{}\n");
}

TEST(Log, ShortIdIsTheFirstFourBytes) {
    const std::array<std::uint8_t, 16> id{0xc0, 0x01, 0x0f, 0xff, 0x55};
    EXPECT_EQ(control::short_id(id), "c0010fff");
    EXPECT_EQ(control::short_id(std::span(id).first(2)), "c001");
    EXPECT_EQ(control::short_id({}), "");
}

}  // namespace
}  // namespace mdd::test
