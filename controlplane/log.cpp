// Sets spdlog up: one pattern for a terminal or a file, one for the journal.
#include "controlplane/log.h"

#include <fmt/format.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <memory>

namespace mdd::control {
namespace {

// systemd sets JOURNAL_STREAM to "device:inode" of the stream it gave us; a redirected stderr is
// another one.
bool stderr_is_journal() {
    const char* stream = std::getenv("JOURNAL_STREAM");
    struct stat status {};
    if (!stream || ::fstat(STDERR_FILENO, &status) != 0) return false;
    return fmt::format("{}:{}", status.st_dev, status.st_ino) == stream;
}

// "%P": sd-daemon(3), the priority of syslog in front of the line.
class JournalPriority final : public spdlog::custom_flag_formatter {
  public:
    void format(const spdlog::details::log_msg& message, const std::tm&,
                spdlog::memory_buf_t& out) override {
        const std::string_view text = message.level >= spdlog::level::err    ? "<3>"
                                      : message.level == spdlog::level::warn ? "<4>"
                                      : message.level == spdlog::level::info ? "<6>"
                                                                             : "<7>";
        out.append(text.data(), text.data() + text.size());
    }
    std::unique_ptr<custom_flag_formatter> clone() const override {
        return std::make_unique<JournalPriority>();
    }
};

// "%*": the text, on one line whatever is in it.
class OneLine final : public spdlog::custom_flag_formatter {
  public:
    void format(const spdlog::details::log_msg& message, const std::tm&,
                spdlog::memory_buf_t& out) override {
        for (const char c : message.payload)
            out.push_back(static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? '?' : c);
    }
    std::unique_ptr<custom_flag_formatter> clone() const override {
        return std::make_unique<OneLine>();
    }
};

spdlog::level::level_enum spdlog_level(config::LogLevel level) {
    switch (level) {
        case config::LogLevel::trace:
            return spdlog::level::trace;
        case config::LogLevel::debug:
            return spdlog::level::debug;
        case config::LogLevel::info:
            return spdlog::level::info;
        case config::LogLevel::warning:
            return spdlog::level::warn;
        case config::LogLevel::error:
            break;
    }
    return spdlog::level::err;
}

}  // namespace

void start_log(const std::string& name, config::LogLevel least) {
    auto sink = std::make_shared<spdlog::sinks::stderr_color_sink_mt>();
    auto logger = std::make_shared<spdlog::logger>(name, std::move(sink));
    auto formatter = std::make_unique<spdlog::pattern_formatter>();
    formatter->add_flag<JournalPriority>('P').add_flag<OneLine>('*');
    formatter->set_pattern(stderr_is_journal() ? "%P%*" : "%Y-%m-%dT%H:%M:%S.%e%z %^%-7l%$ %n: %*");
    logger->set_formatter(std::move(formatter));
    logger->set_level(spdlog_level(least));
    logger->flush_on(spdlog::level::trace);
    spdlog::set_default_logger(std::move(logger));
}

std::string short_id(std::span<const std::uint8_t> id) {
    constexpr std::size_t kShownBytes = 4;
    std::string text;
    for (const std::uint8_t byte : id.first(std::min(kShownBytes, id.size())))
        text += fmt::format("{:02x}", byte);
    return text;
}

}  // namespace mdd::control
