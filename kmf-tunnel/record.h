// Looks at the clear headers of a DTLS datagram (RFC 6347 §4.1). Total functions over bytes:
// nothing is decrypted, nothing is believed, nothing is kept.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "dataplane/srtp/bytes.h"

namespace mdd::tunnel {

inline constexpr std::size_t kRecordHeaderBytes = 13;

enum class ContentType : std::uint8_t {
    change_cipher_spec = 20,
    alert = 21,
    handshake = 22,
    application_data = 23,
    ack = 26,  // RFC 9147, which RFC 8870 brings to DTLS 1.2; protected only
};

// One record of a datagram; `whole` is header and fragment, borrowed from the datagram.
struct Record {
    ContentType type;
    std::uint16_t epoch;
    std::uint64_t sequence;  // 48 bits
    srtp::Bytes fragment;
    srtp::Bytes whole;
};

// Walks a datagram: each call to next() gives a record, or nullopt at the end and at the first
// malformed header (a type that is not known or, for ack, not protected; version not DTLS; length
// past the end). well_formed() after the walk tells which it was.
class RecordWalk {
  public:
    explicit RecordWalk(srtp::Bytes datagram) : rest_(datagram) {}
    std::optional<Record> next();
    bool well_formed() const { return rest_.empty(); }

  private:
    srtp::Bytes rest_;
};

// At least one record, and every byte of the datagram belongs to a well-formed one.
bool is_well_formed(srtp::Bytes datagram);

// A well-formed datagram whose records include a handshake record of epoch 0: an endpoint's flight
// before its keys.
bool is_epoch0_handshake(srtp::Bytes datagram);

// A well-formed datagram whose first record is an epoch-0 handshake record that holds a ClientHello
// or a fragment of one (browsers split theirs, and the pieces may swap).
bool is_client_hello_record(srtp::Bytes datagram);

// Among these datagrams is a ClientHello in one piece, or every piece of one.
bool hold_whole_client_hello(std::span<const std::vector<std::uint8_t>> datagrams);

// The random of a ClientHello that lies at fragment offset 0 in the first record; it stays the same
// when the client repeats its hello with a cookie. nullopt for anything else.
std::optional<std::array<std::uint8_t, 32>> client_hello_random(srtp::Bytes datagram);

// A well-formed datagram with a handshake record of epoch 1 or above: from a DTLS 1.2 server, its
// Finished.
bool has_protected_handshake(srtp::Bytes datagram);

// Explicit nonce and tag of an AES-GCM record (RFC 5288 §3): what each one is longer than.
inline constexpr std::size_t kGcmRecordOverheadBytes = 8 + 16;

// Some record of the walk is protected and too short for AES-GCM. No peer makes one, and anybody
// can; releases of OpenSSL 3.0 take it for an internal error and end the association.
bool has_impossible_record(srtp::Bytes datagram);

}  // namespace mdd::tunnel
