// The original header block of Double (RFC 8723 §4) field by field, as the RFC tells it: what tests
// hold mdd's own, quicker reading of it against, and open packets with.
#pragma once

#include <optional>

#include "dataplane/srtp/ohb.h"

namespace mdd::srtp {

namespace ohb_bits {
// Config byte, most significant bit first: R R R R B M P Q.
constexpr std::uint8_t kHasSequence = 0x01;
constexpr std::uint8_t kHasPayloadType = 0x02;
constexpr std::uint8_t kHasMarker = 0x04;
constexpr std::uint8_t kMarker = 0x08;
constexpr std::uint8_t kReserved = 0xf0;
constexpr std::uint8_t kMaxPayloadType = 127;

}  // namespace ohb_bits

// The fields of the original RTP header that a media distributor changed on the way; empty:
// unchanged.
struct Ohb {
    std::optional<std::uint8_t> payload_type;  // 7 bits
    std::optional<std::uint16_t> sequence;
    std::optional<bool> marker;

    std::size_t size_bytes() const { return 1 + (payload_type ? 1u : 0u) + (sequence ? 2u : 0u); }
    bool operator==(const Ohb&) const = default;
};

// Reads the block that ends `outer_plaintext`. nullopt (verdict ohb_invalid) when reserved bits are
// set, B without M, a payload type above 127, or fewer than 16 (inner tag) bytes would remain
// before the block.
inline std::optional<Ohb> read_ohb(Bytes outer_plaintext) {
    using namespace ohb_bits;
    if (outer_plaintext.empty()) return std::nullopt;
    const auto config = outer_plaintext.back();
    if ((config & kReserved) != 0) return std::nullopt;
    // The published condition "C & 0x0C must not be 0x80" can never be false; 0x08 is meant.
    if ((config & (kHasMarker | kMarker)) == kMarker) return std::nullopt;

    Ohb ohb;
    if ((config & kHasMarker) != 0) ohb.marker = (config & kMarker) != 0;
    if ((config & kHasPayloadType) != 0) ohb.payload_type = std::uint8_t{0};
    if ((config & kHasSequence) != 0) ohb.sequence = std::uint16_t{0};
    if (outer_plaintext.size() < kTagBytes + ohb.size_bytes()) return std::nullopt;

    const auto* field = outer_plaintext.data() + outer_plaintext.size() - ohb.size_bytes();
    if (ohb.payload_type) ohb.payload_type = *field++;
    if (ohb.sequence) ohb.sequence = load_be16(field);
    if (ohb.payload_type.value_or(0) > kMaxPayloadType) return std::nullopt;
    return ohb;
}

// Writes size_bytes() bytes to `out` in wire order [PT][SEQ]Config. Precondition: room for them.
inline std::size_t write_ohb(const Ohb& ohb, std::uint8_t* out) {
    using namespace ohb_bits;
    std::uint8_t config = 0;
    if (ohb.payload_type) {
        config |= kHasPayloadType;
        *out++ = *ohb.payload_type;
    }
    if (ohb.sequence) {
        config |= kHasSequence;
        store_be16(out, *ohb.sequence);
        out += 2;
    }
    if (ohb.marker) config |= *ohb.marker ? kHasMarker | kMarker : kHasMarker;
    *out = config;
    return ohb.size_bytes();
}

// The block that a hop must send when it received `received` with `received_sequence` in the header
// and sends `sent_sequence` (RFC 8723 §5.2): records the original once, keeps what earlier hops
// recorded, and drops a sequence that has come back to its original. PT and M are not touched by
// this hop.
inline Ohb with_sequence(const Ohb& received, std::uint16_t received_sequence,
                         std::uint16_t sent_sequence) {
    const auto original = received.sequence.value_or(received_sequence);
    Ohb sent = received;
    if (sent_sequence == original)
        sent.sequence.reset();
    else
        sent.sequence = original;
    return sent;
}

}  // namespace mdd::srtp
