// From the rows of kmf.toml to what the program uses.
#include "tools/mdd-kmf/kmf_config.h"

#include <algorithm>

#include <fmt/format.h>

#include "tools/mdd-kmf/kmf_file.h"

namespace mdd::kmf {
namespace {

std::string dotted(std::uint32_t address) {
    return config::to_string(address);
}

Mdd mdd_of(const MddRow& row) {
    Mdd mdd{row.name, row.fingerprints, false, {}};
    for (const auto& word : row.conferences) {
        if (word == "*") mdd.all_conferences = true;
        if (const auto id = tunnel::parse_conference_id(word)) mdd.conferences.insert(*id);
    }
    return mdd;
}

RekeyPolicy rekey_of(const ConferenceRow& row) {
    RekeyPolicy policy{.on_join = false, .on_leave = false, .interval = {}, .ttl = {}};
    for (const auto& word : row.rekey) {
        if (word == "join") policy.on_join = true;
        if (word == "leave") policy.on_leave = true;
        if (const auto interval = rekey_interval(word)) policy.interval = interval;
    }
    policy.ttl = std::chrono::floor<std::chrono::seconds>(row.ekt_ttl);
    return policy;
}

Conference conference_of(const ConferenceRow& row) {
    Conference conference;
    conference.id = {row.id};
    conference.profile = row.profile;
    conference.rekey = rekey_of(row);
    conference.require_ekt = row.require_ekt;
    conference.require_tls_id = row.require_tls_id;
    conference.tls_id = row.tls_id.value_or("");
    for (const auto& endpoint : row.endpoints)
        conference.endpoints.emplace(endpoint.fingerprint,
                                     Endpoint{endpoint.id, endpoint.tls_id.value_or("")});
    return conference;
}

// An endpoint that only one of the protocols lets in: legal, and said aloud.
void warn(const KmfFile& file, const ConferenceRow& row, std::vector<std::string>& warnings) {
    if (std::ranges::find(file.protocols, Protocol::rfc9185) == file.protocols.end()) return;
    for (const auto& endpoint : row.endpoints)
        if (row.require_tls_id && !endpoint.tls_id)
            warnings.push_back(fmt::format(
                "conference {}: endpoint \"{}\" has no tls_id and can join over dtls-v1 only.",
                config::to_string(row.id), endpoint.id));
}

KmfConfig config_of(const KmfFile& file) {
    KmfConfig made;
    made.listen_address = dotted(file.listen.address);
    made.listen_port = file.listen.port;
    made.tunnel_tls = {file.tunnel_tls.cert, file.tunnel_tls.key, file.tunnel_tls.ca, {}};
    made.endpoint_tls = {file.endpoint_tls.cert, file.endpoint_tls.key};
    made.dialects.clear();
    for (const auto protocol : file.protocols)
        made.dialects.push_back(protocol == Protocol::rfc9185 ? tunnel::Dialect::rfc9185
                                                              : tunnel::Dialect::dtls_v1);
    if (file.state.file) made.state = {*file.state.file, *file.state.key_file, file.state.standby};
    made.audit_file = file.audit.file;
    for (const auto& row : file.mdds) made.mdds.push_back(mdd_of(row));
    for (const auto& row : file.conferences) {
        made.conferences.push_back(conference_of(row));
        warn(file, row, made.warnings);
    }
    return made;
}

std::variant<KmfConfig, config::ConfigErrors> finished(
    std::variant<KmfFile, config::ConfigErrors> read) {
    if (auto* errors = std::get_if<config::ConfigErrors>(&read)) return std::move(*errors);
    return config_of(std::get<KmfFile>(read));
}

}  // namespace

std::variant<KmfConfig, config::ConfigErrors> load_kmf_config(const std::filesystem::path& path) {
    return finished(config::load_config<KmfFile>(path, kmf_schema(), check_across));
}

std::variant<KmfConfig, config::ConfigErrors> parse_kmf_config(std::string_view text,
                                                               std::string file_name,
                                                               const config::ReadOptions& options) {
    const std::function<void(KmfFile&, config::Reader&)> check = check_across;
    return finished(config::parse_config(text, std::move(file_name), kmf_schema(), options, check));
}

const config::Descriptor& kmf_descriptor() {
    return kmf_schema().descriptor();
}

}  // namespace mdd::kmf
