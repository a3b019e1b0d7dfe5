// The original header block of Double (RFC 8723 §4): read it, restore from it, write it. 1 to 4
// bytes at the end of the outer plaintext. Knows nothing of encryption.
#pragma once

#include <optional>

#include "dataplane/srtp/bytes.h"

namespace mdd::srtp {

inline constexpr std::size_t kMaxOhbBytes = 4;

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
std::optional<Ohb> read_ohb(Bytes outer_plaintext);

// Writes size_bytes() bytes to `out` in wire order [PT][SEQ]Config. Precondition: room for them.
std::size_t write_ohb(const Ohb& ohb, std::uint8_t* out);

// The block that a hop must send when it received `received` with `received_sequence` in the header
// and sends `sent_sequence` (RFC 8723 §5.2): records the original once, keeps what earlier hops
// recorded, and drops a sequence that has come back to its original. PT and M are not touched by
// this hop.
Ohb with_sequence(const Ohb& received, std::uint16_t received_sequence,
                  std::uint16_t sent_sequence);

}  // namespace mdd::srtp
