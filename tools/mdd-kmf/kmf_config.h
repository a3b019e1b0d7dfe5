// What kmf.toml says, as plain values, and how it is loaded. Opens no certificate and starts
// nothing.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "controlplane/config/descriptor.h"
#include "kmf-tunnel/credentials.h"
#include "kmf-tunnel/message.h"
#include "tools/mdd-kmf/endpoint_gate.h"
#include "tools/mdd-kmf/roster.h"

namespace mdd::kmf {

struct StateConfig {
    std::filesystem::path file;
    std::filesystem::path key_file;
    bool standby = false;
};

struct KmfConfig {
    std::string listen_address;  // dotted IPv4
    std::uint16_t listen_port = 0;
    std::vector<tunnel::Dialect> dialects{tunnel::Dialect::dtls_v1};
    tunnel::Credentials tunnel_tls;
    EndpointIdentity endpoint_tls;
    std::optional<StateConfig> state;
    std::optional<std::filesystem::path> audit_file;
    std::vector<Mdd> mdds;
    std::vector<Conference> conferences;
    // One sentence for each thing that is legal but may surprise.
    std::vector<std::string> warnings;
};

// Either a configuration that only its certificates can still spoil, or every error found. Never
// throws for what the file says.
std::variant<KmfConfig, config::ConfigErrors> load_kmf_config(const std::filesystem::path& path);
std::variant<KmfConfig, config::ConfigErrors> parse_kmf_config(std::string_view text,
                                                               std::string file_name,
                                                               const config::ReadOptions& options);

// The table behind kmf.toml, for documentation and editors.
const config::Descriptor& kmf_descriptor();

}  // namespace mdd::kmf
