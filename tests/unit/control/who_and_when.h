// The endpoints that tests of one rule are about, the worker that owns them, and the time at which
// they begin.
#pragma once

#include "controlplane/clock.h"
#include "controlplane/endpoint_ref.h"
#include "dataplane/table.h"

namespace mdd::test {

inline constexpr control::EndpointRef kAlice{0, 0};
inline constexpr control::EndpointRef kBob{0, 1};
inline constexpr WorkerIndex kOwner = 1;
inline const control::TimePoint kStart{std::chrono::hours(1)};

}  // namespace mdd::test
