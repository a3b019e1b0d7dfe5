// Checks across the keys of mdd.toml: contradictions that no single key shows. Changes nothing.
#include <fmt/format.h>
#include <algorithm>
#include <set>

#include "controlplane/config/mdd_finish.h"

namespace mdd::config {
namespace {

std::string at(std::string_view list, std::size_t i, std::string_view key = {}) {
    return fmt::format("{}[{}]{}{}", list, i, key.empty() ? "" : ".", key);
}

std::string numbers_from(unsigned first, unsigned end, std::string_view noun) {
    if (end - first == 1) return fmt::format("{} {}", noun, first);
    return fmt::format("{}s {} {} {}", noun, first, end - first == 2 ? "and" : "to", end - 1);
}

bool is_unicast(std::uint32_t address) {
    const auto first = address >> 24;
    return first != 0 && first < 224;
}

std::uint32_t mask_of(unsigned length) {
    return length == 0 ? 0 : ~std::uint32_t{0} << (32 - length);
}

bool contains(const Ipv4Prefix& prefix, std::uint32_t address) {
    return ((prefix.address ^ address) & mask_of(prefix.length)) == 0;
}

// Where a key is set, as a hint in a help text; or that it may be set.
std::string pointer_to(const Reader& reader, const std::string& path) {
    return reader.given(path) ? fmt::format("{} ({})", path, reader.describe(path)) : path;
}

// Values that may appear once: reports the second appearance and says where the first is.
template <class T>
class Unique {
  public:
    Unique(Reader& reader, std::string noun) : Unique(reader, noun, "give each its own " + noun) {}
    Unique(Reader& reader, std::string noun, std::string help)
        : reader_(reader), noun_(std::move(noun)), help_(std::move(help)) {}

    void see(const T& value, const std::string& path, const std::string& shown) {
        if (!reader_.sound(path) || !reader_.given(path)) return;
        const auto [first, is_new] = seen_.emplace(value, path);
        if (is_new) return;
        reader_.error(reader_.place_of(path),
                      {fmt::format("{} {} is used twice", noun_, shown),
                       fmt::format("first used at {}", reader_.describe(first->second)), help_});
    }

