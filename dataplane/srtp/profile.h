// SRTP protection profiles that mdd can do its hop for: DTLS-SRTP number, name and lengths (RFC
// 7714 §14.2, RFC 8723 §10.1). For a double profile the hop sees the outer half only; its own work
// is plain AES-GCM.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace mdd::srtp {

enum class Profile : std::uint16_t {
    aead_aes_128_gcm = 0x0007,
    aead_aes_256_gcm = 0x0008,
    double_aes_128_gcm = 0x0009,
    double_aes_256_gcm = 0x000A,
};

struct ProfileTraits {
    Profile profile;
    std::string_view name;      // registry name, as used in configuration
    std::size_t hop_key_bytes;  // master key of one hop and direction; 16 or 32
    bool is_double;             // inner layer, OHB and EKT tag are present

    // Length of a master key of the whole transform, as exported by DTLS-SRTP. For a double profile
    // it holds the E2E half: a key of this length must never reach the MDD (RFC 8871 §6.2).
    constexpr std::size_t full_key_bytes() const {
        return is_double ? 2 * hop_key_bytes : hop_key_bytes;
    }
    constexpr std::size_t full_salt_bytes() const { return is_double ? 24 : 12; }
};

inline constexpr std::size_t kHopSaltBytes = 12;
inline constexpr std::size_t kTagBytes = 16;
inline constexpr std::size_t kMaxHopKeyBytes = 32;

inline constexpr std::array<ProfileTraits, 4> kProfiles{{
    {Profile::aead_aes_128_gcm, "SRTP_AEAD_AES_128_GCM", 16, false},
    {Profile::aead_aes_256_gcm, "SRTP_AEAD_AES_256_GCM", 32, false},
    {Profile::double_aes_128_gcm, "DOUBLE_AEAD_AES_128_GCM_AEAD_AES_128_GCM", 16, true},
    {Profile::double_aes_256_gcm, "DOUBLE_AEAD_AES_256_GCM_AEAD_AES_256_GCM", 32, true},
}};

// nullptr when the number or name is none of ours.
constexpr const ProfileTraits* find_profile(std::uint16_t number) {
    for (const auto& traits : kProfiles)
        if (static_cast<std::uint16_t>(traits.profile) == number) return &traits;
    return nullptr;
}
constexpr const ProfileTraits* find_profile(std::string_view name) {
    for (const auto& traits : kProfiles)
        if (traits.name == name) return &traits;
    return nullptr;
}
constexpr const ProfileTraits& traits_of(Profile profile) {
    return *find_profile(static_cast<std::uint16_t>(profile));
}

}  // namespace mdd::srtp
