// The original header block of Double (RFC 8723 §4, §5.2), bit by bit.
#include "dataplane/srtp/ohb.h"

#include "dataplane/srtp/profile.h"

namespace mdd::srtp {
namespace {

// Config byte, most significant bit first: R R R R B M P Q.
constexpr std::uint8_t kHasSequence = 0x01;
constexpr std::uint8_t kHasPayloadType = 0x02;
constexpr std::uint8_t kHasMarker = 0x04;
constexpr std::uint8_t kMarker = 0x08;
constexpr std::uint8_t kReserved = 0xf0;
constexpr std::uint8_t kMaxPayloadType = 127;

}  // namespace

std::optional<Ohb> read_ohb(Bytes outer_plaintext) {
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

std::size_t write_ohb(const Ohb& ohb, std::uint8_t* out) {
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

Ohb with_sequence(const Ohb& received, std::uint16_t received_sequence,
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
