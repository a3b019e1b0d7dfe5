// Self-signed certificates for endpoints that shake hands for real, in a folder; made when they are
// not there yet. For loads and labs: nobody signs or revokes them.
#pragma once

#include <filesystem>

#include "tools/dtls_srtp/fingerprint.h"

namespace mdd::load {

struct CertificateFiles {
    std::filesystem::path cert, key;
};

// Those of the n-th member of every conference.
CertificateFiles member_certificate(const std::filesystem::path& folder, std::uint32_t member);

// Makes it (P-256, a year) unless it is there. Returns its fingerprint. Throws std::runtime_error,
// a sentence that names the file.
dtls::Fingerprint ensure_certificate(const CertificateFiles& files);

}  // namespace mdd::load
