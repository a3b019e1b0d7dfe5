// How an association begins to count as a member's, and how it ends: after each thing that may have
// changed it.
#include "tools/mdd-kmf/key_distributor.h"

namespace mdd::kmf {

// The entry may be gone afterwards.
void KeyDistributor::settle(const Key& key, TimePoint now) {
    auto& entry = entries_.at(key);
    tell_failure(key, entry);
    hear(key, entry);
    auto* live = entry.association.live();
    if (live != entry.keyed) {
        const auto before = entry.admitted;
        const bool was_keyed = entry.keyed != nullptr;
        const bool is_same = live && live->admitted().endpoint == before.endpoint;
        if (was_keyed) forget_keyed(key, entry, !is_same);
        if (live) welcome(key, entry, now);
    }
    if (entry.keyed && live->wants_freeze()) changed_.insert(key);
    if (entry.association.is_handshaking())
        handshaking_.begun(entry.speaker.mdd, key);
    else
        handshaking_.ended(entry.speaker.mdd, key);
    set_timer(key, entry, entry.association.deadline());
    if (entry.association.is_over()) remove(key, entry, now);
}

void KeyDistributor::tell_failure(const Key& key, Entry& entry) {
    const auto failure = entry.association.take_failure();
    if (!failure) return;
    auto refused = notice(Notice::Kind::refused, key, entry);
    refused.refusal = failure->refusal;
    if (refused.conference.is_zero()) refused.conference = failure->shown.conference;
    const auto* conference = roster_.conference(refused.conference);
    const auto* endpoint = conference ? conference->endpoint(failure->shown.endpoint) : nullptr;
    refused.endpoint = endpoint ? endpoint->id : "";
    hooks_.notify(refused);
}

void KeyDistributor::hear(const Key& key, Entry& entry) {
    for (const auto& event : entry.association.take_events())
        if (entry.keyed) hear(key, entry, event);
}

void KeyDistributor::hear(const Key& key, Entry& entry, const dtls::EktServer::Event& event) {
    const auto told = [&](Notice::Kind kind) { return notice(kind, key, entry); };
    if (const auto* acknowledged = std::get_if<dtls::Acknowledged>(&event)) {
        ++tally_.ekt.acknowledged;
        memberships_.acknowledged(entry.admitted.conference, entry.admitted.endpoint,
                                  acknowledged->spi);
    } else if (const auto* refused = std::get_if<dtls::Refused>(&event)) {
        ++tally_.ekt.refused;
        auto news = told(Notice::Kind::ekt_refused);
        news.spi = refused->spi;
        news.alert = refused->alert;
        hooks_.notify(news);
        if (!refused->fatal) return;
        ++tally_.failed;
        news.kind = Notice::Kind::failed;
        hooks_.notify(news);
    } else if (const auto* unanswered = std::get_if<dtls::Unanswered>(&event)) {
        ++tally_.ekt.unanswered;
        entry.is_unanswered = true;
        auto news = told(Notice::Kind::ekt_unanswered);
        news.spi = unanswered->spi;
        hooks_.notify(news);
    } else if (const auto* failed = std::get_if<dtls::Failed>(&event)) {
        ++tally_.failed;
        auto news = told(Notice::Kind::failed);
        news.alert = failed->alert;
        hooks_.notify(news);
    } else if (std::holds_alternative<dtls::Closed>(event)) {
        ++tally_.closed;
        hooks_.notify(told(Notice::Kind::closed));
    }
}

void KeyDistributor::welcome(const Key& key, Entry& entry, TimePoint now) {
    auto* live = entry.association.live();
    entry.admitted = live->admitted();
    entry.conference = entry.admitted.conference;
    entry.is_unanswered = false;
    const auto* conference = roster_.conference(entry.conference);
    const auto* endpoint = conference ? conference->endpoint(entry.admitted.endpoint) : nullptr;
    entry.name = endpoint ? endpoint->id : "";
    // The roster may have changed since its certificate was judged.
    if (!still_admits(roster_, entry.speaker.mdd, entry.speaker.dialect, entry.admitted))
        return turn_away(key, entry, Refusal::put_out);
    if (!join_pace_.admit({entry.conference, entry.admitted.endpoint}, now))
        return turn_away(key, entry, Refusal::too_often);
    entry.keyed = live;
    changed_.insert(key);
    const auto [place, is_only] =
        live_.try_emplace({entry.conference, entry.admitted.endpoint}, key);
    if (!is_only) displace(std::exchange(place->second, key), now);
    if (entry.admitted.has_ekt) memberships_.join(*conference, entry.admitted.endpoint);
    hooks_.notify(notice(Notice::Kind::keyed, key, entry));
}

// Nothing has been sent yet. If its older connection on this association has made it a member, that
// is over.
void KeyDistributor::turn_away(const Key& key, Entry& entry, Refusal why) {
    tally_.count(why);
    auto refused = notice(Notice::Kind::refused, key, entry);
    refused.refusal = why;
    hooks_.notify(refused);
    entry.association.drop_live();
    if (!live_.contains({entry.conference, entry.admitted.endpoint}))
        memberships_.leave(entry.conference, entry.admitted.endpoint);
}

// The endpoint stays a member, on its newer association.
void KeyDistributor::displace(const Key& key, TimePoint now) {
    auto& older = entries_.at(key);
    ++tally_.displaced;
    hooks_.notify(notice(Notice::Kind::displaced, key, older));
    older.association.close_live();
    forget_keyed(key, older, false);
    set_timer(key, older, older.association.deadline());
    if (older.association.is_over()) remove(key, older, now);
}

void KeyDistributor::put_out(const Key& key, TimePoint now) {
    auto& entry = entries_.at(key);
    ++tally_.put_out;
    hooks_.notify(notice(Notice::Kind::put_out, key, entry));
    entry.association.close_live();
    forget_keyed(key, entry, true);
    entry.association.abandon(Refusal::put_out);
    settle(key, now);
}

void KeyDistributor::forget_keyed(const Key& key, Entry& entry, bool has_left) {
    entry.keyed = nullptr;
    ended_.insert(key);
    const auto place = live_.find({entry.admitted.conference, entry.admitted.endpoint});
    if (place == live_.end() || place->second != key) return;
    live_.erase(place);
    if (has_left) memberships_.leave(entry.admitted.conference, entry.admitted.endpoint);
}

// RFC 9185 §5.4: the MDD is told whoever ended it.
void KeyDistributor::remove(const Key& key, const Entry& entry, TimePoint now) {
    if (entry.speaker.dialect == tunnel::Dialect::rfc9185) {
        tunnels_.disconnect(entry.speaker.mdd, entry.tunnel, key.second);
        quarantine_.add(key.second, now);
    }
    if (entry.timer) timers_.erase({*entry.timer, key});
    handshaking_.ended(entry.speaker.mdd, key);
    entries_.erase(key);
}

void KeyDistributor::set_timer(const Key& key, Entry& entry, std::optional<TimePoint> at) {
    if (entry.timer) timers_.erase({*entry.timer, key});
    entry.timer = at;
    if (at) timers_.insert({*at, key});
}

// Every SPI has named a key: those who may remember one have to go.
void KeyDistributor::start_over(const tunnel::ConferenceId& conference, TimePoint now) {
    Notice news;
    news.kind = Notice::Kind::spis_used_up;
    news.conference = conference;
    hooks_.notify(news);
    std::vector<Key> members;
    for (auto place = live_.lower_bound({conference, {}});
         place != live_.end() && place->first.first == conference; ++place)
        members.push_back(place->second);
    for (const auto& key : members) put_out(key, now);
    memberships_.forget(conference);
}

}  // namespace mdd::kmf