  private:
    Reader& reader_;
    std::string noun_;
    std::string help_;
    std::map<T, std::string> seen_;
};

void check_cores(const CpuConfig& cpu, Reader& reader) {
    if (!reader.given("cpu.workers") || !reader.sound("cpu")) return;
    const Place place = reader.place_of("cpu.workers");
    if (cpu.allow_shared) {
        if (cpu.idle == Idle::poll)
            reader.error(reader.place_of("cpu.idle"),
                         {"idle = \"poll\" with allow_shared = true",
                          "a polling worker never leaves its core to others",
                          fmt::format("use idle = \"adaptive\", or remove {}",
                                      pointer_to(reader, "cpu.allow_shared"))});
        return;
    }
    std::set<unsigned> seen;
    for (const unsigned core : cpu.workers) {
        if (!seen.insert(core).second)
            reader.error(place, {fmt::format("cpu.workers: core {} is listed twice", core), "",
                                 "list each core once; one worker runs on each"});
        else if (std::find(cpu.control.begin(), cpu.control.end(), core) != cpu.control.end())
            reader.error(place,
                         {fmt::format("cpu.workers: core {} is also a control core", core),
                          "a worker polls all the time and would starve control",
                          fmt::format("remove {} from cpu.workers or change {}; on a small lab "
                                      "machine allow_shared = true permits it",
                                      core, pointer_to(reader, "cpu.control"))});
    }
}

void check_queues(const MddConfig& config, std::size_t i, Reader& reader) {
    const PortConfig& port = config.ports[i];
    const auto workers = static_cast<unsigned>(config.cpu.workers.size());
    const std::string rx = at("port", i, "rx_queues");
    const std::string tx = at("port", i, "tx_queues");
    if (!reader.sound("cpu.workers")) return;
    if (reader.sound(rx) && port.rx_queues > workers)
        reader.error(
            reader.place_of(rx),
            {fmt::format("port \"{}\": rx_queues = {} but only {} worker{} configured", port.name,
                         port.rx_queues, workers, workers == 1 ? " is" : "s are"),
             numbers_from(workers, port.rx_queues, "queue") + " would never be polled",
             fmt::format("use rx_queues = {}, or add cores to {}", workers,
                         pointer_to(reader, "cpu.workers"))});
    if (reader.sound(tx) && port.tx_queues < workers)
        reader.error(
            reader.place_of(tx),
            {fmt::format("port \"{}\": tx_queues = {} but {} workers are configured", port.name,
                         port.tx_queues, workers),
             numbers_from(port.tx_queues, workers, "worker") + " would have no queue to send on",
             fmt::format("use tx_queues = {}, or take cores from {}", workers,
                         pointer_to(reader, "cpu.workers"))});
}

void check_addresses(const PortConfig& port, std::size_t i, Reader& reader) {
    const std::string path = at("port", i, "addresses");
    if (!reader.sound(path)) return;
    for (std::size_t j = 0; j < port.addresses.size(); ++j) {
        const Ipv4Prefix& own = port.addresses[j];
        const std::uint32_t host_bits = own.address & ~mask_of(own.length);
        const bool edge = own.length < 31 && (host_bits == 0 || host_bits == ~mask_of(own.length));
        if (edge || !is_unicast(own.address))
            reader.error(
                reader.place_of(at(path, j)),
                {fmt::format("port \"{}\": {} is no address of a host", port.name, to_string(own)),
                 edge ? "is the network itself or its broadcast address" : "",
                 "use a unicast address of this network"});
    }
    for (std::size_t j = 0; j < port.gateway.size(); ++j) {
        const std::uint32_t gateway = port.gateway[j];
        const std::string place = at(at("port", i, "gateway"), j);
        const bool near =
            std::any_of(port.addresses.begin(), port.addresses.end(),
                        [&](const Ipv4Prefix& own) { return contains(own, gateway); });
        if (!near)
            reader.error(reader.place_of(place),
                         {fmt::format("port \"{}\": gateway {} is in none of its networks",
                                      port.name, to_string(gateway)),
                          "cannot be reached",
                          fmt::format("use a gateway inside one of {}", pointer_to(reader, path))});
        for (const Ipv4Prefix& own : port.addresses)
            if (own.address == gateway)
                reader.error(reader.place_of(place),
                             {fmt::format("port \"{}\": gateway {} is the port's own address",
                                          port.name, to_string(gateway)),
                              "", "use the address of the router"});
    }
}

void check_ports(const MddConfig& config, Reader& reader) {
    Unique<std::string> names(reader, "port name");
    Unique<std::string> devices(reader, "device");
    Unique<std::uint32_t> addresses(reader, "address");
    for (std::size_t i = 0; i < config.ports.size(); ++i) {
        const PortConfig& port = config.ports[i];
        names.see(port.name, at("port", i, "name"), "\"" + port.name + "\"");
        devices.see(port.device, at("port", i, "device"), "\"" + port.device + "\"");
        if (reader.sound(at("port", i, "addresses")))
            for (std::size_t j = 0; j < port.addresses.size(); ++j)
                addresses.see(port.addresses[j].address, at(at("port", i, "addresses"), j),
                              to_string(port.addresses[j].address));
        check_queues(config, i, reader);
        check_addresses(port, i, reader);
    }
}

void check_pool(const MddConfig& config, Reader& reader) {
    if (!reader.sound("port") || !reader.sound("cpu.workers") || !reader.sound("pool")) return;
    const std::uint64_t queued = mbufs_in_queues(config.ports);
    const std::uint64_t needed = queued + kLeastMbufsPerWorker * config.cpu.workers.size();
    if (config.pool.mbufs_per_numa >= needed) return;
    reader.error(
        reader.place_of("pool.mbufs_per_numa"),
        {fmt::format("pool.mbufs_per_numa = {} but at least {} are needed",
                     config.pool.mbufs_per_numa, needed),
         fmt::format("full queues alone hold {}", queued),
         fmt::format("use {} or more, remove the key to have it computed, or use fewer queues "
                     "or shorter rx_desc and tx_desc",
                     needed)});
}

void check_profiles(const MediaConfig& media, Reader& reader) {
    if (!reader.given("media.profiles") || !reader.sound("media")) return;
    Unique<srtp::Profile> profiles(reader, "profile", "remove one of the two");
    bool has_plain = false;
    for (std::size_t i = 0; i < media.profiles.size(); ++i) {
        const auto& traits = srtp::traits_of(media.profiles[i]);
        const std::string path = at("media.profiles", i);
        profiles.see(traits.profile, path, std::string(traits.name));
        has_plain = has_plain || !traits.is_double;
        if (!traits.is_double && !media.allow_plain)
            reader.error(
                reader.place_of(path),
                {fmt::format("media.profiles lists {} but allow_plain is false", traits.name),
                 "has no end-to-end encryption",
                 "remove it, or set allow_plain = true in [media] if that is wanted"});
    }
    if (media.allow_plain && !has_plain)
        reader.error(
            reader.place_of("media.allow_plain"),
            {"allow_plain = true but media.profiles lists no plain profile", "has no effect",
             fmt::format("add SRTP_AEAD_AES_128_GCM to {}, or remove allow_plain",
                         pointer_to(reader, "media.profiles"))});
}

void check_media(const MediaConfig& media, Reader& reader) {
    Unique<std::uint16_t> udp_ports(reader, "UDP port", "remove one of the two");
    if (reader.sound("media.udp_ports"))
        for (std::size_t i = 0; i < media.udp_ports.size(); ++i)
            udp_ports.see(media.udp_ports[i], at("media.udp_ports", i),
                          std::to_string(media.udp_ports[i]));
    check_profiles(media, reader);
}

// A reference by name to something defined elsewhere in the file.
void check_reference(const std::string& name, const std::vector<std::string>& defined,
                     const std::string& path, std::string_view what, const std::string& how,
                     Reader& reader) {
    if (std::find(defined.begin(), defined.end(), name) != defined.end()) return;
    const std::string near = nearest_name(name, defined);
    reader.error(reader.place_of(path),
                 {fmt::format("{}: {} \"{}\" is not defined", path, what, name),
                  near.empty() ? "" : fmt::format("did you mean \"{}\"?", near),
                  near.empty() ? how : fmt::format("use \"{}\", or {}", near, how)});
}

void check_kmfs(const MddConfig& config, Reader& reader) {
    std::vector<std::string> profiles;
    for (const auto& [name, tls] : config.tls) profiles.push_back(name);
    Unique<std::string> names(reader, "KMF name");
    for (std::size_t i = 0; i < config.kmf.size(); ++i) {
        const KmfConfig& kmf = config.kmf[i];
        names.see(kmf.name, at("kmf", i, "name"), "\"" + kmf.name + "\"");
        const std::string path = at("kmf", i, "tls");
        if (reader.sound(path) && !config.tls.empty())
            check_reference(kmf.tls, profiles, path, "TLS profile",
                            fmt::format("add a table [tls.{}] with cert, key and ca", kmf.tls),
                            reader);
    }
}

class ConferenceChecks {
  public:
    ConferenceChecks(const MddConfig& config, Reader& reader)
        : config_(config),
          reader_(reader),
          ids_(reader, "conference id"),
          addresses_(reader, "endpoint address") {
        for (const KmfConfig& kmf : config.kmf) kmfs_.push_back(kmf.name);
    }

