// Finds the association of each message, lets first contacts in, and sees to what a completed
// handshake changes.
#include "tools/mdd-kmf/key_distributor.h"

#include <algorithm>

#include "kmf-tunnel/record.h"
#include "tools/mdd-kmf/key_message.h"

namespace mdd::kmf {
namespace {

const std::vector<std::uint16_t>* profiles_in(const tunnel::Message& message) {
    const auto* body = std::get_if<tunnel::SupportedProfiles>(&message.body);
    return body ? &body->profiles : nullptr;
}

// The endpoint's address is the MDD's secret; its association id stands for it.
std::vector<std::uint8_t> cookie_subject(const dtls::Fingerprint& mdd,
                                         const tunnel::AssociationId& association) {
    std::vector<std::uint8_t> subject(mdd.begin(), mdd.end());
    subject.insert(subject.end(), association.bytes.begin(), association.bytes.end());
    return subject;
}

}  // namespace

KeyDistributor::KeyDistributor(Roster roster, EndpointGate& gate, const Limits& limits, Send send,
                               Notify notify)
    : roster_(std::move(roster)),
      gate_(gate),
      limits_(limits),
      send_(std::move(send)),
      notify_(std::move(notify)) {}

const Mdd* KeyDistributor::tunnel_up(tunnel::TunnelId tunnel, const tunnel::PeerIdentity& peer) {
    tunnels_[tunnel] = peer.certificate_sha256;
    return roster_.mdd(peer.certificate_sha256);
}

void KeyDistributor::tunnel_down(tunnel::TunnelId tunnel) {
    tunnels_.erase(tunnel);
}

void KeyDistributor::receive(tunnel::TunnelId tunnel, const tunnel::Message& message,
                             TimePoint now) {
    ++tally_.messages_in;
    const auto known = tunnels_.find(tunnel);
    const auto* mdd = known == tunnels_.end() ? nullptr : roster_.mdd(known->second);
    const auto* conference = admitted_conference(mdd, message);
    if (conference == nullptr || !admits_datagram(message)) return;

    const Key key{mdd->fingerprint, message.association};
    const auto found = entries_.find(key);
    auto* entry = found == entries_.end() ? nullptr : &found->second;
    if (entry && !is_consistent(*entry, message)) return;
    if (entry) entry->tunnel = tunnel;

    const auto random = tunnel::client_hello_random(message.dtls);
    if (random && !(entry && entry->association.knows(*random)))
        return first_contact(key, tunnel, message, *conference, *random, now);
    if (!entry) return tally_.count(Drop::stray);
    entry->association.receive(message.dtls, now);
    settle(key);
}

const Conference* KeyDistributor::admitted_conference(const Mdd* mdd,
                                                      const tunnel::Message& message) {
    const auto* conference = roster_.conference(message.conference);
    if (mdd == nullptr)
        tally_.count(Drop::mdd_unknown);
    else if (conference == nullptr)
        tally_.count(Drop::conference_unknown);
    else if (!mdd->serves(message.conference))
        tally_.count(Drop::conference_forbidden);
    else
        return conference;
    return nullptr;
}

bool KeyDistributor::admits_datagram(const tunnel::Message& message) {
    if (message.dtls.empty()) {
        tally_.count(Drop::empty);
        return false;
    }
    switch (sort_inbound(message.dtls)) {
        case Sorting::pass:
            return true;
        case Sorting::malformed:
            tally_.count(Drop::malformed);
            break;
        case Sorting::unwanted_alert:
            tally_.count(Drop::unprotected_alert);
            break;
        case Sorting::unwanted_type:
            tally_.count(Drop::unprotected_type);
            break;
    }
    return false;
}

bool KeyDistributor::is_consistent(const Entry& entry, const tunnel::Message& message) {
    const auto* profiles = profiles_in(message);
    if (entry.conference != message.conference)
        tally_.count(Drop::conference_changed);
    else if (profiles && *profiles != entry.profiles)
        tally_.count(Drop::profiles_changed);
    else
        return true;
    return false;
}

void KeyDistributor::first_contact(const Key& key, tunnel::TunnelId tunnel,
                                   const tunnel::Message& message, const Conference& conference,
                                   const ClientRandom& random, TimePoint now) {
    const auto existing = entries_.find(key);
    const auto* profiles = profiles_in(message);
    if (!profiles && existing == entries_.end()) return tally_.count(Drop::no_profiles);
    if (timers_.size() >= limits_.handshakes) return tally_.count(Drop::busy);

    auto answer = gate_.offer(
        message.dtls, cookie_subject(key.first, key.second), [&](Bytes hello_verify_request) {
            send(tunnel, {message.association,
                          message.conference,
                          tunnel::Empty{},
                          {hello_verify_request.begin(), hello_verify_request.end()}});
        });
    if (std::holds_alternative<EndpointGate::CookieSent>(answer)) {
        ++tally_.cookies_sent;
    } else if (auto* accepted = std::get_if<std::unique_ptr<EndpointSsl>>(&answer)) {
        auto& entry = entries_[key];
        entry.conference = message.conference;
        if (profiles) entry.profiles = *profiles;
        entry.tunnel = tunnel;
        begin(key, std::move(*accepted), conference, random, now);
        settle(key);
    } else {
        tally_.count(Drop::bad_hello);
    }
}

void KeyDistributor::begin(const Key& key, std::unique_ptr<EndpointSsl> accepted,
                           const Conference& conference, const ClientRandom& random,
                           TimePoint now) {
    auto& entry = entries_.at(key);
    const auto number = static_cast<std::uint16_t>(conference.profile);
    Terms terms;
    terms.profile = conference.profile;
    terms.mdd_can = std::ranges::find(entry.profiles, number) != entry.profiles.end();
    terms.admits = [&conference](const auto& shown) {
        return conference.endpoint(shown) != nullptr;
    };
    terms.deadline = limits_.handshake_deadline;
    // Map nodes do not move, and an entry outlives its connections.
    auto out = [this, key, &entry](Bytes datagram, const srtp::HopKeys* keys) {
        transmit(key, entry, datagram, keys);
    };
    entry.association.begin(std::make_unique<Connection>(std::move(accepted), random,
                                                         std::move(terms), now, tally_, out),
                            tally_);
}

void KeyDistributor::expire(TimePoint now) {
    std::vector<Key> due;
    for (const auto& [at, key] : timers_) {
        if (at > now) break;
        due.push_back(key);
    }
    for (const auto& key : due) {
        entries_.at(key).association.expire(now);
        settle(key);
    }
}

std::optional<TimePoint> KeyDistributor::deadline() const {
    if (timers_.empty()) return std::nullopt;
    return timers_.begin()->first;
}

// After anything that may have changed an association. The entry may be gone afterwards.
void KeyDistributor::settle(const Key& key) {
    auto& entry = entries_.at(key);
    if (const auto failure = entry.association.take_failure()) {
        auto refused = notice(Notice::Kind::refused, key, entry, failure->endpoint);
        refused.refusal = failure->refusal;
        notify_(refused);
    }
    const auto* live = entry.association.live();
    if (live != entry.keyed) {
        if (entry.keyed) forget_keyed(key, entry);
        if (live) {
            welcome(key, entry, *live);
        } else {
            ++tally_.closed;
            notify_(notice(Notice::Kind::closed, key, entry, entry.endpoint));
        }
    }
    set_timer(key, entry, entry.association.deadline());
    if (entry.association.is_over()) entries_.erase(key);
}

void KeyDistributor::welcome(const Key& key, Entry& entry, const Connection& live) {
    entry.keyed = &live;
    entry.endpoint = live.fingerprint();
    const auto [place, is_only] = live_.try_emplace({entry.conference, entry.endpoint}, key);
    if (!is_only) displace(std::exchange(place->second, key));
    notify_(notice(Notice::Kind::keyed, key, entry, entry.endpoint));
}

void KeyDistributor::displace(const Key& key) {
    auto& older = entries_.at(key);
    ++tally_.displaced;
    older.association.close_live();
    older.keyed = nullptr;
    notify_(notice(Notice::Kind::displaced, key, older, older.endpoint));
    if (older.association.is_over()) entries_.erase(key);
}

void KeyDistributor::forget_keyed(const Key& key, Entry& entry) {
    entry.keyed = nullptr;
    const auto place = live_.find({entry.conference, entry.endpoint});
    if (place != live_.end() && place->second == key) live_.erase(place);
}

void KeyDistributor::set_timer(const Key& key, Entry& entry, std::optional<TimePoint> at) {
    if (entry.timer) timers_.erase({*entry.timer, key});
    entry.timer = at;
    if (at) timers_.insert({*at, key});
}

void KeyDistributor::transmit(const Key& key, const Entry& entry, Bytes datagram,
                              const srtp::HopKeys* keys) {
    tunnel::Message message{
        key.second, entry.conference, tunnel::Empty{}, {datagram.begin(), datagram.end()}};
    if (keys) {
        auto information = key_information(*keys);
#ifdef MDD_AUDIT
        auto sent = notice(Notice::Kind::keys_sent, key, entry, entry.endpoint);
        sent.keys_sha256 = keys_sha256(information);
        notify_(sent);
#endif
        message.body = std::move(information);
    }
    if (const auto tunnel = tunnel_of(key, entry))
        send(*tunnel, message);
    else
        ++tally_.unsent;
}

void KeyDistributor::send(tunnel::TunnelId tunnel, const tunnel::Message& message) {
    ++(send_(tunnel, message) ? tally_.messages_out : tally_.unsent);
}

std::optional<tunnel::TunnelId> KeyDistributor::tunnel_of(const Key& key,
                                                          const Entry& entry) const {
    if (tunnels_.contains(entry.tunnel)) return entry.tunnel;
    const auto newest = std::find_if(tunnels_.rbegin(), tunnels_.rend(),
                                     [&](const auto& up) { return up.second == key.first; });
    if (newest == tunnels_.rend()) return std::nullopt;
    return newest->first;
}

Notice KeyDistributor::notice(Notice::Kind kind, const Key& key, const Entry& entry,
                              const dtls::Fingerprint& endpoint) const {
    const auto* conference = roster_.conference(entry.conference);
    const auto* id = conference ? conference->endpoint(endpoint) : nullptr;
    const auto* mdd = roster_.mdd(key.first);
    return {kind, mdd ? mdd->name : "", key.second, entry.conference, id ? *id : "", {}, {}};
}

}  // namespace mdd::kmf
