// The tunnels' parts of the test vectors, and the keys that both of them carry.
#pragma once

#include "kmf-tunnel/message.h"
#include "tests/support/vectors.h"

namespace mdd::test {

inline const nlohmann::json& draft_vectors() {
    return vectors().at("tunnel_v1");
}
inline const nlohmann::json& rfc9185_vectors() {
    return vectors().at("tunnel_rfc9185");
}
inline std::vector<std::uint8_t> draft_bytes(const char* name) {
    return from_hex(draft_vectors().at(name).get<std::string>());
}
inline std::vector<std::uint8_t> rfc9185_bytes(const char* name) {
    return from_hex(rfc9185_vectors().at(name).get<std::string>());
}

inline tunnel::KeyInformation vector_keys() {
    const auto secret = [](const char* hex) { return tunnel::SecretBytes(from_hex(hex)); };
    tunnel::KeyInformation keys;
    keys.profile = 0x0009;
    keys.client_key = secret("101112131415161718191a1b1c1d1e1f");
    keys.server_key = secret("303132333435363738393a3b3c3d3e3f");
    keys.client_salt = secret("acadaeafb0b1b2b3b4b5b6b7");
    keys.server_salt = secret("cccdcecfd0d1d2d3d4d5d6d7");
    return keys;
}

}  // namespace mdd::test
