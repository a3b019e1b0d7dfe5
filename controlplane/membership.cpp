// Seats, SSRCs, neighbours and departures.
#include "controlplane/membership.h"

#include <spdlog/spdlog.h>

#include <algorithm>

namespace mdd::control {

void Membership::announce() {
    for (const auto& conference : state_.conferences.all())
        state_.courier.send(state_.publisher.conference(
            conference.slot, conference.endpoints.size(), conference.audio));
}

bool Membership::seat(EndpointState& endpoint, const Notice& notice, TimePoint now) {
    const auto& port = state_.settings.ports[notice.port];
    const auto hop = next_hop(port, notice.flow.remote.ip);
    if (!hop) return false;
    const auto members = state_.conferences.conference_of(endpoint).endpoints.size();
    const auto owner = endpoint.place ? endpoint.place->owner
                                      : owners_.choose(port.spreads_flows, notice.worker, members);
    const Place place{owner, notice.port, notice.flow, *hop};
    if (endpoint.place == place) return true;
    endpoint.place = place;
    state_.courier.send(state_.publisher.member(endpoint.ref, place, port.mac));
    const NextHop next{place.port, place.next_hop};
    state_.neighbours.use(next);
    if (const auto mac = state_.neighbours.find(next))
        state_.courier.send(state_.publisher.neighbour(next.port, next.ip, *mac));
    ask_neighbours(now);
    return true;
}

void Membership::leave(EndpointState& endpoint, TimePoint now) {
    auto& conference = state_.conferences.conference_of(endpoint);
    if (endpoint.keys.keyed()) {
        state_.courier.send(
            endpoint.keys.leave(state_.publisher, endpoint.ref, endpoint.place->owner));
        state_.ledger.retire(endpoint.ref, now);
        conference.ssrcs.park(endpoint.ref.member, state_.publisher.newest_key_start());
        if (!conference.any_keyed()) conference.profile.reset();
    }
    state_.admission.end(endpoint.ref);
}

void Membership::on_ssrc(const Notice& notice, TimePoint now) {
    auto* endpoint = state_.conferences.find(EndpointRef{notice.conference, notice.member});
    // A notice may be older than the endpoint's departure.
    if (endpoint == nullptr || !endpoint->keys.keyed()) return;
    auto& conference = state_.conferences.conference_of(*endpoint);
    const auto owner = endpoint->place->owner;
    // Where the stream and its legs will lie.
    const srtp::OnNode home(state_.publisher.homes().of(owner));
    const auto answer = conference.ssrcs.ask(notice.member, notice.ssrc, notice.epoch);
    if (answer.verdict != srtp::Verdict::accepted) {
        ++state_.statistics.ssrcs_refused;
        if (refusals_to_log_.take(now))
            spdlog::warn("SSRC {:#010x} of endpoint {} refused: {}", notice.ssrc, endpoint->id,
                         srtp::text_of(answer.verdict).help);
        state_.courier.send(state_.publisher.refuse(endpoint->ref, owner, notice.ssrc, notice.epoch,
                                                    answer.verdict));
        return;
    }
    ++state_.statistics.ssrcs_granted;
    state_.courier.send(state_.publisher.grant(endpoint->ref, owner, answer.stream, notice.epoch));
}

void Membership::on_neighbour(const Notice& notice) {
    const NextHop hop{notice.port, notice.flow.remote.ip};
    if (!state_.settings.ports[notice.port].address.contains(hop.ip)) return;
    if (state_.neighbours.learn(hop, notice.mac))
        state_.courier.send(state_.publisher.neighbour(hop.port, hop.ip, notice.mac));
}

void Membership::on_activity(const PollActivity& answer, TimePoint now) {
    auto* endpoint = state_.conferences.find(EndpointRef{answer.conference, answer.member});
    if (endpoint != nullptr && answer.heard) endpoint->heard = now;
}

void Membership::on_time(TimePoint now) {
    ask_neighbours(now);
    if (now < next_check_) return;
    using namespace std::chrono_literals;
    const auto interval = state_.settings.endpoint_timeout / 6;
    next_check_ = now + std::clamp<Clock::duration>(interval, 50ms, 5s);
    check_activity(now);
    forget_ssrcs();
}

void Membership::forget_ssrcs() {
    for (auto& conference : state_.conferences.all())
        for (auto& stream : conference.ssrcs.forget(conference.oldest_fresh_start())) {
            auto change = state_.publisher.forget(conference.slot, stream->ssrc);
            state_.courier.send(std::move(change), [stream] {});
        }
}

void Membership::check_activity(TimePoint now) {
    for (auto& conference : state_.conferences.all())
        for (auto& endpoint : conference.endpoints) {
            if (!endpoint.keys.keyed()) continue;
            if (now - endpoint.heard > state_.settings.endpoint_timeout)
                silent_(endpoint, now);
            else
                state_.courier.send(
                    state_.publisher.poll_activity(endpoint.ref, endpoint.place->owner));
        }
}

void Membership::ask_neighbours(TimePoint now) {
    for (const auto& hop : state_.neighbours.due(now))
        state_.courier.send(state_.publisher.probe(hop.port, hop.ip));
}

bool Membership::pause_leg(const tunnel::ConferenceId& conference_id, std::string_view source,
                           std::uint32_t ssrc, std::string_view receiver, bool paused) {
    for (auto& conference : state_.conferences.all()) {
        if (conference.id != conference_id) continue;
        const auto named = [&](std::string_view id) {
            return std::ranges::find(conference.endpoints, id, &EndpointState::id);
        };
        const auto from = named(source);
        const auto to = named(receiver);
        if (from == conference.endpoints.end() || to == conference.endpoints.end()) return false;
        auto* stream = conference.ssrcs.find(from->ref.member, ssrc);
        if (stream == nullptr) return false;
        state_.courier.send(
            state_.publisher.pause(from->place->owner, stream, to->ref.member, paused));
        return true;
    }
    return false;
}

}  // namespace mdd::control
