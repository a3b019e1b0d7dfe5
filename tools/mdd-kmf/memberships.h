// The conferences that have EKT, each with its keys and members, and when they change. Knows no
// associations: who has to be told is answered by the names of endpoints.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <vector>

#include "tools/mdd-kmf/conference_keys.h"
#include "tools/mdd-kmf/roster.h"

namespace mdd::kmf {

class Memberships {
  public:
    using Member = ConferenceKeys::Member;

    explicit Memberships(ConferenceKeys::Random random) : random_(std::move(random)) {}

    // All count for the next take_turn(). A conference without EKT has no keys and nothing happens.
    void join(const Conference& conference, const Member& member);
    void leave(const tunnel::ConferenceId& conference, const Member& member);
    // The current key did not arrive and is no longer repeated: try again.
    void hand_again(const tunnel::ConferenceId& conference, const Member& member);
    bool acknowledged(const tunnel::ConferenceId& conference, const Member& member,
                      std::uint16_t spi);

    // From before a restart: first the keys of a conference, then its members.
    void restore(const Conference& conference, ConferenceKeys::Saved saved);
    void join_restored(const Conference& conference, const Member& member);
    // Policies as they are now; conferences that are gone, or have another cipher, are forgotten
    // and returned.
    std::vector<tunnel::ConferenceId> adopt(const Roster& roster);
    // Its members are gone already: the next one begins its keys anew.
    void forget(const tunnel::ConferenceId& conference);

    struct Rekey {
        tunnel::ConferenceId conference;
        RekeyCause cause;
    };
    struct Handing {
        tunnel::ConferenceId conference;
        Member member;
    };
    struct Turn {
        std::vector<Rekey> rekeys;
        std::vector<Handing> to_hand;               // now counted as handed
        std::vector<tunnel::ConferenceId> changed;  // keys to be kept before anybody has them
        std::vector<tunnel::ConferenceId> used_up;  // no SPI left
    };
    // Everything that the calls since the last turn, and the time, have made due.
    Turn take_turn(TimePoint now);
    std::optional<TimePoint> deadline() const;

    // nullptr: no keys (yet).
    const ConferenceKeys* keys(const tunnel::ConferenceId& conference) const;
    const std::map<tunnel::ConferenceId, ConferenceKeys>& all() const { return conferences_; }

  private:
    ConferenceKeys& keys_of(const Conference& conference);
    void set_timer(const tunnel::ConferenceId& conference, std::optional<TimePoint> at);

    ConferenceKeys::Random random_;
    std::map<tunnel::ConferenceId, ConferenceKeys> conferences_;
    std::set<tunnel::ConferenceId> touched_;
    std::set<tunnel::ConferenceId> changed_;
    std::map<tunnel::ConferenceId, TimePoint> timer_of_;
    std::set<std::pair<TimePoint, tunnel::ConferenceId>> timers_;
};

}  // namespace mdd::kmf
