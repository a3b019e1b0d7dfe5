// Fingerprints by EVP_sha256, and their two spellings.
#include "tools/dtls_srtp/fingerprint.h"

#include <openssl/evp.h>
#include <openssl/x509.h>

namespace mdd::dtls {
namespace {

int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

}  // namespace

std::optional<Fingerprint> fingerprint_of(const X509* certificate) {
    Fingerprint fingerprint;
    unsigned int size_bytes = 0;
    if (X509_digest(certificate, EVP_sha256(), fingerprint.data(), &size_bytes) != 1)
        return std::nullopt;
    if (size_bytes != fingerprint.size()) return std::nullopt;
    return fingerprint;
}

std::optional<Fingerprint> parse_fingerprint(std::string_view text) {
    Fingerprint fingerprint;
    const bool colons = text.size() == 3 * fingerprint.size() - 1;
    if (!colons && text.size() != 2 * fingerprint.size()) return std::nullopt;
    const std::size_t stride = colons ? 3 : 2;
    for (std::size_t i = 0; i < fingerprint.size(); ++i) {
        const auto at = i * stride;
        if (colons && i > 0 && text[at - 1] != ':') return std::nullopt;
        const int high = hex_digit(text[at]);
        const int low = hex_digit(text[at + 1]);
        if (high < 0 || low < 0) return std::nullopt;
        fingerprint[i] = static_cast<std::uint8_t>(high << 4 | low);
    }
    return fingerprint;
}

std::string fingerprint_text(const Fingerprint& fingerprint) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    std::string text;
    for (auto byte : fingerprint) {
        text += kDigits[byte >> 4];
        text += kDigits[byte & 15];
    }
    return text;
}

}  // namespace mdd::dtls