    void run() {
        for (std::size_t i = 0; i < config_.conferences.size(); ++i) {
            const ConferenceConfig& conference = config_.conferences[i];
            ids_.see(conference.id, at("conference", i, "id"), to_string(conference.id));
            check_kmf_names(conference, at("conference", i, "kmf"));
            check_endpoints(conference, at("conference", i, "endpoints"));
        }
    }

  private:
    void check_kmf_names(const ConferenceConfig& conference, const std::string& path) {
        if (!reader_.sound(path) || !reader_.given(path) || !kmf_names_sound()) return;
        Unique<std::string> once(reader_, "KMF", "remove one of the two");
        for (std::size_t i = 0; i < conference.kmf.size(); ++i) {
            once.see(conference.kmf[i], at(path, i), "\"" + conference.kmf[i] + "\"");
            check_reference(
                conference.kmf[i], kmfs_, at(path, i), "KMF",
                fmt::format("add a [[kmf]] table with name = \"{}\"", conference.kmf[i]), reader_);
        }
    }

    bool kmf_names_sound() const {
        for (std::size_t i = 0; i < kmfs_.size(); ++i)
            if (!reader_.sound(at("kmf", i, "name"))) return false;
        return !kmfs_.empty();
    }

    void check_endpoints(const ConferenceConfig& conference, const std::string& path) {
        Unique<std::string> names(reader_, "endpoint id");
        for (std::size_t i = 0; i < conference.endpoints.size(); ++i) {
            const StaticEndpoint& endpoint = conference.endpoints[i];
            const std::string address = at(path, i, "address");
            names.see(endpoint.id, at(path, i, "id"), "\"" + endpoint.id + "\"");
            addresses_.see(endpoint.address, address, to_string(endpoint.address));
            if (reader_.sound(address)) check_address(endpoint, address);
        }
    }

    void check_address(const StaticEndpoint& endpoint, const std::string& path) {
        if (!is_unicast(endpoint.address.address))
            reader_.error(reader_.place_of(path),
                          {fmt::format("endpoint \"{}\": {} is no address of a host", endpoint.id,
                                       to_string(endpoint.address.address)),
                           "", "use the unicast address that the endpoint sends from"});
        for (const PortConfig& port : config_.ports)
            for (const Ipv4Prefix& own : port.addresses)
                if (own.address == endpoint.address.address)
                    reader_.error(
                        reader_.place_of(path),
                        {fmt::format("endpoint \"{}\": {} is our own address on port \"{}\"",
                                     endpoint.id, to_string(own.address), port.name),
                         "mdd would send to itself",
                         "use the address that the endpoint sends from"});
    }

    const MddConfig& config_;
    Reader& reader_;
    Unique<Id128> ids_;
    Unique<Ipv4Endpoint> addresses_;
    std::vector<std::string> kmfs_;
};

}  // namespace

void check_across(const MddConfig& config, Reader& reader) {
    check_cores(config.cpu, reader);
    check_ports(config, reader);
    check_pool(config, reader);
    check_media(config.media, reader);
    check_kmfs(config, reader);
    ConferenceChecks(config, reader).run();
}

}  // namespace mdd::config
