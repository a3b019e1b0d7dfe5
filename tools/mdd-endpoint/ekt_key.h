// The EKT key of a conference and the file it is read from (RFC 8870 §4.2): what all endpoints
// share and no media distributor may have. Wrapping is in ekt_tag.h.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>

#include "dataplane/srtp/keys.h"

namespace mdd::endpoint {

struct EktKey {
    std::uint16_t spi = 0;
    std::uint16_t epoch =
        0;  // where a sender starts counting when it has no memory of an earlier run
    std::chrono::seconds ttl{0};
    std::size_t key_bytes = 16;  // 16 (AESKW128) or 32 (AESKW256)
    srtp::Secret<32> key;
    srtp::Secret<srtp::kHopSaltBytes> salt;  // the E2E SRTP master salt of the conference

    srtp::Bytes kek() const { return key.first(key_bytes); }
};

// Reads a TOML file with `spi`, `epoch` (default 0), `ttl` (seconds, up to 2^24 - 1), `key` and
// `salt` (hex; a salt longer than 12 bytes is cut, RFC 8870 §4.3.2). The key must be as long as the
// profile's cipher key: 16 bytes for 0x0009, 32 for 0x000A. Throws std::runtime_error with a full
// sentence that never quotes a secret when the file cannot be read, may be read by group or others,
// or holds anything else.
EktKey read_ekt_key(const std::filesystem::path& file, srtp::Profile profile);

// The epoch with which this run of the sender `ssrc` starts (RFC 8870 §4.1: one more for each new
// key of an SSRC under an SPI): one above that of the run before, which is remembered in
// FILE.ssrc-XXXXXXXX.epoch beside the key file. Throws std::runtime_error when that file cannot be
// written, or when the SPI's 65,536 epochs are used up.
std::uint16_t next_epoch(const std::filesystem::path& file, const EktKey& key, std::uint32_t ssrc);

}  // namespace mdd::endpoint
