// Asking for memory ahead of its use: see prefetch().
#pragma once

#include <cstddef>

namespace mdd::srtp {

inline constexpr std::size_t kCacheLineBytes = 64;

// Asks for the cache line that `at` is on, and does not wait for it; any address will do. Written
// out, because GCC takes a function that holds nothing but its own built-in for one without effect,
// and leaves out the calls of it.
inline void prefetch(const void* at) {
    asm volatile("prefetcht0 %0" : : "m"(*static_cast<const char*>(at)));
}

// Likewise for `lines` cache lines from the one that `at` is on. By fours: counting one by one
// takes longer than asking.
inline void prefetch_lines(const void* at, std::size_t lines) {
#pragma GCC unroll 4
    for (std::size_t line = 0; line < lines; ++line)
        prefetch(static_cast<const char*>(at) + line * kCacheLineBytes);
}

}  // namespace mdd::srtp
