// A source of RTP without a media program: a steady stream whose payload a receiver can verify byte
// for byte. The pacing is the caller's: it asks what is due.
#pragma once

#include <chrono>
#include <optional>

#include "tools/mdd-endpoint/rtp_packet.h"

namespace mdd::endpoint {

struct GeneratorSpec {
    std::uint32_t ssrc = 0;
    std::uint8_t payload_type = 0;
    unsigned packets_per_second = 0;
    std::size_t payload_bytes = 0;  // at least kSmallestPatternBytes
    std::uint16_t first_sequence = 0;
};

// Mark, counter; the rest follows from the counter.
inline constexpr std::size_t kSmallestPatternBytes = 12;

class Generator {
  public:
    using Clock = std::chrono::steady_clock;

    explicit Generator(const GeneratorSpec& spec) : spec_(spec) {}

    // The next packet when it is due at `now`, else nullopt. The first call after construction or
    // rest() is the start; call again until nullopt to catch up. Timestamps run at 90 kHz and
    // advance with the packets.
    std::optional<Packet> next(Clock::time_point now);
    // A pause: the schedule starts over, sequence numbers and counter go on.
    void rest() { start_.reset(); }

    const GeneratorSpec& spec() const { return spec_; }

  private:
    Packet packet() const;

    GeneratorSpec spec_;
    std::optional<Clock::time_point> start_;
    std::uint64_t since_start_ = 0;
    std::uint64_t counter_ = 0;
};

// A whole RTP packet looked at: does it carry the pattern, and is every byte of it right?
enum class Pattern { none, good, damaged };
Pattern check_pattern(srtp::Bytes rtp);

}  // namespace mdd::endpoint
