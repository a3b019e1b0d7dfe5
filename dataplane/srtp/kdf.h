// Master keys to session keys: the AES-CM key derivation of RFC 3711 §4.3 with KDR 0, for 128 and
// 256 bits (RFC 6188).
#pragma once

#include "dataplane/srtp/keys.h"

namespace mdd::srtp {

// Session keys and salts for SRTP (labels 0, 2) and SRTCP (labels 3, 5) of one direction. The
// 12-byte salt stands at the left of the derivation block, two zero bytes behind it. Precondition:
// aead_start() succeeded. Not for poll cores.
SessionKeys derive_session_keys(Profile profile, const MasterKey& master);

// The derivation itself, for test vectors: out.size() <= 4096 bytes of PRF output for `label`, from
// a 16- or 32-byte master key and a salt of at most 14 bytes, left-aligned.
void derive(Bytes master_key, Bytes master_salt, std::uint8_t label, MutableBytes out);

}  // namespace mdd::srtp
