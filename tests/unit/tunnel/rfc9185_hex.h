// Pieces of RFC 9185 messages in hex, for bodies written out.
#pragma once

#include <string>

namespace mdd::test {

// A whole supported_profiles message, and an association id.
inline const std::string kProfiles = "0100070000040009000a";
inline const std::string kId = "7c9e6679742540de944be07fc1f90ae7";

}  // namespace mdd::test
