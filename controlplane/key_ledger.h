// Which keys are or were in use on this node, by fingerprint, and what to do with keys that a KMF
// sends: the three-way rule of ownership law 6. Holds no key, installs nothing.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <string_view>
#include <unordered_map>

#include "controlplane/clock.h"
#include "controlplane/endpoint_ref.h"
#include "kmf-tunnel/key_fingerprint.h"

namespace mdd::control {

// Why keys from a KMF were not installed; the DTLS message with them is not passed on.
#define MDD_KEY_REFUSALS(X)                                                               \
    X(unknown_profile, "protection profile that mdd does not know")                       \
    X(wrong_length, "key or salt length does not fit the profile")                        \
    X(e2e_leak, "double-length key: the KMF leaks the end-to-end half")                   \
    X(profile_not_offered, "protection profile that mdd did not offer")                   \
    X(profile_mixed, "protection profile is not the conference's")                        \
    X(all_zero, "a key is all zero")                                                      \
    X(same_both_ways, "one key for both directions")                                      \
    X(retired, "the endpoint or another one has used the key before")                     \
    X(live_elsewhere, "the key is in use, at another endpoint or in the other direction") \
    X(ledger_full, "too many retired keys to remember another")

enum class KeyRefusal : std::uint8_t {
#define X(name, text) name,
    MDD_KEY_REFUSALS(X)
#undef X
        count_
};
struct KeyRefusalText {
    std::string_view name;
    std::string_view text;
};
const KeyRefusalText& text_of(KeyRefusal refusal);

enum class KeyRuling : std::uint8_t { install, current, refuse };
struct KeyJudgement {
    KeyRuling ruling;
    KeyRefusal reason;  // of a refusal
};

class KeyLedger {
  public:
    static constexpr std::chrono::hours kRemember{24};  // retired keys, at least
    static constexpr std::size_t kCapacity = 1 << 20;   // fingerprints; two per pair of keys

    explicit KeyLedger(std::size_t capacity = kCapacity) : capacity_(capacity) {}

    // What `names` are for `who`. Changes nothing but forgets what is older than kRemember.
    KeyJudgement judge(EndpointRef who, const tunnel::KeyNames& names, TimePoint now);
    // `who` uses `names` from now on; what it used before is retired. Precondition: judged
    // `install`.
    void install(EndpointRef who, const tunnel::KeyNames& names, TimePoint now);
    // `who` has left: its keys are retired.
    void retire(EndpointRef who, TimePoint now);

    std::size_t size() const { return known_.size(); }

  private:
    struct FingerprintHash {
        std::size_t operator()(const tunnel::KeyFingerprint& f) const {
            std::size_t hash;
            static_assert(sizeof hash <= std::tuple_size_v<tunnel::KeyFingerprint>);
            std::memcpy(&hash, f.data(), sizeof hash);
            return hash;
        }
    };
    struct Retired {
        tunnel::KeyFingerprint fingerprint;
        TimePoint when;
    };

    void forget_old(TimePoint now);

    const std::size_t capacity_;
    std::map<EndpointRef, tunnel::KeyNames> current_;
    std::unordered_map<tunnel::KeyFingerprint, bool, FingerprintHash> known_;  // true: live
    std::deque<Retired> retired_;                                              // oldest first
};

}  // namespace mdd::control
