// Upper bounds of what may be configured, where a worker's memory is laid out for them. Numbers
// only, so that the schema of mdd.toml needs to know nothing else of the forwarder.
#pragma once

#include <cstddef>

namespace mdd {

inline constexpr unsigned kMaxBurst = 64;              // packets taken from a port at once
inline constexpr std::size_t kMaxGrantedStreams = 64;  // SSRCs of an endpoint

}  // namespace mdd
