// Where mdd-load works: its port, the endpoints' addresses, mdd and the tunnel, as plain values
// from a TOML file, the same for every scenario. What it does there is scenario.h.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "dataplane/net/address.h"
#include "kmf-tunnel/message.h"
#include "tools/mdd-load/scenario.h"

namespace mdd::load {

struct EalSection {
    std::vector<unsigned> hugepages_mib;
    std::vector<std::string> extra_args;
};

struct CpuSection {
    std::vector<unsigned> control;
    unsigned poll = 0;
    std::chrono::milliseconds catch_up{};
};

struct PortSection {
    std::string device;
    std::uint16_t queues = 0;
    std::optional<std::uint16_t> send_queues;  // unset: `queues` in each direction
    std::uint16_t rx_desc = 0;
    std::uint16_t tx_desc = 0;
    std::uint16_t mtu = 0;

    std::uint16_t sending() const { return send_queues.value_or(queues); }
};

// Endpoint number e is at address first + e / ports_per_address, port first_port + e %
// ports_per_address.
struct EndpointsSection {
    config::Ipv4Prefix first;
    std::uint16_t first_port = 0;
    std::uint32_t ports_per_address = 0;
    std::optional<std::uint32_t> gateway;  // towards an mdd outside of this network; host order
};

struct MddSection {
    config::Ipv4Endpoint address;
    std::optional<net::MacAddress> mac;  // unset: asked by ARP
};

struct KmfSection {
    config::Ipv4Endpoint listen;
    tunnel::Dialect protocol = tunnel::Dialect::dtls_v1;
    std::filesystem::path cert, key, ca;
};

// Only for handshakes with a real KMF.
struct HandshakeSection {
    std::optional<config::Sha256> fingerprint;  // of the certificate that it shows to endpoints
    std::filesystem::path certificates;         // the endpoints' own, a folder
};

// How closely what comes back is looked at, where the generator would be the limit.
struct VerifySection {
    std::uint32_t every = 0;
};

struct Bed {
    EalSection eal;
    CpuSection cpu;
    PortSection port;
    EndpointsSection endpoints;
    MddSection mdd;
    KmfSection kmf;
    HandshakeSection handshake;
    VerifySection verify;
};

// The table behind a bed file.
const config::Schema<Bed>& bed_schema();

// A bed, or every error found. Never throws for what a file says.
std::variant<Bed, config::ConfigErrors> load_bed(const std::filesystem::path& path);
std::variant<Bed, config::ConfigErrors> parse_bed(std::string_view text, std::string file_name,
                                                  const config::ReadOptions& options);

// Why the scenario does not fit the bed, one sentence each; empty: it does.
std::vector<std::string> misfits(const Scenario& scenario, const Bed& bed);

}  // namespace mdd::load
