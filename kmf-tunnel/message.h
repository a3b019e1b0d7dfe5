// Tunnel messages of the first dialect, draft-jones-perc-dtls-tunnel-00 §6: bytes to values and
// back. Pure functions; one message is one DTLS record. Another dialect brings its own codec for
// the same Message.
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

// Which end of the tunnel: the MDD is its DTLS client, the KMF its DTLS server.
enum class Role { mdd, kmf };

// Nothing but the DTLS datagram.
struct Empty {
    bool operator==(const Empty&) const = default;
};

// MDD to KMF: the SRTP profiles that the MDD can do its hop for, by DTLS-SRTP number, in order of
// preference.
struct SupportedProfiles {
    std::vector<std::uint16_t> profiles;  // 1 to 32,767
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

struct Message {
    AssociationId association;
    ConferenceId conference;
    std::variant<Empty, SupportedProfiles, KeyInformation> body;
    std::vector<std::uint8_t>
        dtls;  // the endpoint's or the KMF's datagram, 0 to 65,535 bytes, unread
};

enum class DecodeReason : std::uint8_t {
    too_short,        // ends before the fixed part, a field or the DTLS message does
    version,          // not 1.0
    unknown_type,     // none of 0, 1, 2
    wrong_direction,  // profiles at the MDD, or keys at the KMF
    profile_list,     // empty, odd, or past the end
    mki,              // past the end
    key_or_salt,      // empty, or past the end
    trailing_bytes,   // goes on after the DTLS message
};
inline constexpr std::size_t kDecodeReasons = 8;

// Snake-case name of a reason, for counters.
std::string_view to_string(DecodeReason reason);

struct DecodeError {
    DecodeReason reason;
};

// Bytes of `message`, or nullopt when a length does not fit its field or is forbidden (no profile,
// an empty key or salt). May be longer than one DTLS record can carry; the session counts and drops
// that.
std::optional<SecretBytes> encode(const Message& message);

// Total function over bytes. `receiver` is the end that received them.
std::variant<Message, DecodeError> decode(srtp::Bytes bytes, Role receiver);

}  // namespace mdd::tunnel
