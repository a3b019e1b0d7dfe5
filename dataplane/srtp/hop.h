// One-way security context between one endpoint and us, receiving side: which keys and which index
// a packet may have, and what a packet that verified proves about a change of keys (ownership laws
// 4 and 6). Runs no cipher itself.
#pragma once

#include <array>
#include <memory>
#include <utility>

#include "dataplane/srtp/aead.h"
#include "dataplane/srtp/hot_memory.h"
#include "dataplane/srtp/index.h"
#include "dataplane/srtp/keys.h"
#include "dataplane/srtp/verdict.h"

namespace mdd::srtp {

// Session keys of one direction, expanded. Made by control, read-only afterwards, shared by the
// workers of a node; whoever made it frees it once every worker has acknowledged letting go. 576
// bytes, and 512 for SRTCP, which few packets need, elsewhere; 512 more for each on a CPU
// without VAES, 1024 on one with it that seals with IPsec-MB.
class Keyset : public InHotMemory {
    struct Seldom : InCoolMemory {
        Seldom(Bytes session_key, Bytes salt) : key(session_key, salt, Read::seldom) {}
        const AeadKey key;
    };
    // Here, in the line that the members below do not fill.
    const std::unique_ptr<const Seldom> rtcp_;

  public:
    Keyset(const SessionKeys& keys, std::uint64_t key_epoch);
    const Profile profile;
    const bool is_double;
    const std::uint64_t epoch;  // numbers the key changes of one endpoint, rising
    const AeadKey rtp;
    const AeadKey& rtcp() const { return rtcp_->key; }
};
static_assert(sizeof(Keyset) == 64 + sizeof(AeadKey));

// Derives and expands. Not for poll cores.
std::unique_ptr<const Keyset> make_keyset(Profile profile, const MasterKey& master,
                                          std::uint64_t epoch);

// What the owner keeps of one inbound SSRC. One window per SSRC, not per key: otherwise one index
// could be presented under the old and the new key and put two packets onto one outbound nonce.
struct StreamRx {
    std::uint64_t epoch = 0;  // of the keys that its first packet verified under
    ReplayWindow<kReplayWindowPackets> rtp;
    ReplayWindow<kReplayWindowPackets> rtcp;
};

inline Verdict to_verdict(Replay replay) {
    switch (replay) {
        case Replay::fresh:
            return Verdict::accepted;
        case Replay::duplicate:
            return Verdict::replay_dup;
        case Replay::too_old:
            return Verdict::replay_old;
    }
    return Verdict::replay_old;
}

// What the first packet of a known SSRC under a new key proves.
enum class Proof : std::uint8_t { none, rekey, restart };

// One way in which a packet could verify, and what it proves if it does under the newest keys.
struct Attempt {
    const Keyset* keys = nullptr;
    std::uint64_t index = 0;
    Proof proof = Proof::none;
};

// Attempts in the order to be tried; none: `refused` says why.
struct Attempts {
    std::array<Attempt, 3> list;
    unsigned count = 0;
    Verdict refused = Verdict::auth_fail;
};

// Inbound keys of one endpoint: the newest, and the one before while it may still be in flight. One
// worker's; neither copyable nor movable.
class HopRx {
  public:
    HopRx() = default;
    HopRx(const HopRx&) = delete;
    HopRx& operator=(const HopRx&) = delete;

    // `keys` is accepted at once beside the current ones; an even older set is let go. The first
    // set of an endpoint needs no proof.
    void install(const Keyset* keys);
    // Lets the older set go (10 s after the proof at the latest, ownership law 6; control's timer).
    void retire_old() { old_ = nullptr; }
    // The endpoint has left: no packet verifies any more.
    void clear() {
        newest_ = old_ = nullptr;
        proven_ = true;
        used_ = asked_ = false;
    }

    bool keyed() const { return newest_ != nullptr; }
    // False from install() until it is known whether the endpoint goes on or has started over.
    bool proven() const { return proven_; }
    // There is nothing to try but the newest keys, and nothing to prove.
    bool settled() const { return proven_ && old_ == nullptr && newest_ != nullptr; }
    // Something has verified under the newest keys since install(). Precondition: not proven().
    bool used() const { return used_; }
    const Keyset* newest() const { return newest_; }
    // Of the newest keys. Precondition: keyed().
    bool is_double() const { return is_double_; }

    // Ways in which an RTP packet with `sequence` may verify. `stream` is null for an SSRC not seen
    // before; `others`: SSRCs from before the newest keys may still go on, so that one heard only
    // under these proves nothing; `window`: replay window in use.
    Attempts rtp_attempts(const StreamRx* stream, std::uint16_t sequence, bool others,
                          unsigned window) const;
    // Likewise for SRTCP with its explicit 31-bit index.
    Attempts rtcp_attempts(const StreamRx* stream, std::uint32_t index, bool others,
                           unsigned window) const;

    // To be called with the attempt that verified. Tells what it proved; a restart lets the old
    // keys go at once.
    Proof settle(const Attempt& verified);
    // To be called instead, when settled(), with what verified under the newest keys.
    void hear() { heard_ = true; }
    // Whether anything has verified since the last time this was asked.
    bool take_heard() { return std::exchange(heard_, false); }
    // To be called once a second while no proof has come. An endpoint that has used the newest
    // keys, but for new SSRCs only, has restarted if the call before found it so already: its other
    // SSRCs have a whole second to go on. none: not known yet, or proven already.
    Proof settle_late();

  private:
    Proof conclude(Proof proof);

    const Keyset* newest_ = nullptr;
    const Keyset* old_ = nullptr;
    bool is_double_ = false;
    bool proven_ = true;
    bool used_ = false;
    bool asked_ = false;  // settle_late() has found the newest keys used
    bool heard_ = false;
};

}  // namespace mdd::srtp
