// A second image of a shared library in this process, for one thread: the same code at other
// addresses, with data of its own. For a library whose functions write to a variable of theirs with
// every call, which cores would otherwise take from each other. Calls nothing in it.
#pragma once

#include <cstddef>
#include <cstdint>

namespace mdd::srtp {

class LibraryCopy {
  public:
    LibraryCopy() = default;
    ~LibraryCopy();
    LibraryCopy(const LibraryCopy&) = delete;
    LibraryCopy& operator=(const LibraryCopy&) = delete;

    // Copies the library that `address` lies in, constants and code as the same memory, data as it
    // is now. False, and nothing has changed: it is part of the program, its file is not what was
    // loaded, or the system gives no memory. Not for a poll core that has begun to poll.
    bool make(const void* address);

    // Where something of the library is in the copy. Precondition: make() succeeded.
    template <typename Function>
    Function* at(Function* original) const {
        return reinterpret_cast<Function*>(reinterpret_cast<std::uintptr_t>(original) + distance_);
    }

  private:
    void* memory_ = nullptr;
    std::size_t size_bytes_ = 0;
    std::uintptr_t distance_ = 0;  // from the original, modulo 2^64
};

}  // namespace mdd::srtp
