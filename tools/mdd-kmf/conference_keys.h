// The EKT key of one conference through its life (RFC 8870 §5.2, RFC 8871 §6.3): when a new one is
// due, and which member still has to get it. Pure: time and random bytes come from outside; no
// DTLS, no files.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string_view>
#include <vector>

#include "dataplane/srtp/keys.h"
#include "tools/dtls_srtp/ekt_message.h"
#include "tools/dtls_srtp/fingerprint.h"

namespace mdd::kmf {

using TimePoint = std::chrono::steady_clock::time_point;

// On which occasions a conference changes its EKT key, beside the end of the key's life.
struct RekeyPolicy {
    bool on_join = true;   // a joiner reads nothing that was sent before
    bool on_leave = true;  // a leaver reads nothing that is sent afterwards
    std::optional<std::chrono::milliseconds> interval{};
    std::chrono::seconds ttl{std::chrono::hours(24)};  // 1 s to 2^24 - 1 s

    bool operator==(const RekeyPolicy&) const = default;
};

enum class RekeyCause : std::uint8_t { first, join, leave, interval, ttl };
inline constexpr std::array<std::string_view, 5> kRekeyCauseNames{"first", "join", "leave",
                                                                  "interval", "ttl"};
constexpr std::string_view to_string(RekeyCause cause) {
    return kRekeyCauseNames[static_cast<std::size_t>(cause)];
}

// One EKT key. The salt is the conference's E2E SRTP master salt.
struct EktKey {
    std::uint16_t spi = 0;
    srtp::Secret<32> key;  // ConferenceKeys::key_bytes() of them
    srtp::Secret<srtp::kHopSaltBytes> salt;
    TimePoint made_at{};
};

class ConferenceKeys {
  public:
    // An endpoint, by its certificate: who comes back on another association is no new member.
    using Member = dtls::Fingerprint;
    using Random = std::function<void(srtp::MutableBytes)>;
    static constexpr std::chrono::milliseconds kJoinSpacing{100};

    // What outlives the process: the key with its age, and how far the SPIs are used.
    struct Saved {
        EktKey key;
        std::uint32_t spis_used = 0;
        bool is_stale = false;  // a member has left, or one has joined, since it was made
    };

    // `key_bytes`: 16 (AESKW128) or 32 (AESKW256).
    ConferenceKeys(std::size_t key_bytes, const RekeyPolicy& policy, Random random);
    // Goes on with `saved`; members come back by join_restored().
    ConferenceKeys(std::size_t key_bytes, const RekeyPolicy& policy, Random random, Saved saved);

    // Counts for the next renew(). So does a member that is one already: its new association may be
    // that of an endpoint that has restarted, and under the current key its new master keys would
    // be taken for old ones (RFC 8870 §4.1, epoch). Where joins do not count, it counts as leaving.
    void join(const Member& member);
    // One that already was a member before this process; it may or may not have the current key.
    void join_restored(const Member& member);
    void leave(const Member& member);
    void set_policy(const RekeyPolicy& policy) { policy_ = policy; }

    // Makes a new key when one is due, for all joins and leaves since the last call at once, and
    // tells the weightiest cause. A leave counts at once; joins wait until the current key is
    // kJoinSpacing old, so that a crowd does not cost one key each. Nothing is due while there are
    // no members; nothing can be made when the SPIs are used up.
    std::optional<RekeyCause> renew(TimePoint now);
    // A key is due, but each of the 65,536 SPIs has named one already: the conference has to start
    // over with other members' associations.
    bool is_used_up(TimePoint now) const;
    // When renew() has something to do again, if nothing happens before. nullopt: never.
    std::optional<TimePoint> deadline() const;

    // nullptr before the first.
    const EktKey* current() const { return key_ ? &*key_ : nullptr; }
    // The current key for who gets it now, with what is left of its life: at least one second.
    // Precondition: there is one.
    dtls::EktKeyMessage message(TimePoint now) const;
    std::size_t key_bytes() const { return key_bytes_; }
    std::uint32_t spis_used() const { return spis_used_; }
    bool is_stale() const { return joined_ || left_; }

    // Members to whom the current key has not been handed yet; not those who have to wait for the
    // next one.
    std::vector<Member> waiting() const;
    void handed(const Member& member);
    // False: that is not the current key, or nobody of ours.
    bool acknowledged(const Member& member, std::uint16_t spi);
    // It has not acknowledged what it was handed, and that is no longer repeated: it waits again.
    void hand_again(const Member& member);
    bool has_acknowledged(const Member& member) const;
    std::size_t members() const { return members_.size(); }

  private:
    // joining: not in the conference before the next key.
    enum class Standing : std::uint8_t { joining, waiting, handed, acknowledged };

    std::optional<RekeyCause> due(TimePoint now) const;
    TimePoint end_of_use() const;

    std::size_t key_bytes_;
    RekeyPolicy policy_;
    Random random_;
    std::optional<EktKey> key_;
    std::uint32_t spis_used_ = 0;
    // Since the current key was made, where the policy counts it.
    bool joined_ = false;
    bool left_ = false;
    std::map<Member, Standing> members_;
};

}  // namespace mdd::kmf
