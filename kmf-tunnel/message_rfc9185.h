// The codec of RFC 9185 §6: message bodies to values, values to framed messages. Pure functions;
// what may be said when is dialogue.h's business.
#pragma once

#include <cstdint>
#include <optional>
#include <variant>
#include <vector>

#include "kmf-tunnel/message.h"

namespace mdd::tunnel::rfc9185 {

inline constexpr std::size_t kHeaderBytes = 3;  // type, length of the body
inline constexpr std::size_t kMaxBodyBytes = 0xffff;
// What the body's length leaves for a DTLS message beside an association id and its own length.
inline constexpr std::size_t kMaxDtlsBytes = kMaxBodyBytes - 16 - 2;

enum class Type : std::uint8_t {
    supported_profiles = 1,
    unsupported_version = 2,
    media_keys = 3,
    tunneled_dtls = 4,
    endpoint_disconnect = 5,
};

// supported_profiles: what an MDD begins a tunnel with. Of a version other than 0 only the version
// is read.
struct Announcement {
    std::uint8_t version = 0;
    std::vector<std::uint16_t> profiles;

    bool operator==(const Announcement&) const = default;
};

// unsupported_version: the KMF's answer to an announcement that it does not understand.
struct UnsupportedVersion {
    std::uint8_t highest = 0;
};

// A type from 6 on: nobody knows what it will mean.
struct Unassigned {};

using Decoded = std::variant<Announcement, UnsupportedVersion, Message, Unassigned, DecodeError>;

// Total function over a type and a body. `receiver` is the end that received them. A Message holds
// keys alone, a DTLS message alone, or Disconnect; an MKI is read over.
Decoded decode(std::uint8_t type, srtp::Bytes body, Role receiver);

// Framed messages; nullopt when a length does not fit its field or is forbidden.
std::optional<SecretBytes> encode(const Announcement& announcement);
SecretBytes encode(const UnsupportedVersion& answer);
// Keys become media_keys without MKI, and then tunneled_dtls when there is a DTLS message; an MDD's
// profiles are not said again. nullopt also for a message that says nothing.
enum class Dtls : std::uint8_t { included, left_out };
std::optional<SecretBytes> encode(const Message& message, Dtls dtls = Dtls::included);

}  // namespace mdd::tunnel::rfc9185
