// Finds cookies in the first record of a DTLS datagram.
#include "kmf-tunnel/cookie.h"

#include "kmf-tunnel/record.h"

namespace mdd::tunnel {
namespace {

constexpr std::size_t kHandshakeHeaderBytes = 12;
constexpr std::size_t kVersionBytes = 2;
constexpr std::size_t kRandomBytes = 32;
constexpr std::uint8_t kClientHello = 1;
constexpr std::uint8_t kHelloVerifyRequest = 3;

// Body of the message that begins the datagram, when it is of this type, of epoch 0 and begins at
// fragment offset 0; empty otherwise.
srtp::Bytes first_body(srtp::Bytes datagram, std::uint8_t message_type) {
    const auto record = RecordWalk(datagram).next();
    if (!record || record->type != ContentType::handshake || record->epoch != 0) return {};
    const auto bytes = record->fragment;
    if (bytes.size() < kHandshakeHeaderBytes || bytes[0] != message_type) return {};
    const bool at_start = (bytes[6] | bytes[7] | bytes[8]) == 0;
    return at_start ? bytes.subspan(kHandshakeHeaderBytes) : srtp::Bytes{};
}

// The vector with a one-byte length at `at`; nullopt past the end.
std::optional<srtp::Bytes> short_vector(srtp::Bytes body, std::size_t at) {
    if (at >= body.size() || body.size() - at - 1 < body[at]) return std::nullopt;
    return body.subspan(at + 1, body[at]);
}

std::optional<srtp::Bytes> unless_empty(std::optional<srtp::Bytes> cookie) {
    return cookie && !cookie->empty() ? cookie : std::nullopt;
}

}  // namespace

std::optional<srtp::Bytes> cookie_asked(srtp::Bytes datagram) {
    return unless_empty(short_vector(first_body(datagram, kHelloVerifyRequest), kVersionBytes));
}

std::optional<srtp::Bytes> cookie_returned(srtp::Bytes datagram) {
    const auto body = first_body(datagram, kClientHello);
    constexpr std::size_t kSessionIdAt = kVersionBytes + kRandomBytes;
    const auto session_id = short_vector(body, kSessionIdAt);
    if (!session_id) return std::nullopt;
    return unless_empty(short_vector(body, kSessionIdAt + 1 + session_id->size()));
}

}  // namespace mdd::tunnel
