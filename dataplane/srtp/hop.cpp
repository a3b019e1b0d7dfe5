// Inbound keys and the three-way rule: what to try, and what a packet that verified has proved.
#include "dataplane/srtp/hop.h"

#include "dataplane/srtp/kdf.h"

namespace mdd::srtp {
namespace {

// A live endpoint that changes keys goes on close to where it was. A ROC-0 index farther away than
// this is taken for a fresh start: a restarted sender's random sequence number would otherwise pass
// for a continuation too often.
constexpr std::uint64_t kContinuation = 4096;

bool is_near(std::uint64_t a, std::uint64_t b) {
    return (a > b ? a - b : b - a) <= kContinuation;
}

Verdict to_verdict(Replay replay) {
    return replay == Replay::duplicate ? Verdict::replay_dup : Verdict::replay_old;
}

void add(Attempts& attempts, const Keyset* keys, std::uint64_t index, bool fresh_start) {
    if (keys != nullptr) attempts.list[attempts.count++] = {keys, index, fresh_start};
}

}  // namespace

Keyset::Keyset(const SessionKeys& keys, std::uint64_t key_epoch)
    : profile(keys.profile),
      is_double(traits_of(keys.profile).is_double),
      epoch(key_epoch),
      rtp(keys.rtp_key.first(traits_of(keys.profile).hop_key_bytes), keys.rtp_salt.bytes()),
      rtcp(keys.rtcp_key.first(traits_of(keys.profile).hop_key_bytes), keys.rtcp_salt.bytes()) {}

std::unique_ptr<const Keyset> make_keyset(Profile profile, const MasterKey& master,
                                          std::uint64_t epoch) {
    return std::make_unique<const Keyset>(derive_session_keys(profile, master), epoch);
}

void HopRx::install(const Keyset* keys) {
    old_ = newest_;
    newest_ = keys;
    proven_ = old_ == nullptr;
}

Attempts HopRx::rtp_attempts(const StreamRx* stream, std::uint16_t sequence, bool history,
                             unsigned window) const {
    Attempts attempts;
    if (stream == nullptr || !stream->rtp.started()) {
        add(attempts, newest_, sequence, !proven_ && history);
        add(attempts, old_, sequence, false);
        return attempts;
    }
    const auto index = estimate_index(stream->rtp.highest(), sequence);
    const auto replay = index ? stream->rtp.check(*index, window) : Replay::too_old;
    const bool far_at_roc_0 = index && *index < 0x10000 && !is_near(*index, stream->rtp.highest());
    if (replay == Replay::fresh) {
        add(attempts, newest_, *index, !proven_ && far_at_roc_0);
        add(attempts, old_, *index, false);
    } else {
        attempts.refused = to_verdict(replay);
    }
    const bool tried = attempts.count != 0 && *index == sequence;
    if (!proven_ && !tried) add(attempts, newest_, sequence, true);
    return attempts;
}

Attempts HopRx::rtcp_attempts(const StreamRx* stream, std::uint32_t index, bool history,
                              unsigned window) const {
    Attempts attempts;
    if (stream == nullptr || !stream->rtcp.started()) {
        add(attempts, newest_, index, !proven_ && history);
        add(attempts, old_, index, false);
        return attempts;
    }
    const auto replay = stream->rtcp.check(index, window);
    const bool fresh = replay == Replay::fresh;
    if (fresh || !proven_)
        add(attempts, newest_, index, !fresh || !is_near(index, stream->rtcp.highest()));
    if (fresh)
        add(attempts, old_, index, false);
    else
        attempts.refused = to_verdict(replay);
    return attempts;
}

Proof HopRx::settle(const Attempt& verified) {
    if (proven_ || verified.keys != newest_) return Proof::none;
    proven_ = true;
    if (!verified.fresh_start) return Proof::rekey;
    old_ = nullptr;
    return Proof::restart;
}

}  // namespace mdd::srtp
