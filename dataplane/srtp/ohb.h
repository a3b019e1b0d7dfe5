// The original header block of Double (RFC 8723 §4) as a hop needs it: 1 to 4 bytes at the end of
// the outer plaintext, [PT][SEQ]Config. Knows nothing of encryption.
#pragma once

#include "dataplane/srtp/bytes.h"
#include "dataplane/srtp/profile.h"

namespace mdd::srtp {

inline constexpr std::size_t kMaxOhbBytes = 4;

// The blocks that the copies of one packet have (RFC 8723 §5.2). A hop that changes only the
// sequence number knows two: the copy happens to have the number that the sender gave, or another
// one. Both keep what earlier hops recorded.
struct HopOhb {
    struct Form {
        std::array<std::uint8_t, kMaxOhbBytes> bytes{};
        std::uint8_t size_bytes = 0;

        // All bytes in one store, the first one lowest: a copy loads them as a whole, and would
        // wait for parts of them.
        void set(std::uint32_t fields, std::size_t size) {
            static_assert(std::endian::native == std::endian::little);
            std::memcpy(bytes.data(), &fields, sizeof fields);
            size_bytes = static_cast<std::uint8_t>(size);
        }
    };
    std::array<Form, 2> forms;  // of the original sequence number; of another one
    std::uint16_t original_sequence = 0;
    std::uint8_t received_bytes = 0;  // of the block that was received

    const Form& for_sequence(std::uint16_t sent) const {
        return forms[sent == original_sequence ? 0 : 1];  // no branch: nobody can foresee it
    }

    // Reads the block that ends `outer_plaintext`, of a packet whose header says `sequence`. False
    // (verdict ohb_invalid) when reserved bits are set, B without M, a payload type above 127, or
    // fewer than 16 (inner tag) bytes would remain before the block; nothing is valid then.
    bool read(Bytes outer_plaintext, std::uint16_t sequence);

  private:
    // The block that records nothing, as it comes from whoever has sealed the packet.
    bool read_empty(std::uint16_t sequence) {
        received_bytes = 1;
        original_sequence = sequence;
        forms[0].set(0, 1);
        forms[1].set(__builtin_bswap16(sequence) | std::uint32_t{kHasSequence} << 16, 3);
        return true;
    }
    // Config byte, most significant bit first: R R R R B M P Q.
    static constexpr std::uint8_t kHasSequence = 0x01, kHasPayloadType = 0x02, kHasMarker = 0x04,
                                  kMarker = 0x08, kReserved = 0xf0;
    static constexpr std::uint8_t kMaxPayloadType = 127;
};

inline bool HopOhb::read(Bytes outer_plaintext, std::uint16_t sequence) {
    if (outer_plaintext.empty()) return false;
    const std::uint8_t config = outer_plaintext.back();
    if (config == 0 && outer_plaintext.size() > kTagBytes) return read_empty(sequence);
    // The published condition "C & 0x0C must not be 0x80" can never be false; 0x08 is meant.
    if ((config & kReserved) != 0 || (config & (kHasMarker | kMarker)) == kMarker) return false;
    const std::size_t type_bytes = (config & kHasPayloadType) != 0 ? 1 : 0;
    const std::size_t sequence_bytes = (config & kHasSequence) != 0 ? 2 : 0;
    const std::size_t size_bytes = type_bytes + sequence_bytes + 1;
    if (outer_plaintext.size() < kTagBytes + size_bytes) return false;

    const auto* field = outer_plaintext.data() + outer_plaintext.size() - size_bytes;
    const std::uint8_t type = type_bytes != 0 ? *field : std::uint8_t{0};
    if (type > kMaxPayloadType) return false;
    received_bytes = static_cast<std::uint8_t>(size_bytes);
    original_sequence = sequence_bytes != 0 ? load_be16(field + type_bytes) : sequence;

    const std::size_t behind_type = 8 * type_bytes;
    const std::uint32_t with = std::uint32_t{config} | kHasSequence, without = with ^ kHasSequence;
    const std::uint32_t number = __builtin_bswap16(original_sequence);
    forms[0].set(type | without << behind_type, type_bytes + 1);
    forms[1].set(type | (number | with << 16) << behind_type, type_bytes + 3);
    return true;
}

}  // namespace mdd::srtp
