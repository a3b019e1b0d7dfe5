// DTLS up and down.
#include "controlplane/handshakes.h"

#include <spdlog/spdlog.h>

#include <utility>

#include "dataplane/datagram.h"
#include "dataplane/net/header_template.h"
#include "kmf-tunnel/record.h"

namespace mdd::control {

using srtp::Verdict;

namespace {

// One tunnel message is one DTLS record of at most 2^14 bytes; the rest of the message is shorter
// than this with any list of profiles that mdd offers.
constexpr std::size_t kLongestUp_bytes = 16'384 - 64;

bool is_dtls(srtp::Bytes datagram) {
    return datagram[0] >= 20 && datagram[0] <= 63;
}

}  // namespace

void Handshakes::from_endpoint(const Notice& notice, TimePoint now) {
    const auto verdict = pass_up(notice, datagram_of(notice), now);
    if (verdict == Verdict::accepted)
        state_.counters.consumed.add();
    else
        state_.counters.drop(verdict);
}

Verdict Handshakes::pass_up(const Notice& notice, srtp::Bytes datagram, TimePoint now) {
    auto* endpoint = state_.conferences.find(notice.flow.remote);
    if (endpoint == nullptr) return Verdict::unknown_source;
    if (datagram.size() > kLongestUp_bytes) return Verdict::dtls_too_long;
    if (!endpoint->association) return begin(*endpoint, notice, datagram, now);
    // An association belongs to one 4-tuple. But a hello with a forged source, sent to another
    // address of ours, must not keep the endpoint out.
    if (endpoint->place->flow != notice.flow) {
        if (endpoint->association->budget.validated()) return Verdict::unknown_source;
        return begin(*endpoint, notice, datagram, now);
    }
    return send_up(*endpoint, datagram, now);
}

Verdict Handshakes::begin(EndpointState& endpoint, const Notice& notice, srtp::Bytes datagram,
                          TimePoint now) {
    if (!tunnel::is_client_hello_record(datagram)) return Verdict::dtls_malformed;
    const auto kmf = associations_.choose(endpoint, now);
    if (!kmf) return Verdict::dtls_no_tunnel;
    const auto ruling = state_.admission.begin(endpoint.ref, notice.flow.remote.ip, now);
    ++state_.statistics.hellos[static_cast<std::size_t>(ruling)];
    if (ruling != Admission::Ruling::admitted) return Verdict::dtls_rate;
    if (!membership_.seat(endpoint, notice, now)) {
        if (!endpoint.association) state_.admission.end(endpoint.ref);
        spdlog::warn(
            "no route to endpoint {}: its address is in no network of the port, which has "
            "no gateway",
            endpoint.id);
        return Verdict::unknown_source;
    }
    associations_.begin(endpoint, *kmf, now);
    return send_up(endpoint, datagram, now);
}

Verdict Handshakes::send_up(EndpointState& endpoint, srtp::Bytes datagram, TimePoint now) {
    if (!endpoint.association->budget.takes_up(datagram, now)) return Verdict::dtls_rate;
    state_.admission.touch(endpoint.ref, now);
    return associations_.pass_up(endpoint, datagram, now);
}

void Handshakes::from_kmf(const TunnelName& from, tunnel::Message&& message, TimePoint now) {
    auto* endpoint = associations_.addressee(from, message, now);
    if (endpoint == nullptr) return;
    if (std::holds_alternative<tunnel::Disconnect>(message.body))
        return associations_.end(*endpoint, Ending::put_out, now);
    if (std::holds_alternative<tunnel::KeyInformation>(message.body)) {
        if (!take_keys(*endpoint, message, now) || message.dtls.empty()) return;
    } else if (message.dtls.empty()) {
        ++state_.statistics.down_empty;
        return;
    }
    auto& association = *endpoint->association;
    if (association.barred) {
        ++state_.statistics.down_barred;
        return;
    }
    if (association.installs_under_way == 0) return pass_down(*endpoint, message.dtls, now);
    if (association.held.size() < kHeld)
        association.held.push_back(std::move(message.dtls));
    else
        ++state_.statistics.down_rate;
}

bool Handshakes::take_keys(EndpointState& endpoint, tunnel::Message& message, TimePoint now) {
    auto& keys = std::get<tunnel::KeyInformation>(message.body);
    const bool taken = keying_.take(endpoint, std::move(keys), now);
    // Keys that come alone are followed by the Finished, which must not reach the endpoint either.
    if (taken || message.dtls.empty()) endpoint.association->barred = !taken;
    return taken;
}

void Handshakes::installed(EndpointRef ref, const tunnel::AssociationId& id, TimePoint now) {
    auto* endpoint = state_.conferences.find(ref);
    // The endpoint may have left meanwhile.
    if (!endpoint->association || endpoint->association->id != id) return;
    if (--endpoint->association->installs_under_way > 0) return;
    for (const auto& datagram : std::exchange(endpoint->association->held, {}))
        pass_down(*endpoint, datagram, now);
}

void Handshakes::pass_down(EndpointState& endpoint, srtp::Bytes datagram, TimePoint now) {
    auto& statistics = state_.statistics;
    const auto& place = *endpoint.place;
    if (!is_dtls(datagram)) {
        ++statistics.down_not_dtls;
        return;
    }
    if (datagram.size() > net::max_udp_payload_bytes(state_.settings.ports[place.port].mtu_bytes)) {
        ++statistics.down_too_long;
        return;
    }
    const auto budget = endpoint.association->budget.takes_down(datagram, now);
    if (budget != DtlsBudget::Down::pass) {
        ++(budget == DtlsBudget::Down::rate ? statistics.down_rate : statistics.down_amplification);
        return;
    }
    auto* packet = make_datagram(state_.settings.pool, datagram);
    if (packet == nullptr) {
        ++statistics.down_no_buffer;
        return;
    }
    ++statistics.down_passed;
    state_.courier.send(state_.publisher.datagram(endpoint.ref, place.owner, packet));
}

}  // namespace mdd::control
