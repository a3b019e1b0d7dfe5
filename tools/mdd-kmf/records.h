// DTLS 1.2 record headers of a datagram, read in the clear (RFC 6347 §4.1): enough to sort
// datagrams before OpenSSL sees them and to notice the Finished on its way out. Decrypts nothing,
// keeps nothing.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "dataplane/srtp/bytes.h"

namespace mdd::kmf {

using srtp::Bytes;

inline constexpr std::uint8_t kRecordChangeCipherSpec = 20;
inline constexpr std::uint8_t kRecordAlert = 21;
inline constexpr std::uint8_t kRecordHandshake = 22;

struct RecordView {
    std::uint8_t type;
    std::uint16_t epoch;
    Bytes body;   // without header, encrypted when epoch > 0
    Bytes whole;  // with header
};

// Takes the first record off `rest`. nullopt: `rest` does not start with a complete DTLS record; it
// is then unchanged.
std::optional<RecordView> next_record(Bytes& rest);

enum class Sorting {
    pass,
    malformed,       // empty, or not a sequence of complete DTLS records
    unwanted_alert,  // holds an unprotected alert: anybody can write one, so the deadline decides
                     // instead
    unwanted_type,   // holds an unprotected record that is neither handshake nor ChangeCipherSpec
};

// Whether a datagram from an endpoint may reach OpenSSL, which believes every unprotected record
// while it shakes hands.
Sorting sort_inbound(Bytes datagram);

// True when the datagram holds a protected handshake record. Of a server that issues no tickets and
// does not renegotiate that is its Finished, first or repeated. Of a client it is the client's
// Finished.
bool carries_finished(Bytes datagram);

// The first protected handshake record of the datagram, header included; empty when there is none.
Bytes finished_record(Bytes datagram);

using ClientRandom = std::array<std::uint8_t, 32>;

// The client random when the first record is an unprotected ClientHello starting at fragment offset
// 0 and holding its random. Both ClientHellos of a cookie exchange and all their repeats carry the
// same one (RFC 6347 §4.2.1).
std::optional<ClientRandom> client_hello_random(Bytes datagram);

}  // namespace mdd::kmf
