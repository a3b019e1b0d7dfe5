// One line for each tunnel message with a DTLS datagram in it, for a program that joins it with a
// capture of the media side into the whole sequence of a set-up. Headers and hashes only: no
// datagram, no key.
#pragma once

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <memory>

#include "kmf-tunnel/message.h"

namespace mdd::kmf {

// Lines: DIRECTION,t_ns,association,WITH,bytes,sha256
//   DIRECTION  in (from an MDD) or out
//   t_ns       CLOCK_MONOTONIC in nanoseconds
//   WITH       what travels beside the datagram: profiles, keys, or -
//   sha256     the first 16 hex digits of the datagram's digest: the same datagram on another wire
//              has the same
class MessageTrace {
  public:
    using Clock = std::chrono::steady_clock;
    enum class Direction { in, out };

    // An empty path makes every call do nothing. Throws std::runtime_error when the file cannot be
    // created.
    explicit MessageTrace(const std::filesystem::path& file);

    // Messages without a datagram are not written. Flushed line by line: a killed process loses
    // none.
    void note(Direction direction, const tunnel::Message& message, Clock::time_point at);

  private:
    struct Close {
        void operator()(std::FILE* file) const { std::fclose(file); }
    };
    std::unique_ptr<std::FILE, Close> file_;
};

}  // namespace mdd::kmf
