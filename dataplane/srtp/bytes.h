// Bytes and secrets: big-endian loads and stores, spans, and a buffer that wipes itself. No
// protocol knowledge.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace mdd::srtp {

using Bytes = std::span<const std::uint8_t>;
using MutableBytes = std::span<std::uint8_t>;

// Big-endian loads and stores. Precondition: at least sizeof(result) bytes behind `p`; any
// alignment.
inline std::uint16_t load_be16(const std::uint8_t* p) {
    return static_cast<std::uint16_t>(p[0] << 8 | p[1]);
}
// A number as it stands in memory in network byte order, and back.
constexpr std::uint32_t from_big_endian(std::uint32_t v) {
    return std::endian::native == std::endian::little ? __builtin_bswap32(v) : v;
}
constexpr std::uint64_t from_big_endian(std::uint64_t v) {
    return std::endian::native == std::endian::little ? __builtin_bswap64(v) : v;
}
inline std::uint32_t load_be32(const std::uint8_t* p) {
    std::uint32_t v;
    std::memcpy(&v, p, sizeof v);
    return from_big_endian(v);
}
inline void store_be16(std::uint8_t* p, std::uint16_t v) {
    p[0] = static_cast<std::uint8_t>(v >> 8);
    p[1] = static_cast<std::uint8_t>(v);
}
inline void store_be32(std::uint8_t* p, std::uint32_t v) {
    v = from_big_endian(v);
    std::memcpy(p, &v, sizeof v);
}

// Overwrites memory in a way that the optimiser may not drop, however dead the buffer is.
inline void wipe(void* p, std::size_t size_bytes) {
    if (size_bytes > 0) std::memset(p, 0, size_bytes);  // p may be null with nothing behind it
    asm volatile("" : : "r"(p) : "memory");
}

// N secret bytes: move-only, wiped when moved from and when destroyed (RFC 7714 §13.1). Never
// printed, never compared with ==; compare fingerprints instead.
template <std::size_t N>
class Secret {
  public:
    Secret() = default;
    // Precondition: bytes.size() <= N. Remaining bytes are zero.
    explicit Secret(Bytes bytes) { std::memcpy(value_.data(), bytes.data(), bytes.size()); }
    Secret(Secret&& other) noexcept : value_(other.value_) { other.clear(); }
    Secret& operator=(Secret&& other) noexcept {
        if (this != &other) {
            value_ = other.value_;
            other.clear();
        }
        return *this;
    }
    Secret(const Secret&) = delete;
    Secret& operator=(const Secret&) = delete;
    ~Secret() { clear(); }

    Bytes first(std::size_t size_bytes) const { return Bytes(value_).first(size_bytes); }
    Bytes bytes() const { return value_; }
    MutableBytes writable() { return value_; }
    void clear() { wipe(value_.data(), N); }

  private:
    std::array<std::uint8_t, N> value_{};
};

}  // namespace mdd::srtp
