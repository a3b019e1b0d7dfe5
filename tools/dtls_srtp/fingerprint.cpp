// Fingerprints as kmf-tunnel writes and reads digests; here only the failure of hashing is told
// apart.
#include "tools/dtls_srtp/fingerprint.h"

#include <openssl/evp.h>
#include <openssl/x509.h>

namespace mdd::dtls {

std::optional<Fingerprint> fingerprint_of(const X509* certificate) {
    Fingerprint fingerprint;
    unsigned int size_bytes = 0;
    if (X509_digest(certificate, EVP_sha256(), fingerprint.data(), &size_bytes) != 1)
        return std::nullopt;
    return fingerprint;
}

std::optional<Fingerprint> parse_fingerprint(std::string_view text) {
    return tunnel::parse_sha256(text);
}

std::string fingerprint_text(const Fingerprint& fingerprint) {
    return tunnel::to_hex(fingerprint);
}

}  // namespace mdd::dtls
