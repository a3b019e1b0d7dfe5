// The 48-bit packet index of one SSRC (RFC 3711 §3.3.1): which roll-over counter a 16-bit sequence
// number most likely has. Keeps no replay list: libsrtp does that.
#pragma once

#include <cstdint>
#include <optional>

namespace mdd::endpoint {

// 65536 · ROC + SEQ.
using PacketIndex = std::uint64_t;

inline std::uint32_t roc_of(PacketIndex index) {
    return static_cast<std::uint32_t>(index >> 16);
}

class IndexTracker {
  public:
    IndexTracker() = default;
    explicit IndexTracker(PacketIndex highest) : highest_(highest) {}

    // The index within 2^15 of the highest one committed; SEQ itself while nothing is committed.
    // nullopt: it would lie before index 0.
    std::optional<PacketIndex> estimate(std::uint16_t sequence) const {
        if (!highest_) return sequence;
        const auto step =
            static_cast<std::int16_t>(sequence - static_cast<std::uint16_t>(*highest_));
        if (step < 0 && *highest_ < static_cast<PacketIndex>(-static_cast<int>(step)))
            return std::nullopt;
        return *highest_ + static_cast<PacketIndex>(static_cast<std::int64_t>(step));
    }

    // Only for packets that verified.
    void commit(PacketIndex index) {
        if (!highest_ || index > *highest_) highest_ = index;
    }

    std::optional<PacketIndex> highest() const { return highest_; }

  private:
    std::optional<PacketIndex> highest_;
};

}  // namespace mdd::endpoint
