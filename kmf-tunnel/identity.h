// Who a DTLS peer is: SHA-256 of its certificate and of its public key, and its common name.
// Decides nothing.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

struct x509_st;

namespace mdd::tunnel {

using Sha256 = std::array<std::uint8_t, 32>;

struct PeerIdentity {
    Sha256 certificate_sha256{};  // of the certificate's DER
    Sha256 spki_sha256{};         // of its SubjectPublicKeyInfo's DER, as in RFC 7469
    std::string common_name;      // the subject's first CN; empty when it has none

    bool operator==(const PeerIdentity&) const = default;
};

// Precondition: `certificate` is not null.
PeerIdentity identity_of(x509_st* certificate);
Sha256 certificate_sha256(x509_st* certificate);

// 64 lower-case hex digits.
std::string to_hex(const Sha256& digest);
// 64 hex digits of any case, with or without ':' between bytes. nullopt for anything else.
std::optional<Sha256> parse_sha256(std::string_view text);

}  // namespace mdd::tunnel
