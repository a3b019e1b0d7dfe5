// The SRTP part of tests/vectors/vectors.json as flat lists of cases, for the gtest suite and for
// the program that runs them on every code path of the CPU. No checks here.
#pragma once

#include <string>
#include <vector>

#include "dataplane/srtp/bytes.h"
#include "tests/support/vectors.h"

namespace mdd::test {

// A packet under one session key: RTP with its 48-bit index, or RTCP with its 31-bit index.
struct PacketCase {
    std::string name;
    std::vector<std::uint8_t> key;
    std::vector<std::uint8_t> salt;
    bool is_rtcp;
    std::uint64_t index;
    std::vector<std::uint8_t> clear;
    std::vector<std::uint8_t> wire;
};

// One PRF output.
struct KdfCase {
    std::string name;
    std::vector<std::uint8_t> master_key;
    std::vector<std::uint8_t> master_salt;
    std::uint8_t label;
    std::vector<std::uint8_t> expected;
};

inline std::vector<std::uint8_t> hex_of(const nlohmann::json& value) {
    return from_hex(value.get<std::string>());
}

inline void add_rfc7714_cases(std::vector<PacketCase>& cases) {
    const auto& set = vectors().at("rfc7714");
    const auto salt = hex_of(set.at("salt"));
    for (const char* bits : {"128", "256"}) {
        const auto& of = set.at(bits);
        const auto key = hex_of(of.at("key"));
        const std::string name = std::string("RFC 7714 AES-") + bits;
        cases.push_back({name + " SRTP", key, salt, false, 0xf17b, hex_of(set.at("rtp")),
                         hex_of(of.at("srtp"))});
        cases.push_back({name + " SRTCP", key, salt, true, 0x5d4, hex_of(set.at("rtcp")),
                         hex_of(of.at("srtcp_e1"))});
    }
}

inline void add_gcm_with_kdf_cases(std::vector<PacketCase>& cases) {
    for (const auto& set : vectors().at("gcm_with_kdf")) {
        const auto name = set.at("src").get<std::string>();
        cases.push_back({name + " SRTP", hex_of(set.at("rtp_key")), hex_of(set.at("rtp_salt")),
                         false, 0x1234, hex_of(set.at("rtp")), hex_of(set.at("srtp_roc0"))});
        cases.push_back({name + " SRTCP", hex_of(set.at("rtcp_key")), hex_of(set.at("rtcp_salt")),
                         true, 1, hex_of(set.at("rtcp")), hex_of(set.at("srtcp_index1"))});
    }
}

inline void add_double_cases(std::vector<PacketCase>& cases) {
    for (const auto& set : vectors().at("double")) {
        const auto name = "Double " + std::to_string(set.at("bits").get<int>()) + " ";
        const auto& a = set.at("a_outer_session");
        const auto& b = set.at("b_outer_session");
        cases.push_back({name + "wire_a", hex_of(a.at("rtp_key")), hex_of(a.at("rtp_salt")), false,
                         0x1234, hex_of(set.at("before_outer")), hex_of(set.at("wire_a"))});
        for (const auto& [key, value] : set.items()) {
            if (!key.starts_with("relay_")) continue;
            const auto plain = hex_of(value.at("plain"));
            cases.push_back({name + key, hex_of(b.at("rtp_key")), hex_of(b.at("rtp_salt")), false,
                             srtp::load_be16(plain.data() + 2), plain, hex_of(value.at("wire"))});
        }
        for (std::uint32_t index : {0u, 1u})
            cases.push_back({name + "SRTCP " + std::to_string(index), hex_of(a.at("rtcp_key")),
                             hex_of(a.at("rtcp_salt")), true, index, hex_of(set.at("rtcp")),
                             hex_of(set.at("srtcp_a_index" + std::to_string(index)))});
    }
}

inline std::vector<PacketCase> packet_cases() {
    std::vector<PacketCase> cases;
    add_rfc7714_cases(cases);
    add_gcm_with_kdf_cases(cases);
    add_double_cases(cases);
    return cases;
}

inline std::vector<KdfCase> rfc_kdf_cases() {
    std::vector<KdfCase> cases;
    for (const auto& set : vectors().at("kdf"))
        for (const auto& [key, value] : set.items())
            if (key.starts_with("label"))
                cases.push_back({set.at("src").get<std::string>() + " " + key, hex_of(set.at("mk")),
                                 hex_of(set.at("ms")), static_cast<std::uint8_t>(key[5] - '0'),
                                 hex_of(value)});
    return cases;
}

// Master key and salt with the four session values that GCM profiles derive from them.
struct SessionCase {
    std::string name;
    std::vector<std::uint8_t> master_key;
    std::vector<std::uint8_t> master_salt;
    nlohmann::json session;  // rtp_key, rtp_salt, rtcp_key, rtcp_salt
};

inline std::vector<SessionCase> session_cases() {
    std::vector<SessionCase> cases;
    for (const auto& set : vectors().at("gcm_with_kdf"))
        cases.push_back(
            {set.at("src").get<std::string>(), hex_of(set.at("mk")), hex_of(set.at("ms")), set});
    for (const auto& set : vectors().at("double"))
        for (const std::string who : {"a_outer", "b_outer", "e2e"})
            cases.push_back({who, hex_of(set.at(who + "_mk")), hex_of(set.at(who + "_ms")),
                             set.at(who + "_session")});
    return cases;
}

inline std::vector<KdfCase> kdf_cases() {
    auto cases = rfc_kdf_cases();
    for (const auto& set : session_cases()) {
        int label = 0;
        for (const char* field : {"rtp_key", "", "rtp_salt", "rtcp_key", "", "rtcp_salt"}) {
            if (*field != 0)
                cases.push_back({set.name + " " + field, set.master_key, set.master_salt,
                                 static_cast<std::uint8_t>(label), hex_of(set.session.at(field))});
            ++label;
        }
    }
    return cases;
}

}  // namespace mdd::test
