// How far a long phase is: a bar on a terminal, a plain line now and then elsewhere. Goes to
// stderr.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

namespace mdd::load {

// One thread. A phase ends with done(), or silently when an error ends it.
class ProgressLine {
  public:
    ProgressLine();
    ~ProgressLine();
    ProgressLine(const ProgressLine&) = delete;
    ProgressLine& operator=(const ProgressLine&) = delete;

    // `share`: 0 to 1. Call as often as you like.
    void show(std::string_view phase, double share, std::string_view figures);
    // The phase is over; what came of it, on a line of its own.
    void done(std::string_view phase, std::string_view figures);

  private:
    void clear();

    const bool is_terminal_;
    bool is_drawn_ = false;
    std::string last_phase_;
    std::chrono::steady_clock::time_point next_{};
};

}  // namespace mdd::load
