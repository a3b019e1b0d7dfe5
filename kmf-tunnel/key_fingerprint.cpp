// Keyed hashes of keys, on OpenSSL.
#include "kmf-tunnel/key_fingerprint.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include <algorithm>
#include <memory>
#include <stdexcept>

namespace mdd::tunnel {
namespace {

KeyFingerprint fingerprint(srtp::Bytes secret, const srtp::MasterKey& master,
                           std::size_t key_bytes) {
    srtp::Secret<srtp::kMaxHopKeyBytes + srtp::kHopSaltBytes> text;
    const auto key = master.key.first(key_bytes);
    const auto salt = master.salt.bytes();
    std::copy(salt.begin(), salt.end(), std::copy(key.begin(), key.end(), text.writable().begin()));
    KeyFingerprint out{};
    unsigned out_bytes = 0;
    const auto size_bytes = key.size() + salt.size();
    if (HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()), text.bytes().data(),
             size_bytes, out.data(), &out_bytes) == nullptr)
        throw std::runtime_error("OpenSSL cannot compute HMAC-SHA-256.");
    return out;
}

bool is_zero(srtp::Bytes key) {
    std::uint8_t bits = 0;
    for (const auto byte : key) bits |= byte;
    return bits == 0;
}

}  // namespace

KeyFingerprinter::KeyFingerprinter() {
    if (RAND_priv_bytes(key_.writable().data(), static_cast<int>(key_.bytes().size())) != 1)
        throw std::runtime_error("OpenSSL's random source gives no bytes.");
}

KeyNames KeyFingerprinter::names_of(const srtp::HopKeys& keys) const {
    const auto key_bytes = srtp::traits_of(keys.profile).hop_key_bytes;
    const auto client = keys.client_write.key.first(key_bytes);
    const auto server = keys.server_write.key.first(key_bytes);
    return {fingerprint(key_.bytes(), keys.client_write, key_bytes),
            fingerprint(key_.bytes(), keys.server_write, key_bytes),
            is_zero(client) || is_zero(server),
            CRYPTO_memcmp(client.data(), server.data(), key_bytes) == 0};
}

#ifdef MDD_AUDIT
Sha256 audit_digest(const KeyInformation& keys) {
    const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(),
                                                                          &EVP_MD_CTX_free);
    EVP_DigestInit_ex(context.get(), EVP_sha256(), nullptr);
    for (const auto* field :
         {&keys.client_key, &keys.server_key, &keys.client_salt, &keys.server_salt})
        EVP_DigestUpdate(context.get(), field->bytes().data(), field->size());
    Sha256 digest{};
    EVP_DigestFinal_ex(context.get(), digest.data(), nullptr);
    return digest;
}
#endif

}  // namespace mdd::tunnel
