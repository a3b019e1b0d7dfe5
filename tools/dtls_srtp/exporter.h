// SRTP master keys out of a DTLS handshake (RFC 5764 §4.2), split into directions and, for Double,
// into the end-to-end and the hop-by-hop half (RFC 8723 §3). No session keys: those are derived
// from these by SRTP.
#pragma once

#include <optional>

#include <openssl/types.h>

#include "dataplane/srtp/keys.h"

namespace mdd::dtls {

// 2 keys and 2 salts of DOUBLE_AEAD_AES_256_GCM_AEAD_AES_256_GCM, the longest export.
inline constexpr std::size_t kMaxExportBytes = 2 * 64 + 2 * 24;

// `hop` is what a media distributor may have: the outer halves of a double profile, the whole keys
// of a plain one. `client_inner` and `server_inner` hold the E2E halves of a double profile
// (hop_key_bytes and kHopSaltBytes valid) and zeros for a plain one; they never go to a media
// distributor (RFC 8871 §6.2).
struct ExportedKeys {
    srtp::HopKeys hop;
    srtp::MasterKey client_inner;
    srtp::MasterKey server_inner;
};

// Bytes that the exporter yields for a profile: two master keys, then two master salts.
constexpr std::size_t export_bytes(srtp::Profile profile) {
    const auto& traits = srtp::traits_of(profile);
    return 2 * traits.full_key_bytes() + 2 * traits.full_salt_bytes();
}

// Splits exporter output. nullopt unless exported.size() == export_bytes(profile). Wipes nothing:
// `exported` is the caller's.
std::optional<ExportedKeys> split_exported(srtp::Profile profile, srtp::Bytes exported);

// Exports EXTRACTOR-dtls_srtp without context for the selected profile and splits it. Works as soon
// as the master secret exists, also while a Finished is being written. nullopt: no profile of ours
// was selected, or OpenSSL refused.
std::optional<ExportedKeys> export_keys(SSL* ssl);

}  // namespace mdd::dtls
