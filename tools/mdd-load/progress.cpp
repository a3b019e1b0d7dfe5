// Drawing, and not too often.
#include "tools/mdd-load/progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

namespace mdd::load {
namespace {

constexpr std::chrono::milliseconds kBarInterval{200};
constexpr std::chrono::seconds kLineInterval{5};
constexpr int kBarWidth = 24;

}  // namespace

ProgressLine::ProgressLine() : is_terminal_(isatty(STDERR_FILENO) == 1) {}

ProgressLine::~ProgressLine() {
    clear();
}

void ProgressLine::clear() {
    if (is_drawn_) fmt::print(stderr, "\r\x1b[K");
    is_drawn_ = false;
}

void ProgressLine::show(std::string_view phase, double share, std::string_view figures) {
    const auto now = std::chrono::steady_clock::now();
    if (now < next_ && phase == last_phase_) return;
    // A plain line of a phase that ends soon would only repeat its end.
    const bool is_new = phase != last_phase_;
    last_phase_ = phase;
    next_ = now + (is_terminal_ ? std::chrono::nanoseconds(kBarInterval)
                                : std::chrono::nanoseconds(kLineInterval));
    if (!is_terminal_) {
        if (!is_new) fmt::print(stderr, "{}: {:3.0f} %, {}\n", phase, share * 100, figures);
        return;
    }
    const auto filled = static_cast<int>(std::clamp(share, 0.0, 1.0) * kBarWidth);
    fmt::print(stderr, "\r\x1b[K{} [{}{}] {}", phase,
               std::string(static_cast<std::size_t>(filled), '#'),
               std::string(static_cast<std::size_t>(kBarWidth - filled), '.'), figures);
    std::fflush(stderr);
    is_drawn_ = true;
}

void ProgressLine::done(std::string_view phase, std::string_view figures) {
    clear();
    last_phase_.clear();
    fmt::print(stderr, "{}: {}\n", phase, figures);
}

}  // namespace mdd::load
