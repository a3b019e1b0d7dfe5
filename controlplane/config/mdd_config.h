// What mdd.toml says, as plain structs with every default filled in, and how it is loaded. Starts
// nothing.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "controlplane/config/descriptor.h"
#include "controlplane/config/log_level.h"
#include "dataplane/srtp/profile.h"

namespace mdd::config {

struct EalConfig {
    std::vector<unsigned> hugepages_mib;  // per NUMA node; all 0: run without hugepages
    std::vector<std::string> extra_args;  // passed to EAL untouched
};

enum class Idle { poll, adaptive };
enum class Cipher { fastest, ipsec_mb };

// CPU numbers as the kernel counts them. Unless `allow_shared`, `workers` has each core once and
// none of `control` (except by default on a machine with one core).
struct CpuConfig {
    std::vector<unsigned> control;
    std::vector<unsigned> workers;
    bool allow_shared = false;
    Idle idle = Idle::adaptive;
    Cipher cipher = Cipher::fastest;
};

struct PoolConfig {
    unsigned mbufs_per_numa = 0;
};

enum class QueueMap { automatic };  // receive queue n belongs to the n-th worker

// rx_queues <= number of workers <= tx_queues.
struct PortConfig {
    std::string name;
    std::string device;  // PCI address or DPDK vdev with its arguments
    unsigned rx_queues = 0;
    unsigned tx_queues = 0;
    std::uint16_t rx_desc = 0;
    std::uint16_t tx_desc = 0;
    std::uint16_t mtu = 0;  // bytes of IP packet
    std::vector<Ipv4Prefix> addresses;
    std::vector<std::uint32_t> gateway;  // host byte order; each inside one of `addresses`
    QueueMap queue_map = QueueMap::automatic;
};

struct MediaConfig {
    std::vector<std::uint16_t> udp_ports;
    unsigned burst = 0;  // packets per receive call
    bool allow_plain = false;
    std::chrono::milliseconds endpoint_timeout{};
    std::vector<srtp::Profile>
        profiles;                // in order of preference; plain ones only with allow_plain
    unsigned replay_window = 0;  // packets; a power of two
};

struct TlsConfig {
    std::filesystem::path cert;
    std::filesystem::path key;
    std::filesystem::path ca;
};

enum class TunnelProtocol { dtls_v1, rfc9185 };
// Which associations go over one tunnel.
enum class TunnelSharing { shared, per_conference, per_endpoint };
enum class TunnelConnect { eager, first_use };

struct KmfConfig {
    std::string name;
    HostPort address;
    TunnelProtocol protocol = TunnelProtocol::dtls_v1;
    TunnelSharing tunnels = TunnelSharing::shared;
    TunnelConnect connect = TunnelConnect::eager;
    std::string tls;  // a key of MddConfig::tls
    std::vector<Sha256> pin_sha256;
};

struct LimitsConfig {
    unsigned handshakes_per_second = 0;
    unsigned handshakes_per_source = 0;  // per second and source address
    unsigned pending_associations = 0;
    unsigned ssrcs_per_endpoint = 0;
};

struct StaticEndpoint {
    std::string id;
    Ipv4Endpoint address;
};

struct ConferenceConfig {
    Id128 id{};
    std::vector<std::string> kmf;  // names of MddConfig::kmf, in order of preference; never empty
    std::vector<std::uint8_t> audio;  // RTP payload types
    std::vector<StaticEndpoint> endpoints;
};

struct LogConfig {
    LogLevel level = LogLevel::info;
};

struct MddConfig {
    EalConfig eal;
    CpuConfig cpu;
    PoolConfig pool;
    std::vector<PortConfig> ports;  // at least one
    MediaConfig media;
    std::map<std::string, TlsConfig> tls;
    std::vector<KmfConfig> kmf;  // at least one
    LimitsConfig limits;
    std::vector<ConferenceConfig> conferences;
    LogConfig log;
    // One sentence for each value that was computed because the file does not give it.
    std::vector<std::string> derivations;
};

// What the computed defaults depend on besides the file.
struct Machine {
    std::vector<unsigned> available_cores;  // that this process may run on; ascending, never empty
    std::vector<unsigned> isolated_cores;   // kept free by the kernel command line; ascending
    std::uint64_t free_hugepages_mib = 0;   // of all sizes and NUMA nodes

    static Machine
    here();  // from sched_getaffinity and sysfs; what cannot be read counts as absent
};

// The one table behind mdd.toml, its reference pages and its JSON Schema.
const Schema<MddConfig>& mdd_schema();

// Reads and checks mdd.toml. Either a configuration that main may use without a further check,
// except that certificates are not opened here, or every error found. Never throws for what the
// file says.
std::variant<MddConfig, ConfigErrors> load_mdd_config(const std::filesystem::path& path);
std::variant<MddConfig, ConfigErrors> parse_mdd_config(std::string_view text, std::string file_name,
                                                       const ReadOptions& options,
                                                       const Machine& machine);

// The derivation of every computed value, one sentence a line, ready to print.
std::string explain(const MddConfig& config);

}  // namespace mdd::config
