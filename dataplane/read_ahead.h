// What the next packets' opening will read, asked for a little at a time between the copies of the
// packets before: asked for at once, it is more than a core fetches side by side, and it waits.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include "dataplane/batch.h"
#include "dataplane/srtp/prefetch.h"

namespace mdd {

class ReadAhead {
  public:
    // All of it, later. Precondition: size_bytes > 0; at most kMaxGroup times between two finish().
    void add(const void* from, std::size_t size_bytes) {
        const auto at = reinterpret_cast<std::uintptr_t>(from);
        const auto begin = at / srtp::kCacheLineBytes;
        const auto end = (at + size_bytes - 1) / srtp::kCacheLineBytes + 1;
        ranges_[count_++] = {begin, end};
        lines_ += end - begin;
    }
    // Cache lines that have not been asked for.
    std::size_t lines() const { return lines_; }
    // How many lines each of so many calls of ask() must take so that nothing is left. 0 calls: 0.
    std::size_t share(std::size_t calls) const {
        return lines_ == 0 || calls == 0 ? 0 : (lines_ + calls - 1) / calls;
    }
    // Asks for the next `lines`, or for what is left, and does not wait for it.
    void ask(std::size_t lines) {
        lines = std::min(lines, lines_);
        lines_ -= lines;
        while (lines != 0) {
            auto& [begin, end] = ranges_[next_];
            const auto here = std::min<std::size_t>(lines, end - begin);
            lines -= here;
            // Not by fours as keys are: packets of 500 bytes then take a fifth longer.
            for (const auto behind = begin + here; begin != behind; ++begin)
                srtp::prefetch(reinterpret_cast<const void*>(begin * srtp::kCacheLineBytes));
            if (begin == end) ++next_;
        }
    }
    // Asks for what is left.
    void finish() {
        ask(lines_);
        count_ = next_ = 0;
    }

  private:
    // Numbers of cache lines.
    struct Range {
        std::uintptr_t begin, end;
    };
    std::array<Range, kMaxGroup> ranges_;
    unsigned count_ = 0, next_ = 0;
    std::size_t lines_ = 0;
};

}  // namespace mdd
