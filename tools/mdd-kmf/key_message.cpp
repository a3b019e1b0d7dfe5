// From fixed-size key values to the message's byte fields.
#include "tools/mdd-kmf/key_message.h"

#ifdef MDD_AUDIT
#include "kmf-tunnel/identity.h"
#include "kmf-tunnel/openssl_ptr.h"
#endif

namespace mdd::kmf {

tunnel::KeyInformation key_information(const srtp::HopKeys& keys) {
    const auto key_bytes = srtp::traits_of(keys.profile).hop_key_bytes;
    tunnel::KeyInformation information;
    information.profile = static_cast<std::uint16_t>(keys.profile);
    information.client_key = tunnel::SecretBytes(keys.client_write.key.first(key_bytes));
    information.server_key = tunnel::SecretBytes(keys.server_write.key.first(key_bytes));
    information.client_salt = tunnel::SecretBytes(keys.client_write.salt.bytes());
    information.server_salt = tunnel::SecretBytes(keys.server_write.salt.bytes());
    return information;
}

#ifdef MDD_AUDIT
std::string keys_sha256(const tunnel::KeyInformation& keys) {
    std::unique_ptr<EVP_MD_CTX, tunnel::OpensslFree<EVP_MD_CTX_free>> hash(EVP_MD_CTX_new());
    EVP_DigestInit_ex(hash.get(), EVP_sha256(), nullptr);
    for (const auto* part :
         {&keys.client_key, &keys.server_key, &keys.client_salt, &keys.server_salt})
        EVP_DigestUpdate(hash.get(), part->bytes().data(), part->size());
    tunnel::Sha256 digest{};
    EVP_DigestFinal_ex(hash.get(), digest.data(), nullptr);
    return tunnel::to_hex(digest);
}
#endif

}  // namespace mdd::kmf
