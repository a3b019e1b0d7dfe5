// Names for keys that reveal nothing of them: a keyed hash, with a key that this process alone has.
// What follows from meeting a name again is decided elsewhere.
#pragma once

#include <array>
#include <cstdint>

#include "dataplane/srtp/keys.h"
#include "kmf-tunnel/identity.h"
#include "kmf-tunnel/message.h"

namespace mdd::tunnel {

// HMAC-SHA-256 over one direction's key and salt. Equal exactly when both are.
using KeyFingerprint = std::array<std::uint8_t, 32>;

// All that may be remembered of a pair of keys.
struct KeyNames {
    KeyFingerprint client_write{};
    KeyFingerprint server_write{};
    bool all_zero = false;        // a key without a single bit set, in either direction
    bool same_both_ways = false;  // one key for both directions, whatever the salts
};

class KeyFingerprinter {
  public:
    // Takes its key from the operating system's random source. Throws std::runtime_error when there
    // is none.
    KeyFingerprinter();
    KeyNames names_of(const srtp::HopKeys& keys) const;

  private:
    srtp::Secret<32> key_;
};

#ifdef MDD_AUDIT
// SHA-256 over client key, server key, client salt, server salt, as received: lets a test compare
// the keys of both ends of a handshake without seeing them. Test builds only.
Sha256 audit_digest(const KeyInformation& keys);
#endif

}  // namespace mdd::tunnel
