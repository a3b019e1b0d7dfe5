// From key information to commands.
#include "controlplane/keying.h"

#include <spdlog/spdlog.h>

#include <algorithm>

#include "kmf-tunnel/key_check.h"

namespace mdd::control {
namespace {

KeyRefusal refusal_of(tunnel::KeyRefusal refusal) {
    switch (refusal) {
        case tunnel::KeyRefusal::unknown_profile:
            return KeyRefusal::unknown_profile;
        case tunnel::KeyRefusal::wrong_length:
            return KeyRefusal::wrong_length;
        case tunnel::KeyRefusal::e2e_leak:
            break;
    }
    return KeyRefusal::e2e_leak;
}

}  // namespace

bool Keying::refuse(const EndpointState& endpoint, KeyRefusal reason) {
    ++state_.statistics.key_refusals[static_cast<std::size_t>(reason)];
    const auto& text = text_of(reason);
    spdlog::error("ALARM: keys for endpoint {} refused ({}): {}", endpoint.id, text.name,
                  text.text);
    return false;
}

bool Keying::offers(srtp::Profile profile) const {
    return std::ranges::find(state_.settings.profiles, profile) != state_.settings.profiles.end();
}

bool Keying::take(EndpointState& endpoint, tunnel::KeyInformation information, TimePoint now) {
#ifdef MDD_AUDIT
    spdlog::info("audit: association={} keys_sha256={}", tunnel::to_hex(endpoint.association->id),
                 tunnel::to_hex(tunnel::audit_digest(information)));
#endif
    auto checked = tunnel::check(std::move(information));
    if (const auto* refusal = std::get_if<tunnel::KeyRefusal>(&checked))
        return refuse(endpoint, refusal_of(*refusal));
    const auto& keys = std::get<srtp::HopKeys>(checked);
    if (!offers(keys.profile)) return refuse(endpoint, KeyRefusal::profile_not_offered);
    auto& conference = state_.conferences.conference_of(endpoint);
    if (conference.profile && *conference.profile != keys.profile)
        return refuse(endpoint, KeyRefusal::profile_mixed);
    const auto names = fingerprinter_.names_of(keys);
    const auto judgement = state_.ledger.judge(endpoint.ref, names, now);
    if (judgement.ruling == KeyRuling::refuse) return refuse(endpoint, judgement.reason);
    if (judgement.ruling == KeyRuling::current) {
        ++state_.statistics.keys_repeated;
        return true;
    }
    state_.ledger.install(endpoint.ref, names, now);
    conference.profile = keys.profile;
    install(endpoint, keys, now);
    return true;
}

void Keying::install(EndpointState& endpoint, const srtp::HopKeys& keys, TimePoint now) {
    const bool first = !endpoint.keys.keyed();
    const auto epoch = endpoint.keys.next_epoch();
    const auto owner = endpoint.place->owner;
    const auto& homes = state_.publisher.homes();
    const srtp::OnNode home(homes.of(owner));
    KeysetPtr receive = srtp::make_keyset(keys.profile, keys.client_write, epoch);
    auto transmit =
        std::make_shared<const KeyCopies>(keys.profile, keys.server_write, epoch, homes);
    ++(first ? state_.statistics.handshakes : state_.statistics.rekeys);
    spdlog::info("endpoint {} {} with {}, association {}", endpoint.id,
                 first ? "keyed" : "has new keys", srtp::traits_of(keys.profile).name,
                 tunnel::to_hex(endpoint.association->id));
    endpoint.heard = now;
    endpoint.association->budget.validate();
    ++endpoint.association->installs_under_way;
    state_.admission.end(endpoint.ref);
    auto change = endpoint.keys.install(state_.publisher, endpoint.ref, owner, std::move(receive),
                                        std::move(transmit), now);
    state_.courier.send(
        std::move(change),
        [this, ref = endpoint.ref, id = endpoint.association->id] { installed_(ref, id); });
}

void Keying::on_proof(const Notice& notice, TimePoint now) {
    auto* endpoint = state_.conferences.find(EndpointRef{notice.conference, notice.member});
    // A notice may be older than the endpoint's departure.
    if (endpoint == nullptr || !endpoint->keys.expects_proof(notice.epoch)) return;
    if (notice.proof == srtp::Proof::restart) {
        ++state_.statistics.restarts;
        spdlog::info("endpoint {} has restarted", endpoint->id);
        state_.conferences.conference_of(*endpoint).ssrcs.park_older(
            notice.member, notice.epoch, state_.publisher.newest_key_start());
    }
    endpoint->heard = now;
    state_.courier.send(endpoint->keys.proved(
        state_.publisher, endpoint->ref, endpoint->place->owner, notice.epoch, notice.proof, now));
}

void Keying::on_decided(const DecideKeys& answer, TimePoint now) {
    auto* endpoint = state_.conferences.find(EndpointRef{answer.conference, answer.member});
    state_.courier.send(endpoint->keys.decided(state_.publisher, endpoint->ref, answer.epoch,
                                               answer.decision, now));
}

void Keying::on_time(TimePoint now) {
    for (auto& conference : state_.conferences.all())
        for (auto& endpoint : conference.endpoints)
            if (endpoint.keys.keyed())
                state_.courier.send(endpoint.keys.on_time(state_.publisher, endpoint.ref,
                                                          endpoint.place->owner, now));
}

}  // namespace mdd::control
