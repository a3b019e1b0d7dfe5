// Tunnel messages: the values that every dialect shares, and the codec of the first dialect,
// draft-jones-perc-dtls-tunnel-00 §6. Pure functions; one message is one DTLS record. RFC 9185's
// codec is in message_rfc9185.h.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <variant>
#include <vector>

#include "dataplane/srtp/bytes.h"
#include "kmf-tunnel/ids.h"
#include "kmf-tunnel/secret_bytes.h"

namespace mdd::tunnel {

// Which end of the tunnel: the MDD is its client, the KMF its server.
enum class Role { mdd, kmf };

// Which protocol a tunnel speaks. Above the tunnel both look the same:
//   rfc9185: `conference` is always zero; a KMF gets the list that the MDD announced once with
//   every message, as SupportedProfiles; an MDD gets keys and the DTLS that followed them as two
//   messages.
//   dtls_v1: has no Disconnect; sending one does nothing and is counted.
enum class Dialect : std::uint8_t {
    dtls_v1,  // draft-jones-perc-dtls-tunnel-00: DTLS 1.2, one message is one record
    rfc9185,  // TLS 1.3 over TCP, a stream of framed messages
};
inline constexpr std::size_t kDialects = 2;

// "dtls-v1" or "rfc9185", as in configuration files and logs.
std::string_view to_string(Dialect dialect);

// Nothing but the DTLS datagram.
struct Empty {
    bool operator==(const Empty&) const = default;
};

// Several times those that there are. The wire has room for 32,767, but with rfc9185 each message
// brings the list along, and a message of twenty bytes must not cost thousands of times that.
inline constexpr std::size_t kMaxProfiles = 64;

// MDD to KMF: the SRTP profiles that the MDD can do its hop for, by DTLS-SRTP number, in order of
// preference.
struct SupportedProfiles {
    std::vector<std::uint16_t> profiles;  // 1 to kMaxProfiles
    std::vector<std::uint8_t> mki;        // 0 to 255 bytes; a PERC MDD sends none

    bool operator==(const SupportedProfiles&) const = default;
};

// KMF to MDD: one hop's keys as they came, not yet judged (see key_check.h). Each field 1 to 65,535
// bytes.
struct KeyInformation {
    std::uint16_t profile = 0;
    SecretBytes client_key;  // client_write: the endpoint encrypts with it
    SecretBytes server_key;  // server_write: the MDD encrypts with it
    SecretBytes client_salt;
    SecretBytes server_salt;
};

// Either way, rfc9185 only: the endpoint's association has ended. Has no DTLS message with it.
struct Disconnect {
    bool operator==(const Disconnect&) const = default;
};

struct Message {
    AssociationId association;
    ConferenceId conference;
    std::variant<Empty, SupportedProfiles, KeyInformation, Disconnect> body;
    std::vector<std::uint8_t>
        dtls;  // the endpoint's or the KMF's datagram, 0 to 65,535 bytes, unread
};

enum class DecodeReason : std::uint8_t {
    too_short,        // ends before the fixed part, a field or the DTLS message does
    version,          // dtls_v1: not 1.0
    unknown_type,     // dtls_v1: none of 0, 1, 2; rfc9185: 0
    wrong_direction,  // profiles at the MDD, or keys at the KMF
    profile_list,     // empty, odd, or past the end
    mki,              // past the end
    key_or_salt,      // empty, or past the end
    trailing_bytes,   // goes on after the last field
    no_dtls,          // rfc9185: an empty DTLS message
};
inline constexpr std::size_t kDecodeReasons = 9;

// Snake-case name of a reason, for counters.
std::string_view to_string(DecodeReason reason);

struct DecodeError {
    DecodeReason reason;
};

// Bytes of `message`, or nullopt when a length does not fit its field or is forbidden (no profile,
// an empty key or salt), or the dialect has no such message (Disconnect). May be longer than one
// DTLS record can carry; the session counts and drops that.
std::optional<SecretBytes> encode(const Message& message);

// Total function over bytes. `receiver` is the end that received them.
std::variant<Message, DecodeError> decode(srtp::Bytes bytes, Role receiver);

}  // namespace mdd::tunnel
