// The KMF without sockets: tunnel messages and time in; tunnel messages and notices out. Keeps the
// endpoint associations of all MDDs, so that they outlive a tunnel, and the EKT keys of their
// conferences.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "kmf-tunnel/listener.h"
#include "tools/mdd-kmf/association.h"
#include "tools/mdd-kmf/handshake_share.h"
#include "tools/mdd-kmf/join_pace.h"
#include "tools/mdd-kmf/memberships.h"
#include "tools/mdd-kmf/notice.h"
#include "tools/mdd-kmf/quarantine.h"
#include "tools/mdd-kmf/roster.h"
#include "tools/mdd-kmf/state_record.h"
#include "tools/mdd-kmf/tunnel_book.h"

namespace mdd::kmf {

struct Limits {
    // At once, and of one MDD no more than are left for the others; more ClientHellos are dropped
    // and counted.
    std::size_t handshakes = 4096;
    std::chrono::milliseconds handshake_deadline{30'000};
    // Of one endpoint in one conference: so many in a row, and one more in each interval.
    unsigned joins = 16;
    std::chrono::milliseconds join_interval{10'000};
};

// Time that files are stamped with.
using WallTime = std::chrono::system_clock::time_point;

class KeyDistributor {
  public:
    struct Hooks {
        // False: that tunnel is not up.
        TunnelBook::Send send;
        std::function<void(const Notice&)> notify;
        // Keeps changes before anything is sent that depends on them; throws when it cannot, and
        // the distributor must not be used any more. Empty: nothing is kept.
        std::function<void(const StateChanges&)> keep;
        ConferenceKeys::Random random;
    };

    // `gate` must outlive it. No hook may call back.
    KeyDistributor(Roster roster, EndpointGate& gate, const Limits& limits, Hooks hooks);
    KeyDistributor(const KeyDistributor&) = delete;
    KeyDistributor& operator=(const KeyDistributor&) = delete;

    // Takes up what keep() was given before a restart, as far as the roster still admits it. Call
    // before anything else, then keep snapshot() in place of all earlier changes, then
    // finish_turn().
    void restore(SavedState saved, TimePoint now, WallTime wall);
    StateChanges snapshot(TimePoint now, WallTime wall);

    // The configured MDD, or nullptr: messages of such a tunnel are dropped and counted.
    const Mdd* tunnel_up(tunnel::TunnelId tunnel, const tunnel::PeerIdentity& peer,
                         tunnel::Dialect dialect);
    // Its associations stay and go on over the MDD's newest tunnel.
    void tunnel_down(tunnel::TunnelId tunnel);

    void receive(tunnel::TunnelId tunnel, const tunnel::Message& message, TimePoint now);
    // Call when deadline() has come; harmless earlier.
    void expire(TimePoint now);
    // Sends what calls to the others have made due: new EKT keys, and Finished messages with their
    // media keys. Call after each of them, or once after several: joins and leaves in between are
    // one re-key.
    void finish_turn(TimePoint now, WallTime wall);
    // nullopt: nothing is under way.
    std::optional<TimePoint> deadline() const;

    // Who may do what from now on. Associations that are no longer admitted are put out before it
    // returns. The tunnels whose certificates are no longer those of their MDDs are returned: close
    // them.
    std::vector<tunnel::TunnelId> reload(Roster roster, TimePoint now, WallTime wall);

    Tally tally() const;
    const Roster& roster() const { return roster_; }
    std::size_t live_associations() const { return live_.size(); }
    // nullptr: the conference has no key (yet).
    const ConferenceKeys* ekt_of(const tunnel::ConferenceId& conference) const {
        return memberships_.keys(conference);
    }

  private:
    using Key = AssociationKey;

    struct Entry {
        Association association;
        TunnelBook::Speaker speaker;          // for it
        tunnel::TunnelId tunnel{};            // that it used last for it
        tunnel::ConferenceId conference;      // dtls-v1: named; rfc9185: zero until keyed
        std::vector<std::uint16_t> profiles;  // the MDD's
        const Connection* keyed = nullptr;    // whose completion has been seen to
        Admitted admitted;                    // of `keyed`
        std::string name;                     // the endpoint's, likewise
        std::optional<TimePoint> timer;
        bool is_unanswered = false;  // it has not acknowledged the EKT key
    };

    // Where a message comes from.
    struct Source {
        tunnel::TunnelId tunnel{};
        const Mdd* mdd = nullptr;
        tunnel::Dialect dialect = tunnel::Dialect::dtls_v1;
    };

    std::optional<Source> source_of(tunnel::TunnelId tunnel);
    const Mdd* take_in(tunnel::TunnelId tunnel, const dtls::Fingerprint& certificate,
                       tunnel::Dialect dialect);
    std::vector<tunnel::TunnelId> review_tunnels();
    bool admits_conference(const Source& source, const tunnel::Message& message);
    bool admits_speaker(const Source& source, const Entry& entry);
    bool admits_datagram(const tunnel::Message& message);
    bool is_consistent(const Entry& entry, const tunnel::Message& message, tunnel::Dialect dialect);
    void first_contact(const Key& key, const Source& source, const tunnel::Message& message,
                       const ClientRandom& random, TimePoint now);
    void begin(const Key& key, std::unique_ptr<EndpointSsl> accepted, const ClientRandom& random,
               TimePoint now);
    void disconnect_by_mdd(const Key& key, const Source& source, TimePoint now);
    Connection::Out out_of(const Key& key, Entry& entry);

    // key_distributor_ends.cpp: how associations begin to count, and end.
    void settle(const Key& key, TimePoint now);
    void tell_failure(const Key& key, Entry& entry);
    void hear(const Key& key, Entry& entry);
    void hear(const Key& key, Entry& entry, const dtls::EktServer::Event& event);
    void welcome(const Key& key, Entry& entry, TimePoint now);
    void turn_away(const Key& key, Entry& entry, Refusal why);
    void displace(const Key& key, TimePoint now);
    void put_out(const Key& key, TimePoint now);
    void forget_keyed(const Key& key, Entry& entry, bool has_left);
    void remove(const Key& key, const Entry& entry, TimePoint now);
    void set_timer(const Key& key, Entry& entry, std::optional<TimePoint> at);
    void start_over(const tunnel::ConferenceId& conference, TimePoint now);

    // key_distributor_turns.cpp: what is kept, and only then sent.
    void restore_keys(const tunnel::ConferenceId& conference, SavedKeys saved, TimePoint now,
                      WallTime wall);
    void restore_association(const Key& key, SavedAssociation saved, TimePoint now);
    void hand(const Memberships::Handing& handing, TimePoint now);
    void keep_changes(const std::vector<tunnel::ConferenceId>& changed, TimePoint now,
                      WallTime wall);
    AssociationChange change_of(const Key& key);
    KeysChange change_of(const tunnel::ConferenceId& conference, TimePoint now, WallTime wall);
    void release();

    void transmit(const Key& key, const Entry& entry, Bytes datagram, const srtp::HopKeys* keys);
    Notice notice(Notice::Kind kind, const Key& key, const Entry& entry) const;

    Roster roster_;
    EndpointGate& gate_;
    Limits limits_;
    Hooks hooks_;
    Tally tally_;
    TunnelBook tunnels_;
    Memberships memberships_;
    Quarantine quarantine_;
    std::map<Key, Entry> entries_;
    std::map<std::pair<tunnel::ConferenceId, dtls::Fingerprint>, Key> live_;
    std::set<std::pair<TimePoint, Key>> timers_;
    HandshakeShare handshaking_;
    JoinPace join_pace_;

    // Of the turn under way.
    std::set<Key> changed_;                              // live, and not kept as they are now
    std::set<Key> ended_;                                // were live
    std::set<Key> handed_;                               // have an EKT key to send
    std::vector<std::pair<Key, tunnel::Message>> held_;  // with media keys
};

}  // namespace mdd::kmf
