// Lengths of hop-by-hop keys against the profile they came with.
#include "kmf-tunnel/key_check.h"

namespace mdd::tunnel {
namespace {

bool carries_inner_half(const KeyInformation& keys, const srtp::ProfileTraits& traits) {
    return traits.is_double && (keys.client_key.size() == traits.full_key_bytes() ||
                                keys.server_key.size() == traits.full_key_bytes() ||
                                keys.client_salt.size() == traits.full_salt_bytes() ||
                                keys.server_salt.size() == traits.full_salt_bytes());
}

bool has_hop_lengths(const KeyInformation& keys, const srtp::ProfileTraits& traits) {
    return keys.client_key.size() == traits.hop_key_bytes &&
           keys.server_key.size() == traits.hop_key_bytes &&
           keys.client_salt.size() == srtp::kHopSaltBytes &&
           keys.server_salt.size() == srtp::kHopSaltBytes;
}

srtp::MasterKey master_key(const SecretBytes& key, const SecretBytes& salt) {
    return {srtp::Secret<srtp::kMaxHopKeyBytes>(key.bytes()),
            srtp::Secret<srtp::kHopSaltBytes>(salt.bytes())};
}

}  // namespace

std::string_view to_string(KeyRefusal refusal) {
    switch (refusal) {
        case KeyRefusal::unknown_profile:
            return "unknown_profile";
        case KeyRefusal::wrong_length:
            return "wrong_length";
        case KeyRefusal::e2e_leak:
            return "e2e_leak";
    }
    return "unknown";
}

std::variant<srtp::HopKeys, KeyRefusal> check(KeyInformation keys) {
    const srtp::ProfileTraits* traits = srtp::find_profile(keys.profile);
    if (traits == nullptr) return KeyRefusal::unknown_profile;
    if (carries_inner_half(keys, *traits)) return KeyRefusal::e2e_leak;
    if (!has_hop_lengths(keys, *traits)) return KeyRefusal::wrong_length;
    return srtp::HopKeys{traits->profile, master_key(keys.client_key, keys.client_salt),
                         master_key(keys.server_key, keys.server_salt)};
}

}  // namespace mdd::tunnel
