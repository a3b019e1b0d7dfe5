// From mdd.toml's structs to control's.
#include "controlplane/settings.h"

#include <algorithm>

namespace mdd::control {
namespace {

KmfIndex index_of(const config::MddConfig& config, const std::string& kmf) {
    const auto found = std::ranges::find(config.kmf, kmf, &config::KmfConfig::name);
    return static_cast<KmfIndex>(found - config.kmf.begin());
}

ConferencePlan plan_of(const config::MddConfig& config,
                       const config::ConferenceConfig& conference) {
    ConferencePlan plan;
    plan.id.bytes = conference.id;
    for (const auto type : conference.audio) plan.audio.set(type);
    for (const auto& kmf : conference.kmf) plan.kmfs.push_back(index_of(config, kmf));
    for (const auto& endpoint : conference.endpoints)
        plan.endpoints.push_back(
            {endpoint.id,
             {net::to_be(endpoint.address.address), net::to_be(endpoint.address.port)}});
    return plan;
}

tunnel::Dialect dialect_of(config::TunnelProtocol protocol) {
    return protocol == config::TunnelProtocol::dtls_v1 ? tunnel::Dialect::dtls_v1
                                                       : tunnel::Dialect::rfc9185;
}

Sharing sharing_of(config::TunnelSharing sharing) {
    switch (sharing) {
        case config::TunnelSharing::shared:
            break;
        case config::TunnelSharing::per_conference:
            return Sharing::per_conference;
        case config::TunnelSharing::per_endpoint:
            return Sharing::per_endpoint;
    }
    return Sharing::shared;
}

}  // namespace

std::vector<KmfPlan> kmf_plans(const config::MddConfig& config) {
    std::vector<KmfPlan> plans;
    for (const auto& kmf : config.kmf) {
        const auto& tls = config.tls.at(kmf.tls);
        KmfPlan plan;
        plan.link.name = kmf.name;
        plan.link.host = kmf.address.host;
        plan.link.port = kmf.address.port;
        plan.link.credentials = {tls.cert.string(), tls.key.string(), tls.ca.string(),
                                 kmf.pin_sha256};
        plan.link.dialect = dialect_of(kmf.protocol);
        for (const auto profile : config.media.profiles)
            plan.link.profiles.push_back(static_cast<std::uint16_t>(profile));
        plan.sharing = sharing_of(kmf.tunnels);
        plan.connect =
            kmf.connect == config::TunnelConnect::eager ? Connect::eager : Connect::first_use;
        plans.push_back(std::move(plan));
    }
    return plans;
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
