// Finds the association of each message, and lets first contacts in.
#include "tools/mdd-kmf/key_distributor.h"

#include <algorithm>

#include "kmf-tunnel/record.h"
#include "tools/mdd-kmf/key_message.h"

namespace mdd::kmf {
namespace {

using tunnel::Dialect;

const std::vector<std::uint16_t>* profiles_in(const tunnel::Message& message) {
    const auto* body = std::get_if<tunnel::SupportedProfiles>(&message.body);
    return body ? &body->profiles : nullptr;
}

// The endpoint's address is the MDD's secret; its association id stands for it.
std::vector<std::uint8_t> cookie_subject(const AssociationKey& key) {
    std::vector<std::uint8_t> subject(key.first.begin(), key.first.end());
    subject.insert(subject.end(), key.second.bytes.begin(), key.second.bytes.end());
    return subject;
}

}  // namespace

KeyDistributor::KeyDistributor(Roster roster, EndpointGate& gate, const Limits& limits, Hooks hooks)
    : roster_(std::move(roster)),
      gate_(gate),
      limits_(limits),
      hooks_(std::move(hooks)),
      tunnels_(hooks_.send),
      memberships_(hooks_.random),
      handshaking_(limits_.handshakes),
      join_pace_(limits_.joins, limits_.join_interval) {}

const Mdd* KeyDistributor::tunnel_up(tunnel::TunnelId tunnel, const tunnel::PeerIdentity& peer,
                                     Dialect dialect) {
    return take_in(tunnel, peer.certificate_sha256, dialect);
}

const Mdd* KeyDistributor::take_in(tunnel::TunnelId tunnel, const dtls::Fingerprint& certificate,
                                   Dialect dialect) {
    const auto* mdd = roster_.mdd_with(certificate);
    tunnels_.up(tunnel, {{mdd ? mdd->name : "", dialect}, certificate});
    if (mdd == nullptr) return nullptr;
    for (auto& [key, entry] : entries_) {
        if (!entry.is_unanswered || entry.speaker.mdd != mdd->name) continue;
        entry.is_unanswered = false;
        memberships_.hand_again(entry.admitted.conference, entry.admitted.endpoint);
    }
    return mdd;
}

void KeyDistributor::tunnel_down(tunnel::TunnelId tunnel) {
    tunnels_.down(tunnel);
}

void KeyDistributor::receive(tunnel::TunnelId tunnel, const tunnel::Message& message,
                             TimePoint now) {
    ++tally_.messages_in;
    const auto source = source_of(tunnel);
    if (!source) return tally_.count(Drop::mdd_unknown);
    const bool by_id_alone = source->dialect == Dialect::rfc9185;
    const Key key{by_id_alone ? "" : source->mdd->name, message.association};
    if (std::holds_alternative<tunnel::Disconnect>(message.body))
        return disconnect_by_mdd(key, *source, now);
    if (by_id_alone && quarantine_.holds(key.second, now)) return tally_.count(Drop::quarantined);

    const auto found = entries_.find(key);
    auto* entry = found == entries_.end() ? nullptr : &found->second;
    if (!by_id_alone && !admits_conference(*source, message)) return;
    if (entry && !admits_speaker(*source, *entry)) return;
    if (!admits_datagram(message)) return;
    if (entry && !is_consistent(*entry, message, source->dialect)) return;
    if (entry) entry->tunnel = tunnel;

    const auto random = tunnel::client_hello_random(message.dtls);
    if (random && !(entry && entry->association.knows(*random)))
        return first_contact(key, *source, message, *random, now);
    if (!entry) return tally_.count(Drop::stray);
    entry->association.receive(message.dtls, now);
    settle(key, now);
}

std::optional<KeyDistributor::Source> KeyDistributor::source_of(tunnel::TunnelId tunnel) {
    const auto* known = tunnels_.find(tunnel);
    const auto* mdd = known ? roster_.mdd(known->speaker.mdd) : nullptr;
    if (mdd == nullptr) return std::nullopt;
    return Source{tunnel, mdd, known->speaker.dialect};
}

bool KeyDistributor::admits_conference(const Source& source, const tunnel::Message& message) {
    if (roster_.conference(message.conference) == nullptr)
        tally_.count(Drop::conference_unknown);
    else if (!source.mdd->serves(message.conference))
        tally_.count(Drop::conference_forbidden);
    else
        return true;
    return false;
}

// rfc9185: any tunnel will do, but of the MDD that began: the id of another's association is no
// right to it.
bool KeyDistributor::admits_speaker(const Source& source, const Entry& entry) {
    if (entry.speaker.mdd == source.mdd->name) return true;
    tally_.count(Drop::foreign_mdd);
    return false;
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

bool KeyDistributor::is_consistent(const Entry& entry, const tunnel::Message& message,
                                   Dialect dialect) {
    const auto* profiles = profiles_in(message);
    if (dialect == Dialect::dtls_v1 && entry.conference != message.conference)
        tally_.count(Drop::conference_changed);
    else if (profiles && *profiles != entry.profiles)
        tally_.count(Drop::profiles_changed);
    else
        return true;
    return false;
}

void KeyDistributor::first_contact(const Key& key, const Source& source,
                                   const tunnel::Message& message, const ClientRandom& random,
                                   TimePoint now) {
    const auto existing = entries_.find(key);
    const auto* profiles = profiles_in(message);
    if (!profiles && existing == entries_.end()) return tally_.count(Drop::no_profiles);
    if (!handshaking_.has_room(source.mdd->name)) return tally_.count(Drop::busy);

    const TunnelBook::Speaker speaker{source.mdd->name, source.dialect};
    auto answer = gate_.offer(message.dtls, cookie_subject(key), [&](Bytes hello_verify_request) {
        tunnels_.send(speaker, source.tunnel,
                      {message.association,
                       message.conference,
                       tunnel::Empty{},
                       {hello_verify_request.begin(), hello_verify_request.end()}});
    });
    if (std::holds_alternative<EndpointGate::CookieSent>(answer)) {
        ++tally_.cookies_sent;
    } else if (auto* accepted = std::get_if<std::unique_ptr<EndpointSsl>>(&answer)) {
        auto& entry = entries_[key];
        entry.speaker = speaker;
        entry.tunnel = source.tunnel;
        if (!entry.keyed) entry.conference = message.conference;
        if (profiles) entry.profiles = *profiles;
        begin(key, std::move(*accepted), random, now);
        settle(key, now);
    } else {
        tally_.count(Drop::bad_hello);
    }
}

void KeyDistributor::begin(const Key& key, std::unique_ptr<EndpointSsl> accepted,
                           const ClientRandom& random, TimePoint now) {
    auto& entry = entries_.at(key);
    Admission::Asked asked;
    asked.mdd = entry.speaker.mdd;
    asked.dialect = entry.speaker.dialect;
    // An association does not move to another conference.
    if (entry.keyed || asked.dialect == Dialect::dtls_v1) asked.conference = entry.conference;
    asked.mdd_profiles = entry.profiles;
    entry.association.begin(std::make_unique<Connection>(
                                std::move(accepted), random, Admission(roster_, std::move(asked)),
                                limits_.handshake_deadline, now, tally_, out_of(key, entry)),
                            tally_);
}

// Map nodes do not move, and an entry outlives its connections.
Connection::Out KeyDistributor::out_of(const Key& key, Entry& entry) {
    return [this, key, &entry](Bytes datagram, const srtp::HopKeys* keys) {
        transmit(key, entry, datagram, keys);
    };
}

void KeyDistributor::disconnect_by_mdd(const Key& key, const Source& source, TimePoint now) {
    const auto found = entries_.find(key);
    if (found == entries_.end()) return tally_.count(Drop::unknown_disconnect);
    auto& entry = found->second;
    if (!admits_speaker(source, entry)) return;
    entry.tunnel = source.tunnel;
    if (entry.keyed) {
        ++tally_.disconnected;
        hooks_.notify(notice(Notice::Kind::disconnected, key, entry));
        entry.association.drop_live();
        forget_keyed(key, entry, true);
    }
    entry.association.abandon(Refusal::disconnected);
    settle(key, now);
}

void KeyDistributor::expire(TimePoint now) {
    std::vector<Key> due;
    for (const auto& [at, key] : timers_) {
        if (at > now) break;
        due.push_back(key);
    }
    for (const auto& key : due) {
        const auto found = entries_.find(key);
        if (found == entries_.end()) continue;
        found->second.association.expire(now);
        settle(key, now);
    }
}

std::optional<TimePoint> KeyDistributor::deadline() const {
    const auto conferences = memberships_.deadline();
    if (timers_.empty()) return conferences;
    return std::min(timers_.begin()->first, conferences.value_or(TimePoint::max()));
}

// What carries media keys waits for the end of the turn: a restart must know the association that
// its MDD believes in.
void KeyDistributor::transmit(const Key& key, const Entry& entry, Bytes datagram,
                              const srtp::HopKeys* keys) {
    tunnel::Message message{
        key.second, entry.conference, tunnel::Empty{}, {datagram.begin(), datagram.end()}};
    if (!keys) {
        tunnels_.send(entry.speaker, entry.tunnel, message);
        return;
    }
    auto information = key_information(*keys);
#ifdef MDD_AUDIT
    auto sent = notice(Notice::Kind::keys_sent, key, entry);
    sent.keys_sha256 = keys_sha256(information);
    hooks_.notify(sent);
#endif
    message.body = std::move(information);
    held_.emplace_back(key, std::move(message));
}

Notice KeyDistributor::notice(Notice::Kind kind, const Key& key, const Entry& entry) const {
    Notice made;
    made.kind = kind;
    made.mdd = entry.speaker.mdd;
    made.association = key.second;
    made.conference = entry.conference;
    made.endpoint = entry.name;
    return made;
}

Tally KeyDistributor::tally() const {
    auto tally = tally_;
    tally.messages_out = tunnels_.sent();
    tally.unsent = tunnels_.unsent();
    tally.disconnects_sent = tunnels_.disconnects();
    return tally;
}

// Nobody's so far may have become somebody's; another's than before has to come back as what it is.
std::vector<tunnel::TunnelId> KeyDistributor::review_tunnels() {
    std::vector<tunnel::TunnelId> to_close;
    const auto all = tunnels_.all();
    for (const auto& [id, tunnel] : all) {
        const auto* mdd = roster_.mdd_with(tunnel.certificate);
        if (mdd && tunnel.speaker.mdd.empty())
            take_in(id, tunnel.certificate, tunnel.speaker.dialect);
        else if (!mdd || mdd->name != tunnel.speaker.mdd)
            to_close.push_back(id);
    }
    return to_close;
}

std::vector<tunnel::TunnelId> KeyDistributor::reload(Roster roster, TimePoint now, WallTime wall) {
    roster_ = std::move(roster);
    join_pace_.forget_rested(now);
    std::vector<Key> everybody;
    for (const auto& [key, entry] : entries_) everybody.push_back(key);
    for (const auto& key : everybody) {
        auto& entry = entries_.at(key);
        // Other handshakes are judged by the new roster as they go on.
        if (roster_.mdd(entry.speaker.mdd) == nullptr) entry.association.abandon(Refusal::put_out);
        if (entry.keyed &&
            !still_admits(roster_, entry.speaker.mdd, entry.speaker.dialect, entry.admitted))
            put_out(key, now);
        else
            settle(key, now);
    }
    std::vector<tunnel::ConferenceId> forgotten = memberships_.adopt(roster_);
    keep_changes(forgotten, now, wall);
    auto to_close = review_tunnels();
    finish_turn(now, wall);
    return to_close;
}

}  // namespace mdd::kmf
