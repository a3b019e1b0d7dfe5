// The double vectors of one key size as typed values for the endpoint's tests; and keys built from
// hex.
#pragma once

#include "dataplane/srtp/keys.h"
#include "tests/support/vectors.h"
#include "tools/mdd-endpoint/double_context.h"

namespace mdd::endpoint::test {

using mdd::test::from_hex;
using mdd::test::to_hex;

inline srtp::MasterKey master_key(const std::string& key_hex, const std::string& salt_hex) {
    return {srtp::Secret<srtp::kMaxHopKeyBytes>(from_hex(key_hex)),
            srtp::Secret<srtp::kHopSaltBytes>(from_hex(salt_hex))};
}

// One element of double[*]: 0 is the 128-bit one, 1 the 256-bit one.
class DoubleVectors {
  public:
    explicit DoubleVectors(std::size_t which) : json_(mdd::test::vectors()["double"][which]) {}

    srtp::Profile profile() const {
        return which_256() ? srtp::Profile::double_aes_256_gcm : srtp::Profile::double_aes_128_gcm;
    }
    bool which_256() const { return json_["bits"] == 256; }
    std::size_t key_bytes() const { return which_256() ? 32 : 16; }
    std::string text(const char* name) const { return json_[name]; }
    Packet bytes(const char* name) const { return from_hex(text(name)); }
    const nlohmann::json& json() const { return json_; }

    // a_outer protects what endpoint A sends, b_outer what the MDD sends to endpoint B: one key set
    // serves for both.
    srtp::HopKeys hop_keys() const {
        return {profile(), master_key(text("a_outer_mk"), text("a_outer_ms")),
                master_key(text("b_outer_mk"), text("b_outer_ms"))};
    }
    EktKey ekt_key() const {
        EktKey key;
        key.spi = 0x0102;
        key.ttl = std::chrono::seconds(86400);
        key.key_bytes = key_bytes();
        key.key = srtp::Secret<32>(from_hex(json_["ekt"]["key"].get<std::string>()));
        key.salt = srtp::Secret<12>(bytes("e2e_ms"));
        return key;
    }
    Packet inner_key() const { return bytes("e2e_mk"); }
    Packet full_tag() const { return from_hex(json_["ekt"]["full_field"].get<std::string>()); }

  private:
    const nlohmann::json& json_;
};

}  // namespace mdd::endpoint::test
