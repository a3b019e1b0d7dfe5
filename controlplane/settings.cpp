// From mdd.toml's structs to control's.
#include "controlplane/settings.h"

#include <algorithm>

namespace mdd::control {
namespace {

TunnelIndex index_of(const config::MddConfig& config, const std::string& kmf) {
    const auto found = std::ranges::find(config.kmf, kmf, &config::KmfConfig::name);
    return static_cast<TunnelIndex>(found - config.kmf.begin());
}

ConferencePlan plan_of(const config::MddConfig& config,
                       const config::ConferenceConfig& conference) {
    ConferencePlan plan;
    plan.id.bytes = conference.id;
    for (const auto& kmf : conference.kmf) plan.tunnels.push_back(index_of(config, kmf));
    for (const auto& endpoint : conference.endpoints)
        plan.endpoints.push_back(
            {endpoint.id,
             {net::to_be(endpoint.address.address), net::to_be(endpoint.address.port)}});
    return plan;
}

}  // namespace

std::vector<tunnel::LinkConfig> tunnel_settings(const config::MddConfig& config) {
    std::vector<tunnel::LinkConfig> links;
    for (const auto& kmf : config.kmf) {
        const auto& tls = config.tls.at(kmf.tls);
        tunnel::LinkConfig link;
        link.name = kmf.name;
        link.host = kmf.address.host;
        link.port = kmf.address.port;
        link.credentials = {tls.cert.string(), tls.key.string(), tls.ca.string(), kmf.pin_sha256};
        links.push_back(std::move(link));
    }
    return links;
}

Settings control_settings(const config::MddConfig& config, std::vector<PortFacts> ports,
                          rte_mempool* pool) {
    Settings settings;
    for (const auto& conference : config.conferences)
        settings.conferences.push_back(plan_of(config, conference));
    settings.ports = std::move(ports);
    settings.profiles = config.media.profiles;
    settings.endpoint_timeout = config.media.endpoint_timeout;
    settings.limits.per_second = config.limits.handshakes_per_second;
    settings.limits.per_source = config.limits.handshakes_per_source;
    settings.limits.pending = config.limits.pending_associations;
    settings.ssrcs_per_endpoint = config.limits.ssrcs_per_endpoint;
    settings.pool = pool;
    return settings;
}

}  // namespace mdd::control
