// Routes, and what is owed to an MDD that is away.
#include "tools/mdd-kmf/tunnel_book.h"

#include <algorithm>

namespace mdd::kmf {

void TunnelBook::up(tunnel::TunnelId id, const Tunnel& tunnel) {
    tunnels_[id] = tunnel;
    const auto& [mdd, dialect] = tunnel.speaker;
    if (dialect != tunnel::Dialect::rfc9185) return;
    const auto owed = owed_.extract(mdd);
    if (owed.empty()) return;
    for (const auto& association : owed.mapped()) disconnect(mdd, id, association);
}

const TunnelBook::Tunnel* TunnelBook::find(tunnel::TunnelId id) const {
    const auto found = tunnels_.find(id);
    return found == tunnels_.end() ? nullptr : &found->second;
}

std::optional<tunnel::TunnelId> TunnelBook::route(const Speaker& to, tunnel::TunnelId last) const {
    if (tunnels_.contains(last)) return last;
    const auto newest = std::find_if(tunnels_.rbegin(), tunnels_.rend(),
                                     [&](const auto& up) { return up.second.speaker == to; });
    if (newest == tunnels_.rend()) return std::nullopt;
    return newest->first;
}

bool TunnelBook::send(const Speaker& to, tunnel::TunnelId last, const tunnel::Message& message) {
    const auto by = route(to, last);
    const bool is_sent = by && send_(*by, message);
    ++(is_sent ? sent_ : unsent_);
    return is_sent;
}

void TunnelBook::disconnect(const std::string& mdd, tunnel::TunnelId last,
                            const tunnel::AssociationId& association) {
    const tunnel::Message message{association, {}, tunnel::Disconnect{}, {}};
    const auto by = route({mdd, tunnel::Dialect::rfc9185}, last);
    if (by && send_(*by, message)) {
        ++sent_;
        ++disconnects_;
        return;
    }
    auto& owed = owed_[mdd];
    if (owed.size() < kOwedOfOneMdd) owed.push_back(association);
}

}  // namespace mdd::kmf
