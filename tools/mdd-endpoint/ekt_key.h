// The EKT key of a conference as the KMF hands it out (RFC 8870 §5.2.2): what all endpoints share
// and no media distributor may have. Wrapping is in ekt_tag.h, which key is for what in
// ekt_keyring.h.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>

#include "dataplane/srtp/keys.h"

namespace mdd::endpoint {

struct EktKey {
    std::uint16_t spi = 0;
    std::chrono::seconds ttl{0};
    std::size_t key_bytes = 16;  // 16 (AESKW128) or 32 (AESKW256)
    srtp::Secret<32> key;
    srtp::Secret<srtp::kHopSaltBytes> salt;  // the E2E SRTP master salt of the conference

    srtp::Bytes kek() const { return key.first(key_bytes); }
};

// Reads a TOML file with `spi`, `ttl` (seconds, up to 2^24 - 1), `key` and `salt` (hex; a salt
// longer than 12 bytes is cut, RFC 8870 §4.3.2). The key must be as long as the profile's cipher
// key. Throws std::runtime_error with a full sentence that never quotes a secret when the file
// cannot be read, may be read by group or others, or holds anything else.
EktKey read_ekt_key(const std::filesystem::path& file, srtp::Profile profile);

}  // namespace mdd::endpoint
