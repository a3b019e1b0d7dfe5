// What fuzz targets share: an input copied to a heap block of its exact size, and the check that
// stops the fuzzer.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <span>

namespace mdd::test {

// A broken property ends the run at once, so that libFuzzer keeps the input.
inline void must(bool holds) {
    if (!holds) __builtin_trap();
}

// A copy without room behind it: the address sanitizer sees every read past the end.
class ExactCopy {
  public:
    ExactCopy(const std::uint8_t* data, std::size_t size_bytes)
        : bytes_(new std::uint8_t[size_bytes]), size_bytes_(size_bytes) {
        std::copy_n(data, size_bytes, bytes_.get());
    }
    std::span<const std::uint8_t> bytes() const { return {bytes_.get(), size_bytes_}; }

  private:
    std::unique_ptr<std::uint8_t[]> bytes_;
    std::size_t size_bytes_;
};

}  // namespace mdd::test
