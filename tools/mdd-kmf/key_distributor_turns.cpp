// The end of a turn: what must outlive a restart is kept first, and only then sent. And the
// beginning of a process that goes on with what another one kept.
#include <algorithm>
#include <stdexcept>

#include "tools/mdd-kmf/key_distributor.h"

namespace mdd::kmf {

void KeyDistributor::finish_turn(TimePoint now, WallTime wall) {
    auto turn = memberships_.take_turn(now);
    for (const auto& conference : turn.used_up) {
        start_over(conference, now);
        turn.changed.push_back(conference);
    }
    for (const auto& [conference, cause] : turn.rekeys) {
        const auto* keys = memberships_.keys(conference);
        if (keys == nullptr) continue;
        tally_.count(cause);
        Notice news;
        news.kind = Notice::Kind::rekeyed;
        news.conference = conference;
        news.cause = cause;
        news.spi = keys->current()->spi;
        news.members = keys->members();
        hooks_.notify(news);
    }
    for (const auto& handing : turn.to_hand) hand(handing, now);
    keep_changes(turn.changed, now, wall);
    release();
}

void KeyDistributor::hand(const Memberships::Handing& handing, TimePoint now) {
    const auto place = live_.find({handing.conference, handing.member});
    const auto* keys = memberships_.keys(handing.conference);
    if (place == live_.end() || keys == nullptr) return;
    entries_.at(place->second).association.live()->deliver(keys->message(now), now);
    ++tally_.ekt.delivered;
    changed_.insert(place->second);
    handed_.insert(place->second);
}

void KeyDistributor::keep_changes(const std::vector<tunnel::ConferenceId>& changed, TimePoint now,
                                  WallTime wall) {
    const auto is_live = [&](const Key& key) {
        const auto found = entries_.find(key);
        return found != entries_.end() && found->second.keyed;
    };
    const auto ended = std::exchange(ended_, {});
    const auto renewed = std::exchange(changed_, {});
    if (!hooks_.keep) return;
    StateChanges changes;
    for (const auto& key : ended)
        if (!is_live(key)) changes.emplace_back(AssociationChange{key, std::nullopt});
    for (const auto& key : renewed)
        if (is_live(key)) changes.emplace_back(change_of(key));
    for (const auto& conference : changed) changes.emplace_back(change_of(conference, now, wall));
    if (!changes.empty()) hooks_.keep(changes);
}

AssociationChange KeyDistributor::change_of(const Key& key) {
    auto& entry = entries_.at(key);
    SavedAssociation saved;
    saved.mdd = entry.speaker.mdd;
    saved.profiles = entry.profiles;
    saved.admitted = entry.admitted;
    saved.connection = entry.association.live()->freeze();
    return {key, std::move(saved)};
}

KeysChange KeyDistributor::change_of(const tunnel::ConferenceId& conference, TimePoint now,
                                     WallTime wall) {
    const auto* keys = memberships_.keys(conference);
    const auto* current = keys ? keys->current() : nullptr;
    if (current == nullptr) return {conference, std::nullopt};
    SavedKeys saved;
    saved.key_bytes = keys->key_bytes();
    saved.keys.key.spi = current->spi;
    saved.keys.key.key = srtp::Secret<32>(current->key.bytes());
    saved.keys.key.salt = srtp::Secret<srtp::kHopSaltBytes>(current->salt.bytes());
    saved.keys.spis_used = keys->spis_used();
    saved.keys.is_stale = keys->is_stale();
    saved.made_at = wall - std::chrono::duration_cast<WallTime::duration>(now - current->made_at);
    return {conference, std::move(saved)};
}

void KeyDistributor::release() {
    for (auto& [key, message] : std::exchange(held_, {})) {
        const auto found = entries_.find(key);
        if (found != entries_.end() && found->second.keyed)
            tunnels_.send(found->second.speaker, found->second.tunnel, message);
    }
    for (const auto& key : std::exchange(handed_, {})) {
        const auto found = entries_.find(key);
        if (found == entries_.end() || !found->second.keyed) continue;
        found->second.association.live()->flush();
        set_timer(key, found->second, found->second.association.deadline());
    }
}

StateChanges KeyDistributor::snapshot(TimePoint now, WallTime wall) {
    StateChanges all;
    for (const auto& [key, entry] : entries_)
        if (entry.keyed) all.emplace_back(change_of(key));
    for (const auto& [conference, keys] : memberships_.all())
        if (keys.current()) all.emplace_back(change_of(conference, now, wall));
    return all;
}

void KeyDistributor::restore(SavedState saved, TimePoint now, WallTime wall) {
    for (auto& [conference, keys] : saved.conferences)
        restore_keys(conference, std::move(keys), now, wall);
    for (auto& [key, association] : saved.associations)
        restore_association(key, std::move(association), now);
}

void KeyDistributor::restore_keys(const tunnel::ConferenceId& id, SavedKeys saved, TimePoint now,
                                  WallTime wall) {
    const auto* conference = roster_.conference(id);
    if (conference == nullptr || !conference->uses_ekt() ||
        dtls::ekt_key_bytes(dtls::ekt_cipher_for(conference->profile)) != saved.key_bytes)
        return;
    // A clock that went back leaves the key's age unknown: it is over then.
    const auto age = wall >= saved.made_at ? wall - saved.made_at : conference->rekey.ttl;
    saved.keys.key.made_at = now - std::chrono::duration_cast<TimePoint::duration>(age);
    memberships_.restore(*conference, std::move(saved.keys));
}

void KeyDistributor::restore_association(const Key& key, SavedAssociation saved, TimePoint now) {
    const bool by_id_alone = key.first.empty();
    const TunnelBook::Speaker speaker{
        saved.mdd, by_id_alone ? tunnel::Dialect::rfc9185 : tunnel::Dialect::dtls_v1};
    const auto* conference = roster_.conference(saved.admitted.conference);
    if (conference && saved.admitted.has_ekt)
        memberships_.join_restored(*conference, saved.admitted.endpoint);

    auto& entry = entries_[key];
    entry.speaker = speaker;
    entry.profiles = std::move(saved.profiles);
    entry.admitted = saved.admitted;
    entry.conference = saved.admitted.conference;
    const auto* endpoint = conference ? conference->endpoint(saved.admitted.endpoint) : nullptr;
    entry.name = endpoint ? endpoint->id : "";
    auto connection = Connection::restore(saved.connection.bytes(), std::move(saved.admitted), now,
                                          tally_, out_of(key, entry));
    if (!connection)
        throw std::runtime_error("The state holds an association that this version cannot read.");
    entry.association.restore(std::move(connection));
    entry.keyed = entry.association.live();
    live_.try_emplace({entry.conference, entry.admitted.endpoint}, key);
    if (!still_admits(roster_, speaker.mdd, speaker.dialect, entry.admitted))
        return put_out(key, now);
    ++tally_.restored;
    hooks_.notify(notice(Notice::Kind::restored, key, entry));
    set_timer(key, entry, entry.association.deadline());
}

}  // namespace mdd::kmf
