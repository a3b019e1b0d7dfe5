// The indexes of the roster.
#include "tools/mdd-kmf/roster.h"

#include <algorithm>

namespace mdd::kmf {

std::string Conference::own_tls_id() const {
    if (!tls_id.empty()) return tls_id;
    auto digits = tunnel::to_uuid(id);
    std::erase(digits, '-');
    return "kmf-" + digits;
}

Roster::Roster(std::vector<Mdd> mdds, std::vector<Conference> conferences) {
    for (auto& mdd : mdds) mdds_.try_emplace(mdd.name, std::move(mdd));
    for (auto& conference : conferences) conferences_.emplace(conference.id, std::move(conference));
    // Map nodes keep their place when the roster moves.
    for (const auto& [name, mdd] : mdds_)
        for (const auto& certificate : mdd.certificates) by_certificate_.emplace(certificate, &mdd);
    for (const auto& [id, conference] : conferences_) {
        if (!conference.require_tls_id) open_.push_back(&conference);
        for (const auto& [fingerprint, endpoint] : conference.endpoints)
            if (!endpoint.tls_id.empty()) by_tls_id_.emplace(endpoint.tls_id, &conference);
    }
}

const Conference* Roster::conference_of(const std::string& endpoint_tls_id) const {
    const auto found = by_tls_id_.find(endpoint_tls_id);
    return found == by_tls_id_.end() ? nullptr : found->second;
}

}  // namespace mdd::kmf
