// Upper bounds of what may be configured, where a worker's memory is laid out for them, and what is
// configured where nobody says anything. Numbers only, so that the schema of mdd.toml needs to know
// nothing else of the forwarder.
#pragma once

#include <cstddef>

namespace mdd {

inline constexpr unsigned kMaxBurst = 64;  // packets taken from a port at once
// All that may be: packets of a burst wait for memory together.
inline constexpr unsigned kDefaultBurst = kMaxBurst;
inline constexpr std::size_t kMaxGrantedStreams = 64;  // SSRCs of an endpoint

}  // namespace mdd
