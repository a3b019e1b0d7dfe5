// From the rows of kmf.toml to what the program uses.
#include "tools/mdd-kmf/kmf_config.h"

#include <fmt/format.h>

#include "tools/mdd-kmf/kmf_file.h"

namespace mdd::kmf {
namespace {

std::string dotted(std::uint32_t address) {
    return config::to_string(address);
}

Mdd mdd_of(const MddRow& row) {
    Mdd mdd{row.name, row.fingerprint, false, {}};
    for (const auto& word : row.conferences) {
        if (word == "*") mdd.all_conferences = true;
        if (const auto id = tunnel::parse_conference_id(word)) mdd.conferences.insert(*id);
    }
    return mdd;
}

Conference conference_of(const ConferenceRow& row) {
    Conference conference{{row.id}, row.profile, {}};
    for (const auto& endpoint : row.endpoints)
        conference.endpoints.emplace(endpoint.fingerprint, endpoint.id);
    return conference;
}

// Keys of the contract that a later version serves: said aloud, since whoever sets them expects
// something.
void warn(const ConferenceRow& row, std::vector<std::string>& warnings) {
    const auto later = [&](const char* key, const char* when) {
        warnings.push_back(
            fmt::format("conference {}: {} has no effect yet; it takes effect with {}.",
                        config::to_string(row.id), key, when));
    };
    if (row.rekey) later("rekey", "EKT keys from the KMF");
    if (row.ekt_ttl) later("ekt_ttl", "EKT keys from the KMF");
    if (row.require_tls_id) later("require_tls_id", "protocol \"rfc9185\"");
}

KmfConfig config_of(const KmfFile& file) {
    KmfConfig made;
    made.listen_address = dotted(file.listen.address);
    made.listen_port = file.listen.port;
    made.tunnel_tls = {file.tunnel_tls.cert, file.tunnel_tls.key, file.tunnel_tls.ca, {}};
    made.endpoint_tls = {file.endpoint_tls.cert, file.endpoint_tls.key};
    for (const auto& row : file.mdds) made.mdds.push_back(mdd_of(row));
    for (const auto& row : file.conferences) {
        made.conferences.push_back(conference_of(row));
        warn(row, made.warnings);
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
