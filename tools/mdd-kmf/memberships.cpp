// One turn of all conferences at a time: joins and leaves are gathered, then answered together.
#include "tools/mdd-kmf/memberships.h"

#include "tools/dtls_srtp/ekt_message.h"

namespace mdd::kmf {
namespace {

std::size_t key_bytes(const Conference& conference) {
    return dtls::ekt_key_bytes(dtls::ekt_cipher_for(conference.profile));
}

}  // namespace

ConferenceKeys& Memberships::keys_of(const Conference& conference) {
    const auto found = conferences_.find(conference.id);
    if (found != conferences_.end()) return found->second;
    return conferences_
        .emplace(conference.id, ConferenceKeys(key_bytes(conference), conference.rekey, random_))
        .first->second;
}

void Memberships::join(const Conference& conference, const Member& member) {
    if (!conference.uses_ekt()) return;
    auto& keys = keys_of(conference);
    keys.join(member);
    touched_.insert(conference.id);
    // That nobody else may get this key any more has to outlive a restart.
    if (keys.is_stale()) changed_.insert(conference.id);
}

void Memberships::leave(const tunnel::ConferenceId& conference, const Member& member) {
    const auto found = conferences_.find(conference);
    if (found == conferences_.end()) return;
    found->second.leave(member);
    touched_.insert(conference);
    if (found->second.is_stale()) changed_.insert(conference);
}

void Memberships::hand_again(const tunnel::ConferenceId& conference, const Member& member) {
    const auto found = conferences_.find(conference);
    if (found == conferences_.end()) return;
    found->second.hand_again(member);
    touched_.insert(conference);
}

bool Memberships::acknowledged(const tunnel::ConferenceId& conference, const Member& member,
                               std::uint16_t spi) {
    const auto found = conferences_.find(conference);
    return found != conferences_.end() && found->second.acknowledged(member, spi);
}

void Memberships::restore(const Conference& conference, ConferenceKeys::Saved saved) {
    if (!conference.uses_ekt()) return;
    conferences_.insert_or_assign(
        conference.id,
        ConferenceKeys(key_bytes(conference), conference.rekey, random_, std::move(saved)));
    touched_.insert(conference.id);
}

void Memberships::join_restored(const Conference& conference, const Member& member) {
    if (!conference.uses_ekt()) return;
    keys_of(conference).join_restored(member);
    touched_.insert(conference.id);
}

std::vector<tunnel::ConferenceId> Memberships::adopt(const Roster& roster) {
    std::vector<tunnel::ConferenceId> gone;
    for (auto& [id, keys] : conferences_) {
        const auto* conference = roster.conference(id);
        if (conference && conference->uses_ekt() && key_bytes(*conference) == keys.key_bytes())
            keys.set_policy(conference->rekey);
        else
            gone.push_back(id);
        touched_.insert(id);
    }
    for (const auto& id : gone) forget(id);
    return gone;
}

void Memberships::forget(const tunnel::ConferenceId& conference) {
    conferences_.erase(conference);
    touched_.erase(conference);
    changed_.erase(conference);
    set_timer(conference, std::nullopt);
}

Memberships::Turn Memberships::take_turn(TimePoint now) {
    for (auto due = timers_.begin(); due != timers_.end() && due->first <= now; ++due)
        touched_.insert(due->second);
    Turn turn;
    for (const auto& id : std::exchange(touched_, {})) {
        auto& keys = conferences_.at(id);
        if (keys.is_used_up(now)) turn.used_up.push_back(id);
        if (const auto cause = keys.renew(now)) {
            turn.rekeys.push_back({id, *cause});
            changed_.insert(id);
        }
        for (const auto& member : keys.waiting()) {
            turn.to_hand.push_back({id, member});
            keys.handed(member);
        }
        set_timer(id, keys.deadline());
    }
    const auto changed = std::exchange(changed_, {});
    turn.changed.assign(changed.begin(), changed.end());
    return turn;
}

std::optional<TimePoint> Memberships::deadline() const {
    if (timers_.empty()) return std::nullopt;
    return timers_.begin()->first;
}

const ConferenceKeys* Memberships::keys(const tunnel::ConferenceId& conference) const {
    const auto found = conferences_.find(conference);
    return found == conferences_.end() ? nullptr : &found->second;
}

void Memberships::set_timer(const tunnel::ConferenceId& conference, std::optional<TimePoint> at) {
    const auto old = timer_of_.find(conference);
    if (old != timer_of_.end()) {
        timers_.erase({old->second, conference});
        timer_of_.erase(old);
    }
    if (!at) return;
    timer_of_[conference] = *at;
    timers_.insert({*at, conference});
}

}  // namespace mdd::kmf
