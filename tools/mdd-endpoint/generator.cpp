// Counter pattern: "mddG", 8-byte counter, then bytes that depend on both counter and place.
#include "tools/mdd-endpoint/generator.h"

#include <array>
#include <cstring>

namespace mdd::endpoint {
namespace {

constexpr std::array<std::uint8_t, 4> kMark{'m', 'd', 'd', 'G'};
constexpr std::uint32_t kClockHz = 90000;

std::uint8_t pattern_byte(std::uint64_t counter, std::size_t place) {
    return static_cast<std::uint8_t>((counter * 7 + place) * 31 >> 3);
}

}  // namespace

std::optional<Packet> Generator::next(Clock::time_point now) {
    if (!start_) {
        start_ = now;
        since_start_ = 0;
    }
    const std::chrono::nanoseconds due(since_start_ * 1'000'000'000 / spec_.packets_per_second);
    if (now - *start_ < due) return std::nullopt;
    auto made = packet();
    ++since_start_;
    ++counter_;
    return made;
}

Packet Generator::packet() const {
    Packet packet(kFixedHeaderBytes + spec_.payload_bytes);
    packet[0] = 0x80;
    packet[1] = spec_.payload_type;
    srtp::store_be16(packet.data() + 2,
                     static_cast<std::uint16_t>(spec_.first_sequence + counter_));
    srtp::store_be32(packet.data() + 4,
                     static_cast<std::uint32_t>(counter_ * kClockHz / spec_.packets_per_second));
    srtp::store_be32(packet.data() + 8, spec_.ssrc);
    auto* payload = packet.data() + kFixedHeaderBytes;
    std::memcpy(payload, kMark.data(), kMark.size());
    srtp::store_be32(payload + 4, static_cast<std::uint32_t>(counter_ >> 32));
    srtp::store_be32(payload + 8, static_cast<std::uint32_t>(counter_));
    for (std::size_t i = kSmallestPatternBytes; i < spec_.payload_bytes; ++i)
        payload[i] = pattern_byte(counter_, i);
    return packet;
}

Pattern check_pattern(srtp::Bytes rtp) {
    const auto layout = rtp_layout(rtp);
    if (!layout) return Pattern::none;
    const auto payload = rtp.subspan(layout->header_bytes);
    if (payload.size() < kSmallestPatternBytes ||
        std::memcmp(payload.data(), kMark.data(), kMark.size()) != 0)
        return Pattern::none;
    const auto counter = std::uint64_t{srtp::load_be32(payload.data() + 4)} << 32 |
                         srtp::load_be32(payload.data() + 8);
    for (std::size_t i = kSmallestPatternBytes; i < payload.size(); ++i)
        if (payload[i] != pattern_byte(counter, i)) return Pattern::damaged;
    return Pattern::good;
}

}  // namespace mdd::endpoint
