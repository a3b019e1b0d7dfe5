// Certificate fingerprints: SHA-256 over the DER form, as text and as bytes (RFC 8122 §5). No trust
// decision.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include <openssl/types.h>

#include "kmf-tunnel/identity.h"

namespace mdd::dtls {

using Fingerprint = tunnel::Sha256;

// nullopt only when OpenSSL cannot encode the certificate.
std::optional<Fingerprint> fingerprint_of(const X509* certificate);

// Accepts 64 hex digits in either case, with a colon between all bytes or between none. nullopt for
// anything else.
std::optional<Fingerprint> parse_fingerprint(std::string_view text);

// 64 lower-case hex digits without colons.
std::string fingerprint_text(const Fingerprint& fingerprint);

}  // namespace mdd::dtls
