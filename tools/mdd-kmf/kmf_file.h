// kmf.toml row by row, as written: the structs that the descriptor table fills. kmf_config.h is
// what the program uses.
#pragma once

#include <optional>

#include "controlplane/config/descriptor.h"
#include "dataplane/srtp/profile.h"

namespace mdd::kmf {

enum class Protocol { dtls_v1, rfc9185 };

// A word of `rekey`, already checked: nullopt for "join" and "leave".
std::optional<std::chrono::milliseconds> rekey_interval(const std::string& word);

struct TunnelTlsRow {
    std::filesystem::path cert, key, ca;
};
struct EndpointTlsRow {
    std::filesystem::path cert, key;
};
struct MddRow {
    std::string name;
    std::vector<config::Sha256> fingerprints;
    std::vector<std::string> conferences;
};
struct EndpointRow {
    std::string id;
    config::Sha256 fingerprint{};
    std::optional<std::string> tls_id;
};
struct ConferenceRow {
    config::Id128 id{};
    srtp::Profile profile = srtp::Profile::double_aes_128_gcm;
    bool allow_plain = false;
    std::vector<std::string> rekey;
    std::chrono::milliseconds ekt_ttl{};
    bool require_ekt = true;
    bool require_tls_id = true;
    std::optional<std::string> tls_id;
    std::vector<EndpointRow> endpoints;
};
struct StateRow {
    std::optional<std::filesystem::path> file, key_file;
    bool standby = false;
};
struct AuditRow {
    std::optional<std::filesystem::path> file;
};
struct KmfFile {
    config::Ipv4Endpoint listen;
    std::vector<Protocol> protocols;
    std::vector<srtp::Profile> profiles;
    TunnelTlsRow tunnel_tls;
    EndpointTlsRow endpoint_tls;
    StateRow state;
    AuditRow audit;
    std::vector<MddRow> mdds;
    std::vector<ConferenceRow> conferences;
};

// Every key with its type, range, default and sentence.
const config::Schema<KmfFile>& kmf_schema();

// Contradictions that no single key shows; reported to `reader`.
void check_across(const KmfFile& file, config::Reader& reader);

}  // namespace mdd::kmf
