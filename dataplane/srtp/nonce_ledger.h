// The nonce ledger of audit builds: remembers (key fingerprint, nonce) -> hash of AAD and plaintext
// for every seal of the process, and aborts when a nonce comes back with other bytes. Not part of
// release builds.
#pragma once

#ifdef MDD_AUDIT
#include "dataplane/srtp/aead.h"

namespace mdd::srtp::nonce_ledger {

// Thread-safe. Aborts with one line on stderr (no key bytes) when the nonce repeats with other
// bytes.
void record(std::uint64_t key_fingerprint, const Nonce& nonce, Bytes aad, Bytes plaintext);

// Seals recorded since the start of the process, repeats of identical bytes included.
std::uint64_t seals();

}  // namespace mdd::srtp::nonce_ledger
#endif
