// A secret whose length is known only at run time: wiped before its memory goes back. Fixed sizes:
// srtp::Secret<N>.
#pragma once

#include <cstddef>
#include <utility>
#include <vector>

#include "dataplane/srtp/bytes.h"

namespace mdd::tunnel {

// Move-only; never grows, so that no stale copy is left behind. Never printed.
class SecretBytes {
  public:
    SecretBytes() = default;
    explicit SecretBytes(std::size_t size_bytes) : value_(size_bytes) {}
    explicit SecretBytes(srtp::Bytes bytes) : value_(bytes.begin(), bytes.end()) {}
    SecretBytes(SecretBytes&& other) noexcept : value_(std::exchange(other.value_, {})) {}
    SecretBytes& operator=(SecretBytes&& other) noexcept {
        std::swap(value_, other.value_);
        return *this;
    }
    SecretBytes(const SecretBytes&) = delete;
    SecretBytes& operator=(const SecretBytes&) = delete;
    ~SecretBytes() {
        if (!value_.empty()) srtp::wipe(value_.data(), value_.size());
    }

    srtp::Bytes bytes() const { return value_; }
    srtp::MutableBytes writable() { return value_; }
    std::size_t size() const { return value_.size(); }

  private:
    std::vector<std::uint8_t> value_;
};

}  // namespace mdd::tunnel
