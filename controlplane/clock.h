// The one clock of the control plane: monotonic. Decisions take the time as an argument, so that
// tests can bring their own.
#pragma once

#include <chrono>

namespace mdd::control {

using Clock = std::chrono::steady_clock;
using TimePoint = Clock::time_point;

}  // namespace mdd::control
