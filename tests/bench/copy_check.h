// Whether the copies that a loop has sent are what their receivers can open. By the product's
// cipher functions and keys made anew; measures nothing.
#pragma once

#include "tests/bench/fan_out.h"
#include "tests/bench/null_sink.h"

namespace mdd::bench {

// Opens the last `count` packets that went into `sink` as their receivers do. Each comes from a
// sender of `fan_out` in its first 2^17 packets, is addressed to one of its receivers, and is there
// once. Throws std::runtime_error, a full sentence, about the first one that is not so.
// Precondition: count <= NullSink::kInFlight.
void check_copies(const FanOut& fan_out, NullSink& sink, unsigned count);

}  // namespace mdd::bench
