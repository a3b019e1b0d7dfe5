// Digests and names of X.509 certificates.
#include "kmf-tunnel/identity.h"

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "kmf-tunnel/hex_text.h"

namespace mdd::tunnel {
namespace {

Sha256 spki_sha256(X509* certificate) {
    Sha256 digest{};
    unsigned char* der = nullptr;
    const int size_bytes = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &der);
    if (size_bytes > 0)
        EVP_Digest(der, static_cast<std::size_t>(size_bytes), digest.data(), nullptr, EVP_sha256(),
                   nullptr);
    OPENSSL_free(der);
    return digest;
}

std::string common_name(X509* certificate) {
    X509_NAME* subject = X509_get_subject_name(certificate);
    const int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
    if (at < 0) return {};
    unsigned char* utf8 = nullptr;
    const int size_bytes =
        ASN1_STRING_to_UTF8(&utf8, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
    if (size_bytes < 0) return {};
    std::string name(reinterpret_cast<const char*>(utf8), static_cast<std::size_t>(size_bytes));
    OPENSSL_free(utf8);
    return name;
}

}  // namespace

Sha256 certificate_sha256(X509* certificate) {
    Sha256 digest{};
    unsigned int size_bytes = 0;
    X509_digest(certificate, EVP_sha256(), digest.data(), &size_bytes);
    return digest;
}

PeerIdentity identity_of(X509* certificate) {
    return {certificate_sha256(certificate), spki_sha256(certificate), common_name(certificate)};
}

std::string to_hex(const Sha256& digest) {
    return hex_text(digest);
}

std::optional<Sha256> parse_sha256(std::string_view text) {
    constexpr std::size_t kWithColons = 32 * 3 - 1;
    if (text.size() != kWithColons) return parse_hex<32>(text);
    std::string digits;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (i % 3 != 2)
            digits += text[i];
        else if (text[i] != ':')
            return std::nullopt;
    }
    return parse_hex<32>(digits);
}

}  // namespace mdd::tunnel
