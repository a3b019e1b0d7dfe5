// The cookie of DTLS's return-routability check (RFC 6347 §4.2.1), read from the clear: a client
// that gives back a cookie sent to its address receives at that address. Decides nothing.
#pragma once

#include <optional>

#include "dataplane/srtp/bytes.h"

namespace mdd::tunnel {

// The cookie in a HelloVerifyRequest that begins the datagram; borrowed from it. nullopt for
// anything else, and for an empty cookie.
std::optional<srtp::Bytes> cookie_asked(srtp::Bytes datagram);

// The cookie in a ClientHello, or first fragment of one, that begins the datagram; likewise.
std::optional<srtp::Bytes> cookie_returned(srtp::Bytes datagram);

}  // namespace mdd::tunnel
