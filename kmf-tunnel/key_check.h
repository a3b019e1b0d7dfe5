// Judges the keys that a KMF sent, by profile: right length, or refused. Whether a key is new,
// current or retired is the control plane's question.
#pragma once

#include <cstdint>
#include <string_view>
#include <variant>

#include "dataplane/srtp/keys.h"
#include "kmf-tunnel/message.h"

namespace mdd::tunnel {

enum class KeyRefusal : std::uint8_t {
    unknown_profile,  // none of srtp::kProfiles
    wrong_length,     // a key or salt is not of the profile's hop length
    e2e_leak,  // a double profile's full length: the inner, end-to-end half is in it (RFC 8871
               // §6.2)
};

// Snake-case name of a refusal, for counters.
std::string_view to_string(KeyRefusal refusal);

// Takes the keys over; what it does not return is wiped. A key of a double profile that has the
// full length of the transform is a leak whatever else is wrong: 32 bytes for 0x0009, 64 for
// 0x000A, and salts of 24.
std::variant<srtp::HopKeys, KeyRefusal> check(KeyInformation keys);

}  // namespace mdd::tunnel
