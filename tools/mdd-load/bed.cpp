// The table of the bed, what no single key of its file shows, and whether a scenario fits it.
#include "tools/mdd-load/bed.h"

#include <fmt/format.h>

#include <algorithm>

#include "dataplane/srtp/rtp.h"

namespace mdd::load {
namespace {

using namespace config;

constexpr std::size_t kMostEktTagBytes = 63;

Kind<net::MacAddress> mac() {
    const auto inner = text(17);
    return {"MAC address",
            "",
            "",
            inner.json_schema,
            "\"02:00:00:00:00:01\"",
            [inner](const Value& value, Reader& reader) -> std::optional<net::MacAddress> {
                const auto read = inner.read(value, reader);
                if (!read) return std::nullopt;
                const auto parsed = net::parse_mac(*read);
                if (!parsed || parsed->is_group()) {
                    reader.error_here(value.place,
                                      {"\"" + *read + "\" is no MAC address of one port",
                                       "six bytes in hexadecimal, with ':' between them",
                                       "write, for example, mac = \"02:00:00:00:00:01\""});
                    return std::nullopt;
                }
                return parsed;
            },
            [](const net::MacAddress& shown) { return "\"" + net::to_string(shown) + "\""; }};
}

Schema<EalSection> eal_rows() {
    Schema<EalSection> rows;
    rows.key("hugepages_mib", &EalSection::hugepages_mib,
             list_of(integer<unsigned>(0, 1048576, "MiB"), 1, 8), std::vector<unsigned>{0},
             Reload::start, "Memory in hugepages per NUMA node. All 0: run without hugepages.");
    rows.key("extra_args", &EalSection::extra_args, list_of(text(), 0, 64),
             std::vector<std::string>{}, Reload::start,
             "Further arguments for DPDK's EAL, passed on untouched.");
    return rows;
}

Schema<CpuSection> cpu_rows() {
    Schema<CpuSection> rows;
    rows.key("control", &CpuSection::control, lcores(), std::vector<unsigned>{0}, Reload::start,
             "Cores for the KMF and the progress.");
    rows.key("poll", &CpuSection::poll, integer<unsigned>(0, 1023), 0u, Reload::start,
             "The core that sends, receives and verifies; best its own.");
    rows.key(
        "catch_up", &CpuSection::catch_up,
        duration(std::chrono::milliseconds(0), std::chrono::milliseconds(100)),
        std::chrono::milliseconds(0), Reload::start,
        "When the poll core was away for no longer than that, or than half a millisecond, what "
        "was due meanwhile goes out at once; else it is not sent at all, and the schedule is "
        "behind. For machines whose "
        "host takes cores away.");
    return rows;
}

Schema<PortSection> port_rows() {
    Schema<PortSection> rows;
    rows.key("device", &PortSection::device, text(), required, Reload::start,
             "PCI address (\"0000:8a:00.0\") or DPDK virtual device with its arguments "
             "(\"net_memif0,role=client,socket=/run/mdd/load.sock,socket-abstract=no\").");
    rows.key("queues", &PortSection::queues, integer<std::uint16_t>(1, 64, "queues"),
             std::uint16_t{1}, Reload::start,
             "In each direction; endpoints are spread over them. A memif needs as many as mdd has "
             "workers, since each of them sends on its own.");
    rows.optional_key(
        "send_queues", &PortSection::send_queues, integer<std::uint16_t>(1, 64, "queues"),
        Reload::start,
        "Queues to send on, where mdd receives on fewer than it sends on. Not set: as "
        "many as queues.");
    rows.key("rx_desc", &PortSection::rx_desc, integer<std::uint16_t>(64, 32768, "descriptors"),
             std::uint16_t{4096}, Reload::start, "Length of the receive queue.");
    rows.key("tx_desc", &PortSection::tx_desc, integer<std::uint16_t>(64, 32768, "descriptors"),
             std::uint16_t{1024}, Reload::start, "Length of the transmit queue.");
    rows.key("mtu", &PortSection::mtu, integer<std::uint16_t>(576, 1900, "bytes"),
             std::uint16_t{1500}, Reload::start, "Largest IP packet.");
    return rows;
}

Schema<EndpointsSection> endpoints_rows() {
    Schema<EndpointsSection> rows;
    rows.key("first", &EndpointsSection::first, ipv4_prefix(), required, Reload::start,
             "Address of the first endpoint, with the length of the network; the others follow.");
    rows.key("first_port", &EndpointsSection::first_port, integer<std::uint16_t>(1024, 65535),
             std::uint16_t{20000}, Reload::start, "UDP port of the first endpoint of an address.");
    rows.key("ports_per_address", &EndpointsSection::ports_per_address,
             integer<std::uint32_t>(1, 40000, "endpoints"), 100u, Reload::start,
             "Endpoints that share an address and have a port each.");
    rows.optional_key("gateway", &EndpointsSection::gateway, ipv4_address(), Reload::start,
                      "Next hop, where mdd is in another network.");
    return rows;
}

Schema<MddSection> mdd_rows() {
    Schema<MddSection> rows;
    rows.key("address", &MddSection::address, ipv4_endpoint(), required, Reload::start,
             "Where mdd takes media.");
    rows.optional_key("mac", &MddSection::mac, mac(), Reload::start,
                      "MAC address of mdd's port or of the gateway. Not set: asked by ARP.");
    return rows;
}

Schema<KmfSection> kmf_rows() {
    Schema<KmfSection> rows;
    rows.key("listen", &KmfSection::listen, ipv4_endpoint(), Ipv4Endpoint{0x7f000001, 4433},
             Reload::start, "Where mdd's tunnel finds us in the KMF's part.");
    rows.key("protocol", &KmfSection::protocol,
             choice<tunnel::Dialect>(
                 {{"dtls-v1", tunnel::Dialect::dtls_v1}, {"rfc9185", tunnel::Dialect::rfc9185}}),
             tunnel::Dialect::dtls_v1, Reload::start, "The tunnel's dialect, as in mdd.toml.");
    rows.key("cert", &KmfSection::cert, file(FileRole::readable), required, Reload::start,
             "Our certificate towards mdd, PEM.");
    rows.key("key", &KmfSection::key, file(FileRole::private_key), required, Reload::start,
             "Its private key, PEM.");
    rows.key("ca", &KmfSection::ca, file(FileRole::readable), required, Reload::start,
             "Authorities that may have signed mdd's certificate, PEM.");
    return rows;
}

// A folder that this program writes to; a relative one is beside the file.
Kind<std::filesystem::path> folder() {
    const auto inner = text(4095);
    return {"folder",
            "",
            "",
            inner.json_schema,
            "\"endpoints\"",
            [inner](const Value& value, Reader& reader) -> std::optional<std::filesystem::path> {
                const auto read = inner.read(value, reader);
                if (!read) return std::nullopt;
                return reader.options().folder / *read;
            },
            [](const std::filesystem::path& shown) { return "\"" + shown.string() + "\""; }};
}

Schema<HandshakeSection> handshake_rows() {
    Schema<HandshakeSection> rows;
    rows.optional_key("fingerprint_sha256", &HandshakeSection::fingerprint, sha256(), Reload::start,
                      "SHA-256 of the certificate that the real KMF shows to endpoints.");
    rows.key("certificates", &HandshakeSection::certificates, folder(),
             std::filesystem::path("endpoints"), Reload::start,
             "Folder of the endpoints' certificates; `mdd-load conferences --kmf` makes them.");
    return rows;
}

Schema<VerifySection> verify_rows() {
    Schema<VerifySection> rows;
    rows.key("every", &VerifySection::every, integer<std::uint32_t>(1, 1000, "packets"), 1u,
             Reload::start,
             "Open and compare one packet of so many. Of the others only the header is looked at: "
             "receiver, stream, sequence, time stamp and length.");
    return rows;
}

Schema<Bed> bed_rows() {
    Schema<Bed> root;
    root.table("eal", &Bed::eal, eal_rows(), "DPDK's start.");
    root.table("cpu", &Bed::cpu, cpu_rows(), "Which core does what.");
    root.table("port", &Bed::port, port_rows(), "The port towards mdd.");
    root.table("endpoints", &Bed::endpoints, endpoints_rows(), "Where the endpoints are.");
    root.table("mdd", &Bed::mdd, mdd_rows(), "The device under test.");
    root.table("kmf", &Bed::kmf, kmf_rows(), "The KMF that mdd-load is.");
    root.table("handshake", &Bed::handshake, handshake_rows(),
               "For --real-handshake: endpoints of a KMF that is not mdd-load.");
    root.table("verify", &Bed::verify, verify_rows(),
               "What is looked at; for machines on which the generator would be the limit.");
    return root;
}

void check_bed(Bed& bed, Reader& reader) {
    const auto& endpoints = bed.endpoints;
    if (!reader.sound("endpoints") || !reader.sound("mdd")) return;
    if (endpoints.first_port + endpoints.ports_per_address - 1 > 65535)
        reader.error(reader.place_of("endpoints.ports_per_address"),
                     {fmt::format("{} ports from {} on go past 65535", endpoints.ports_per_address,
                                  endpoints.first_port),
                      "too many", "use fewer, or a lower first_port"});
    const net::Ipv4Network network{net::to_be(endpoints.first.address),
                                   static_cast<std::uint8_t>(endpoints.first.length)};
    if (!network.contains(net::to_be(bed.mdd.address.address)) && !endpoints.gateway)
        reader.error(reader.place_of("mdd.address"),
                     {"mdd is outside of the endpoints' network and there is no gateway",
                      "not in " + to_string(endpoints.first), "set endpoints.gateway"});
}

}  // namespace

const Schema<Bed>& bed_schema() {
    static const Schema<Bed> schema = bed_rows();
    return schema;
}

std::variant<Bed, ConfigErrors> load_bed(const std::filesystem::path& path) {
    return load_config(path, bed_schema(), check_bed);
}

std::variant<Bed, ConfigErrors> parse_bed(std::string_view text, std::string file_name,
                                          const ReadOptions& options) {
    return parse_config<Bed>(text, std::move(file_name), bed_schema(), options, check_bed);
}

std::vector<std::string> misfits(const Scenario& scenario, const Bed& bed) {
    std::vector<std::string> sentences;
    const auto endpoints = std::uint64_t{scenario.conferences.count} * scenario.conferences.members;
    const auto addresses =
        (endpoints + bed.endpoints.ports_per_address - 1) / bed.endpoints.ports_per_address;
    const std::uint64_t first = bed.endpoints.first.address;
    const auto host_bits = 32 - bed.endpoints.first.length;
    const auto broadcast = first | ((std::uint64_t{1} << host_bits) - 1);
    if (first + addresses > broadcast)
        sentences.push_back(fmt::format(
            "{} endpoints need {} addresses from {} on, more than the network has; raise "
            "endpoints.ports_per_address in the bed.",
            endpoints, addresses, to_string(bed.endpoints.first.address)));
    else if (bed.mdd.address.address >= first && bed.mdd.address.address < first + addresses)
        sentences.push_back(fmt::format(
            "mdd's address {} is among those of the endpoints; move endpoints.first in the bed.",
            to_string(bed.mdd.address.address)));
    if (scenario.churn.per_second != 0 && bed.kmf.protocol == tunnel::Dialect::dtls_v1)
        sentences.emplace_back(
            "Churn needs kmf.protocol = \"rfc9185\" in the bed: the dtls-v1 tunnel has no message "
            "that puts an endpoint out.");
    // The outer tag, the EKT tag and the headers.
    const auto longest = std::max(scenario.audio.packets_per_second ? scenario.audio.size_bytes : 0,
                                  scenario.video.frames_per_second ? scenario.video.size_bytes : 0);
    const auto datagram_bytes =
        28 + srtp::kRtpFixedHeaderBytes + longest + srtp::kTagBytes + kMostEktTagBytes;
    if (datagram_bytes > bed.port.mtu)
        sentences.push_back(fmt::format(
            "Packets of {} bytes of payload make IP packets of up to {}, but port.mtu is {}.",
            longest, datagram_bytes, bed.port.mtu));
    return sentences;
}

}  // namespace mdd::load
