// What a KMF reads off the clear record headers of endpoint datagrams, before and beside OpenSSL.
// Decrypts nothing, keeps nothing.
#pragma once

#include <array>
#include <cstdint>

#include "dataplane/srtp/bytes.h"

namespace mdd::kmf {

using srtp::Bytes;

// Of a ClientHello: both hellos of a cookie exchange and all their repeats carry the same one (RFC
// 6347 §4.2.1).
using ClientRandom = std::array<std::uint8_t, 32>;

enum class Sorting {
    pass,
    malformed,       // empty, or not a sequence of complete DTLS records of known types
    unwanted_alert,  // holds an unprotected alert: anybody can write one, so the deadline decides
                     // instead
    unwanted_type,   // holds an unprotected record that is neither handshake nor ChangeCipherSpec
};

// Whether a datagram from an endpoint may reach OpenSSL, which believes every unprotected record
// while it shakes hands.
Sorting sort_inbound(Bytes datagram);

// The datagram holds a record of epoch 1 or above.
bool has_protected_record(Bytes datagram);

}  // namespace mdd::kmf
