// Hop keys as the body of a tunnel message (draft-jones-perc-dtls-tunnel-00 §6, type 2). Judges
// nothing.
#pragma once

#include <string>

#include "dataplane/srtp/keys.h"
#include "kmf-tunnel/message.h"

namespace mdd::kmf {

// Copies the valid bytes of both directions, hop_key_bytes and kHopSaltBytes each: for a double
// profile the outer halves.
tunnel::KeyInformation key_information(const srtp::HopKeys& keys);

#ifdef MDD_AUDIT
// Lower-case hex SHA-256 over client key ‖ server key ‖ client salt ‖ server salt, to compare two
// ends of a handshake in a test build without showing a key.
std::string keys_sha256(const tunnel::KeyInformation& keys);
#endif

}  // namespace mdd::kmf
