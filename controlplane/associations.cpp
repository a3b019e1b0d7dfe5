// Associations: begun, moved, ended.
#include "controlplane/associations.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "kmf-tunnel/record.h"

namespace mdd::control {

using srtp::Verdict;

namespace {

std::string_view sentence_of(Ending ending) {
    switch (ending) {
        case Ending::silent:
            return "has left";
        case Ending::put_out:
            return "was put out by its KMF";
        case Ending::unfinished:
            return "did not finish its handshake";
        case Ending::superseded:
        case Ending::none:
            break;
    }
    return "began another handshake";
}

bool is_among(const std::vector<KmfIndex>& kmfs, KmfIndex kmf) {
    return std::ranges::find(kmfs, kmf) != kmfs.end();
}

}  // namespace

std::optional<KmfIndex> Associations::find(const EndpointState& endpoint, Search search,
                                           TimePoint now) const {
    const auto& conference = state_.conferences.conference_of(endpoint);
    auto candidates = conference.kmfs;
    if (conference.authority) candidates.insert(candidates.begin(), *conference.authority);
    const auto fits = [&](auto there) {
        return std::ranges::find_if(candidates, [&](KmfIndex kmf) {
            return !is_among(search.none_of, kmf) && there(tunnels_.name_of(kmf, endpoint.ref));
        });
    };
    auto found = fits([&](const TunnelName& name) { return tunnels_.is_promising(name, now); });
    if (found == candidates.end() && search.silent_too)
        found = fits([&](const TunnelName& name) { return tunnels_.is_up(name); });
    return found == candidates.end() ? std::nullopt : std::optional(*found);
}

std::optional<KmfIndex> Associations::choose(const EndpointState& endpoint, TimePoint now) const {
    return find(endpoint, {.none_of = {}, .silent_too = true}, now);
}

const Association& Associations::begin(EndpointState& endpoint, KmfIndex kmf, TimePoint now) {
    close(endpoint, Ending::superseded, now);
    auto& association = state_.conferences.associate(endpoint, kmf);
    association.asked = now;
    state_.conferences.conference_of(endpoint).authority = kmf;
    tunnels_.open(tunnel_of(endpoint), now);
    association.life_before = tunnels_.signs_of_life()[kmf];
    spdlog::info("endpoint {} begins its handshake, association {}", endpoint.id,
                 tunnel::to_hex(association.id));
    return association;
}

void Associations::close(EndpointState& endpoint, Ending ending, TimePoint now) {
    endpoint.ended = ending;
    if (!endpoint.association) return;
    const auto id = endpoint.association->id;
    if (ending != Ending::put_out) tunnels_.say_goodbye(tunnel_of(endpoint), id);
    ended_.add(id, now);
    state_.conferences.forget_association(endpoint);
}

void Associations::end(EndpointState& endpoint, Ending ending, TimePoint now) {
    auto& conference = state_.conferences.conference_of(endpoint);
    if (ending == Ending::put_out) ++state_.statistics.put_out;
    if (ending == Ending::silent) ++state_.statistics.departures;
    if (ending == Ending::unfinished) ++state_.statistics.expired;
    spdlog::info("endpoint {} of conference {} {}", endpoint.id, tunnel::to_uuid(conference.id),
                 sentence_of(ending));
    // The workers first: from now on nothing goes to it, and nothing of it is believed.
    membership_.leave(endpoint, now);
    close(endpoint, ending, now);
    const auto is_there = [](const EndpointState& other) { return other.association.has_value(); };
    if (std::ranges::none_of(conference.endpoints, is_there)) conference.authority.reset();
}

bool Associations::say(EndpointState& endpoint, srtp::Bytes datagram) {
    tunnel::Message message{endpoint.association->id,
                            state_.conferences.conference_of(endpoint).id,
                            tunnel::Empty{},
                            {datagram.begin(), datagram.end()}};
    // On every one, not only the first: the tunnel may lose it, and browsers split their hello.
    if (tunnel::is_epoch0_handshake(datagram)) {
        tunnel::SupportedProfiles supported;
        for (const auto profile : state_.settings.profiles)
            supported.profiles.push_back(static_cast<std::uint16_t>(profile));
        message.body = std::move(supported);
    }
    return tunnels_.send(tunnel_of(endpoint), message);
}

Verdict Associations::pass_up(EndpointState& endpoint, srtp::Bytes datagram, TimePoint now) {
    auto& association = *endpoint.association;
    const bool keeps = !association.answered && association.hello.size() < Association::kHello &&
                       tunnel::is_epoch0_handshake(datagram);
    if (keeps) association.hello.emplace_back(datagram.begin(), datagram.end());
    const auto name = tunnel_of(endpoint);
    if (!tunnels_.is_up(name)) {
        if (keeps && tunnels_.is_promising(name, now)) return Verdict::accepted;
        // What is kept goes out when the tunnel is up again.
        return find_another_kmf(endpoint, datagram, now) || keeps ? Verdict::accepted
                                                                  : Verdict::dtls_no_tunnel;
    }
    return say(endpoint, datagram) ? Verdict::accepted : Verdict::dtls_no_tunnel;
}

bool Associations::find_another_kmf(EndpointState& endpoint, srtp::Bytes datagram, TimePoint now) {
    const auto kmf =
        find(endpoint, {.none_of = {endpoint.association->kmf}, .silent_too = true}, now);
    if (endpoint.keys.keyed()) {
        if (kmf && is_away(endpoint, now)) move(endpoint, *kmf);
        return say(endpoint, datagram);
    }
    if (!kmf) return false;
    // Another KMF knows nothing of a handshake that is half done: it has to begin again.
    if (!tunnel::is_client_hello_record(datagram)) return false;
    endpoint.association->hello.assign(1, {datagram.begin(), datagram.end()});
    fail_over(endpoint, *kmf, now);
    return true;
}

void Associations::fail_over(EndpointState& endpoint, KmfIndex kmf, TimePoint now) {
    ++state_.statistics.failovers;
    const auto hello = std::move(endpoint.association->hello);
    const auto budget = std::move(endpoint.association->budget);
    const auto silent = std::move(endpoint.association->silent);
    begin(endpoint, kmf, now);
    endpoint.association->budget = budget;
    endpoint.association->silent = silent;
    endpoint.association->hello = hello;
    for (const auto& datagram : hello) say(endpoint, datagram);
}

void Associations::move(EndpointState& endpoint, KmfIndex kmf) {
    ++state_.statistics.moves;
    endpoint.association->kmf = kmf;
    state_.conferences.conference_of(endpoint).authority = kmf;
    spdlog::info("endpoint {} goes over to another KMF", endpoint.id);
}

EndpointState* Associations::addressee(const TunnelName& from, const tunnel::Message& message,
                                       TimePoint now) {
    auto& statistics = state_.statistics;
    auto* endpoint = state_.conferences.find(message.association);
    if (endpoint == nullptr) {
        ++(ended_.contains(message.association) ? statistics.ended_association
                                                : statistics.unknown_association);
        return nullptr;
    }
    if (!may_speak(*endpoint, from, now)) {
        ++statistics.foreign_association;
        return nullptr;
    }
    if (tunnels_.dialect(from.kmf) == tunnel::Dialect::dtls_v1 &&
        state_.conferences.conference_of(*endpoint).id != message.conference) {
        ++statistics.wrong_conference;
        return nullptr;
    }
    endpoint->association->answered = true;
    endpoint->association->hello.clear();
    return endpoint;
}

// A KMF speaks only for associations that went to it; in the first dialect over their own tunnel.
// Or it is one of the conference's, and the one that had the association is away or does not
// answer.
bool Associations::may_speak(EndpointState& endpoint, const TunnelName& from, TimePoint now) {
    const auto own = tunnel_of(endpoint);
    if (own.kmf == from.kmf)
        return own == from || tunnels_.dialect(from.kmf) == tunnel::Dialect::rfc9185;
    const auto& kmfs = state_.conferences.conference_of(endpoint).kmfs;
    if (!endpoint.keys.keyed() || tunnels_.is_promising(own, now) || !is_among(kmfs, from.kmf))
        return false;
    move(endpoint, from.kmf);
    return true;
}

void Associations::tunnel_up(const TunnelName& name, TimePoint now) {
    const auto signs_of_life = tunnels_.signs_of_life();
    for (auto& conference : state_.conferences.all())
        for (auto& endpoint : conference.endpoints) {
            if (!endpoint.association || endpoint.association->answered) continue;
            // It may have started anew.
            std::erase(endpoint.association->silent, name.kmf);
            if (tunnel_of(endpoint) != name) continue;
            // What counts as an answer begins here.
            endpoint.association->asked = now;
            endpoint.association->life_before = signs_of_life[name.kmf];
            for (const auto& datagram : endpoint.association->hello) say(endpoint, datagram);
        }
}

bool Associations::is_away(const EndpointState& endpoint, TimePoint now) const {
    const auto since = tunnels_.down_since(tunnel_of(endpoint));
    return since && now - *since >= kMoveAfter;
}

void Associations::check_answer(EndpointState& endpoint,
                                const std::vector<std::uint64_t>& signs_of_life, TimePoint now) {
    auto& association = *endpoint.association;
    if (now - association.asked < kAnswerWithin ||
        signs_of_life[association.kmf] != association.life_before)
        return;
    // Anybody can send a piece of a hello in an endpoint's name, and no KMF answers that.
    if (!tunnel::hold_whole_client_hello(association.hello)) return;
    // A hello that a second KMF does not answer either may be the one at fault.
    if (association.silent.empty()) tunnels_.suspect(association.kmf, now);
    if (!is_among(association.silent, association.kmf))
        association.silent.push_back(association.kmf);
    if (const auto kmf = find(endpoint, {.none_of = association.silent}, now))
        fail_over(endpoint, *kmf, now);
}

void Associations::check_tunnel(EndpointState& endpoint, TimePoint now) {
    if (!endpoint.keys.keyed() || !is_away(endpoint, now)) return;
    if (const auto kmf = find(endpoint, {.none_of = {endpoint.association->kmf}}, now))
        move(endpoint, *kmf);
}

void Associations::on_time(TimePoint now) {
    for (const auto& ref : state_.admission.expire(now))
        end(*state_.conferences.find(ref), Ending::unfinished, now);
    const auto signs_of_life = tunnels_.signs_of_life();
    for (auto& conference : state_.conferences.all())
        for (auto& endpoint : conference.endpoints) {
            if (!endpoint.association) continue;
            if (endpoint.association->answered)
                check_tunnel(endpoint, now);
            else
                check_answer(endpoint, signs_of_life, now);
        }
    if (now < next_sweep_) return;
    next_sweep_ = now + std::chrono::seconds(1);
    ended_.forget_old(now);
    close_unused_tunnels(now);
}

void Associations::close_unused_tunnels(TimePoint now) {
    std::vector<TunnelName> in_use;
    for (const auto& conference : state_.conferences.all())
        for (const auto& endpoint : conference.endpoints)
            if (endpoint.association) in_use.push_back(tunnel_of(endpoint));
    tunnels_.close_unused(in_use, now);
}

}  // namespace mdd::control
