// use_srtp lists: by name where OpenSSL knows the Double profiles (3.2), by number in its public
// stack where it does not.
#include "tools/dtls_srtp/profile_list.h"

#include <string>

#include <openssl/opensslv.h>
#include <openssl/srtp.h>
#include <openssl/ssl.h>

namespace mdd::dtls {
namespace {

#if OPENSSL_VERSION_NUMBER >= 0x30200000L

bool replace_list(SSL* ssl, std::span<const srtp::Profile> profiles) {
    std::string names;
    for (auto profile : profiles) {
        const auto& traits = srtp::traits_of(profile);
        if (!names.empty()) names += ':';
        if (traits.is_double) names += "SRTP_";  // OpenSSL's spelling of the registry name
        names += traits.name;
    }
    return SSL_set_tlsext_use_srtp(ssl, names.c_str()) == 0;  // 0 is success here
}

#else

// The stack holds pointers and never frees what they point to, so its elements live for ever.
SRTP_PROTECTION_PROFILE* listed(srtp::Profile profile) {
    static SRTP_PROTECTION_PROFILE entries[] = {
        {"SRTP_AEAD_AES_128_GCM", 0x0007},
        {"SRTP_AEAD_AES_256_GCM", 0x0008},
        {"DOUBLE_AEAD_AES_128_GCM_AEAD_AES_128_GCM", 0x0009},
        {"DOUBLE_AEAD_AES_256_GCM_AEAD_AES_256_GCM", 0x000A},
    };
    for (auto& entry : entries)
        if (entry.id == static_cast<unsigned long>(profile)) return &entry;
    return nullptr;
}

bool replace_list(SSL* ssl, std::span<const srtp::Profile> profiles) {
    // A known name makes OpenSSL create a stack of this SSL's own; after that its elements are ours
    // to choose.
    if (SSL_set_tlsext_use_srtp(ssl, "SRTP_AEAD_AES_128_GCM") != 0) return false;
    auto* stack = SSL_get_srtp_profiles(ssl);
    if (stack == nullptr) return false;
    sk_SRTP_PROTECTION_PROFILE_zero(stack);
    for (auto profile : profiles)
        if (sk_SRTP_PROTECTION_PROFILE_push(stack, listed(profile)) <= 0) return false;
    return true;
}

#endif

}  // namespace

bool set_srtp_profiles(SSL* ssl, std::span<const srtp::Profile> profiles) {
    return !profiles.empty() && replace_list(ssl, profiles);
}

std::optional<srtp::Profile> selected_srtp_profile(SSL* ssl) {
    const auto* selected = SSL_get_selected_srtp_profile(ssl);
    if (selected == nullptr || selected->id > 0xFFFF) return std::nullopt;
    const auto* traits = srtp::find_profile(static_cast<std::uint16_t>(selected->id));
    if (traits == nullptr) return std::nullopt;
    return traits->profile;
}

}  // namespace mdd::dtls
