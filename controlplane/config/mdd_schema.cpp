// The one table behind mdd.toml: every key with its type, range, default and sentence. Checks
// across keys: mdd_checks.cpp.
#include "controlplane/config/mdd_config.h"
#include "dataplane/bounds.h"
#include "dataplane/srtp/index.h"

namespace mdd::config {
namespace {

using std::chrono::hours;
using std::chrono::seconds;

Kind<TunnelProtocol> tunnel_protocol() {
    return choice<TunnelProtocol>(
        {{"dtls-v1", TunnelProtocol::dtls_v1}, {"rfc9185", TunnelProtocol::rfc9185}});
}

Kind<TunnelSharing> tunnel_sharing() {
    return choice<TunnelSharing>({{"shared", TunnelSharing::shared},
                                  {"per-conference", TunnelSharing::per_conference},
                                  {"per-endpoint", TunnelSharing::per_endpoint}});
}

Kind<QueueMap> queue_map() {
    auto kind = choice<QueueMap>({{"auto", QueueMap::automatic}});
    kind.read = [inner = kind.read](const Value& value, Reader& reader) -> std::optional<QueueMap> {
        if (!std::holds_alternative<std::vector<Value>>(value.data)) return inner(value, reader);
        reader.error_here(value.place, {"a queue map of one's own comes in a later version",
                                        "not in this version", "use queue_map = \"auto\""});
        return std::nullopt;
    };
    return kind;
}

Kind<srtp::Profile> profile() {
    std::vector<std::pair<std::string, srtp::Profile>> words;
    for (const auto* wanted :
         {"DOUBLE_AEAD_AES_128_GCM_AEAD_AES_128_GCM", "DOUBLE_AEAD_AES_256_GCM_AEAD_AES_256_GCM",
          "SRTP_AEAD_AES_128_GCM", "SRTP_AEAD_AES_256_GCM"})
        words.emplace_back(wanted, srtp::find_profile(std::string_view(wanted))->profile);
    return choice<srtp::Profile>(std::move(words));
}

Schema<EalConfig> eal_rows() {
    Schema<EalConfig> rows;
    rows.key("hugepages_mib", &EalConfig::hugepages_mib,
             list_of(integer<unsigned>(0, 1048576, "MiB"), 1, 8),
             computed("what the packet pool needs if that much is free, else [0]"), Reload::start,
             "Memory in hugepages per NUMA node. All 0: run without hugepages.");
    rows.key("extra_args", &EalConfig::extra_args, list_of(text(), 0, 64),
             std::vector<std::string>{}, Reload::start,
             "Further arguments for DPDK's EAL, passed on untouched.");
    return rows;
}

Schema<CpuConfig> cpu_rows() {
    Schema<CpuConfig> rows;
    rows.key("control", &CpuConfig::control, lcores(),
             computed("the first core that is not isolated"), Reload::start,
             "Cores for the tunnels, timers and logs.");
    rows.key("workers", &CpuConfig::workers, lcores(),
             computed("the isolated cores; without any, up to 8 of the other cores"), Reload::start,
             "Cores for packets: one poll-mode worker on each.");
    rows.key(
        "allow_shared", &CpuConfig::allow_shared, boolean(), false, Reload::start,
        "Let workers share cores with each other and with control. For labs on small machines; "
        "needs idle = \"adaptive\".");
    rows.key(
        "idle", &CpuConfig::idle,
        choice<Idle>({{"poll", Idle::poll}, {"adaptive", Idle::adaptive}}), Idle::adaptive,
        Reload::start,
        "What a worker without packets does: poll on, or sleep ever longer up to a fraction of "
        "a millisecond.");
    rows.key("cipher", &CpuConfig::cipher,
             choice<Cipher>({{"fastest", Cipher::fastest}, {"ipsec-mb", Cipher::ipsec_mb}}),
             Cipher::fastest, Reload::start,
             "Whose AES-GCM opens and seals: mdd's own where the CPU has VAES and it agrees with "
             "IPsec-MB's at start, else IPsec-MB's; or always IPsec-MB's.");
    return rows;
}

Schema<PoolConfig> pool_rows() {
    Schema<PoolConfig> rows;
    rows.key("mbufs_per_numa", &PoolConfig::mbufs_per_numa,
             integer<unsigned>(255, 16777215, "mbufs"),
             computed("what all queues hold and 4096 per worker, rounded up to 2^n - 1"),
             Reload::start, "Packet buffers on each NUMA node.");
    return rows;
}

Schema<PortConfig> port_rows() {
    Schema<PortConfig> rows;
    rows.key("name", &PortConfig::name, name(), computed("\"port0\", \"port1\" and so on"),
             Reload::start, "Name in logs and counters.");
    rows.key("device", &PortConfig::device, text(), required, Reload::start,
             "PCI address (\"0000:8a:00.0\") or DPDK virtual device with its arguments "
             "(\"net_af_packet0,iface=veth0\").");
    rows.key("rx_queues", &PortConfig::rx_queues, integer<unsigned>(1, 64, "queues"),
             computed("one per worker"), Reload::start,
             "Receive queues. More than workers would leave queues that nobody polls.");
    rows.key("tx_queues", &PortConfig::tx_queues, integer<unsigned>(1, 64, "queues"),
             computed("one per worker"), Reload::start,
             "Transmit queues. Every worker needs one of its own.");
    rows.key("rx_desc", &PortConfig::rx_desc, integer<std::uint16_t>(64, 32768, "descriptors"),
             1024, Reload::start, "Length of each receive queue.");
    rows.key("tx_desc", &PortConfig::tx_desc, integer<std::uint16_t>(64, 32768, "descriptors"), 512,
             Reload::start, "Length of each transmit queue.");
    rows.key("mtu", &PortConfig::mtu, integer<std::uint16_t>(576, 1900, "bytes"), 1500,
             Reload::start, "Largest IP packet; one packet buffer holds a whole one.");
    rows.key("addresses", &PortConfig::addresses, list_of(ipv4_prefix(), 1, 16), required,
             Reload::start, "Our own addresses on this port, with the length of their network.");
    rows.key("gateway", &PortConfig::gateway, list_of(ipv4_address(), 0, 16),
             std::vector<std::uint32_t>{}, Reload::start,
             "Next hop for what is outside these networks; inside one of them.");
    rows.key("queue_map", &PortConfig::queue_map, queue_map(), QueueMap::automatic, Reload::start,
             "Which worker polls which queue; auto: the n-th worker polls queue n.");
    return rows;
}

Schema<MediaConfig> media_rows() {
    Schema<MediaConfig> rows;
    rows.key("udp_ports", &MediaConfig::udp_ports,
             list_of(integer<std::uint16_t>(1, 65535, "UDP ports"), 1, 16),
             std::vector<std::uint16_t>{5004}, Reload::start,
             "Where media, DTLS and RTCP arrive. One port serves every endpoint.");
    rows.key("burst", &MediaConfig::burst, integer<unsigned>(1, kMaxBurst, "packets"),
             kDefaultBurst, Reload::start, "Most packets taken from a queue at once.");
    rows.key(
        "allow_plain", &MediaConfig::allow_plain, boolean(), false, Reload::start,
        "Also serve the SRTP_AEAD profiles, which have no end-to-end layer: the KMF's operator "
        "and this host then see media.");
    rows.key("endpoint_timeout", &MediaConfig::endpoint_timeout, duration(seconds(1), hours(24)),
             seconds(30), Reload::live, "An endpoint that sends nothing for this long is idle.");
    rows.key("profiles", &MediaConfig::profiles, list_of(profile(), 1, 4),
             computed("both DOUBLE profiles; with allow_plain the two SRTP_AEAD ones behind them"),
             Reload::start, "SRTP protection profiles offered to the KMF, in order of preference.");
    rows.key("replay_window", &MediaConfig::replay_window,
             power_of_two<unsigned>(64, srtp::kReplayWindowPackets, "packets"),
             srtp::kReplayWindowPackets, Reload::start,
             "How far behind the newest packet a late one is still accepted.");
    return rows;
}

Schema<TlsConfig> tls_rows() {
    Schema<TlsConfig> rows;
    rows.key("cert", &TlsConfig::cert, file(FileRole::readable), required, Reload::live,
             "Our certificate chain, PEM.");
    rows.key("key", &TlsConfig::key, file(FileRole::private_key), required, Reload::live,
             "Its private key, PEM.");
    rows.key("ca", &TlsConfig::ca, file(FileRole::readable), required, Reload::live,
             "Authorities that may have signed the peer's certificate, PEM.");
    return rows;
}

Schema<KmfConfig> kmf_rows() {
    Schema<KmfConfig> rows;
    rows.key("name", &KmfConfig::name, name(), computed("\"kmf-1\", \"kmf-2\" and so on"),
             Reload::start, "Name in logs, counters and [[conference]].");
    rows.key("address", &KmfConfig::address, host_port(), required, Reload::start,
             "Where the KMF listens for tunnels.");
    rows.key(
        "protocol", &KmfConfig::protocol, tunnel_protocol(), TunnelProtocol::dtls_v1, Reload::start,
        "Tunnel dialect: draft-jones-perc-dtls-tunnel-00 over DTLS, or RFC 9185 over TLS 1.3.");
    rows.key(
        "tunnels", &KmfConfig::tunnels, tunnel_sharing(), TunnelSharing::shared, Reload::start,
        "How many tunnels to this KMF: one for all its conferences, or one for each conference "
        "or endpoint.");
    rows.key(
        "connect", &KmfConfig::connect,
        choice<TunnelConnect>(
            {{"eager", TunnelConnect::eager}, {"first-use", TunnelConnect::first_use}}),
        TunnelConnect::eager, Reload::start,
        "When a tunnel is opened: at the start, or when the first endpoint needs it; one opened "
        "for an endpoint is closed a minute after the last one has gone.");
    rows.key("tls", &KmfConfig::tls, name(), "default", Reload::start,
             "Which [tls.NAME] the tunnel uses.");
    rows.key("pin_sha256", &KmfConfig::pin_sha256, list_of(sha256(), 0, 8), std::vector<Sha256>{},
             Reload::live,
             "SHA-256 of the public keys (SPKI) that the KMF may have. Empty: any under the CA.");
    return rows;
}

Schema<LimitsConfig> limits_rows() {
    Schema<LimitsConfig> rows;
    rows.key("handshakes_per_second", &LimitsConfig::handshakes_per_second,
             integer<unsigned>(1, 1000000, "per second"), 1000, Reload::live,
             "New associations passed on to the KMFs, all sources together.");
    rows.key("handshakes_per_source", &LimitsConfig::handshakes_per_source,
             integer<unsigned>(1, 1000000, "per second"), 20, Reload::live,
             "The same for one source address.");
    rows.key("pending_associations", &LimitsConfig::pending_associations,
             integer<unsigned>(1, 1048576, "associations"), 4096, Reload::live,
             "Handshakes under way at once; when full, new ones are dropped.");
    rows.key("ssrcs_per_endpoint", &LimitsConfig::ssrcs_per_endpoint,
             integer<unsigned>(1, kMaxGrantedStreams, "SSRCs"), 16, Reload::live,
             "Synchronisation sources that one endpoint may own.");
    return rows;
}

Schema<ConferenceConfig> conference_rows() {
    Schema<StaticEndpoint> endpoint;
    endpoint.key("id", &StaticEndpoint::id, name(), required, Reload::live,
                 "Name of the endpoint.");
    endpoint.key("address", &StaticEndpoint::address, ipv4_endpoint(), required, Reload::live,
                 "Where it sends from.");
    Schema<ConferenceConfig> rows;
    rows.key("id", &ConferenceConfig::id, id128(), required, Reload::live,
             "The conference's 16 bytes on the tunnel.");
    rows.key("kmf", &ConferenceConfig::kmf, list_of(name(), 1, 8),
             computed("every [[kmf]], in their order"), Reload::live,
             "Its KMFs in order of preference; one at a time is authoritative.");
    rows.key("audio", &ConferenceConfig::audio, list_of(integer<std::uint8_t>(0, 127), 0, 128),
             std::vector<std::uint8_t>{}, Reload::live, "RTP payload types that are audio.");
    rows.tables("endpoints", &ConferenceConfig::endpoints, endpoint, 0,
                "Who takes part. The address is a name tag, not a proof: for labs and closed "
                "networks.");
    return rows;
}

Schema<LogConfig> log_rows() {
    Schema<LogConfig> rows;
    rows.key("level", &LogConfig::level,
             choice<LogLevel>({{"trace", LogLevel::trace},
                               {"debug", LogLevel::debug},
                               {"info", LogLevel::info},
                               {"warning", LogLevel::warning},
                               {"error", LogLevel::error}}),
             LogLevel::info, Reload::live, "Least important message that is logged.");
    return rows;
}

Complaint later_section(const std::string& name) {
    return {"section [" + name + "] is not served by this version yet", "comes in a later version",
            "remove the section"};
}

Schema<MddConfig> root_rows() {
    Schema<MddConfig> root;
    root.table("eal", &MddConfig::eal, eal_rows(), "DPDK's start; read once.");
    root.table("cpu", &MddConfig::cpu, cpu_rows(), "Which core does what.");
    root.table("pool", &MddConfig::pool, pool_rows(), "Memory for packets.");
    root.tables("port", &MddConfig::ports, port_rows(), 1, "One table per network port.");
    root.table("media", &MddConfig::media, media_rows(), "What is served, and how.");
    root.named_tables("tls", &MddConfig::tls, tls_rows(), 1,
                      "An identity, by any name; \"default\" is what others refer to unless told.");
    root.tables("kmf", &MddConfig::kmf, kmf_rows(), 1, "One table per Key Management Function.");
    root.table("limits", &MddConfig::limits, limits_rows(),
               "Bounds that protect the KMFs; lab and load tests raise them.");
    root.tables("conference", &MddConfig::conferences, conference_rows(), 0,
                "Static conferences: a lab, or a site without a signalling server.");
    root.table("log", &MddConfig::log, log_rows(), "Logging to stderr or the journal.");
    root.refuse("api", later_section("api"));
    root.refuse("metrics", later_section("metrics"));
    return root;
}

}  // namespace

const Schema<MddConfig>& mdd_schema() {
    static const Schema<MddConfig> schema = root_rows();
    return schema;
}

}  // namespace mdd::config
