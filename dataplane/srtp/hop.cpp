// Inbound keys and the three-way rule: what to try, and what a packet that verified has proved.
#include "dataplane/srtp/hop.h"

#include <utility>

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

Proof fresh_start_if(bool fresh_start) {
    return fresh_start ? Proof::restart : Proof::rekey;
}

void add(Attempts& attempts, const Keyset* keys, std::uint64_t index, Proof proof = Proof::none) {
    if (keys != nullptr) attempts.list[attempts.count++] = {keys, index, proof};
}

}  // namespace

Keyset::Keyset(const SessionKeys& keys, std::uint64_t key_epoch)
    : rtcp_(std::make_unique<const Seldom>(
          keys.rtcp_key.first(traits_of(keys.profile).hop_key_bytes), keys.rtcp_salt.bytes())),
      profile(keys.profile),
      is_double(traits_of(keys.profile).is_double),
      epoch(key_epoch),
      rtp(keys.rtp_key.first(traits_of(keys.profile).hop_key_bytes), keys.rtp_salt.bytes()) {}

std::unique_ptr<const Keyset> make_keyset(Profile profile, const MasterKey& master,
                                          std::uint64_t epoch) {
    return std::make_unique<const Keyset>(derive_session_keys(profile, master), epoch);
}

void HopRx::install(const Keyset* keys) {
    old_ = newest_;
    newest_ = keys;
    is_double_ = keys->is_double;
    proven_ = old_ == nullptr;
    used_ = asked_ = false;
}

Attempts HopRx::rtp_attempts(const StreamRx* stream, std::uint16_t sequence, bool others,
                             unsigned window) const {
    Attempts attempts;
    const auto of_new_ssrc = others ? Proof::none : Proof::rekey;
    if (stream == nullptr || !stream->rtp.started()) {
        add(attempts, newest_, sequence, of_new_ssrc);
        add(attempts, old_, sequence);
        return attempts;
    }
    const auto index = estimate_index(stream->rtp.highest(), sequence);
    const auto replay = index ? stream->rtp.check(*index, window) : Replay::too_old;
    // Nothing is left to be proved then, and the keys' epoch lies on a cache line of its own.
    const bool is_new = proven_ || stream->epoch == newest_->epoch;
    const bool far_at_roc_0 = index && *index < 0x10000 && !is_near(*index, stream->rtp.highest());
    if (replay == Replay::fresh) {
        add(attempts, newest_, *index, is_new ? of_new_ssrc : fresh_start_if(far_at_roc_0));
        add(attempts, old_, *index);
    } else {
        attempts.refused = to_verdict(replay);
    }
    const bool tried = attempts.count != 0 && *index == sequence;
    if (!proven_ && !is_new && !tried) add(attempts, newest_, sequence, Proof::restart);
    return attempts;
}

Attempts HopRx::rtcp_attempts(const StreamRx* stream, std::uint32_t index, bool others,
                              unsigned window) const {
    Attempts attempts;
    const auto of_new_ssrc = others ? Proof::none : Proof::rekey;
    if (stream == nullptr || !stream->rtcp.started()) {
        add(attempts, newest_, index, of_new_ssrc);
        add(attempts, old_, index);
        return attempts;
    }
    const auto replay = stream->rtcp.check(index, window);
    const bool fresh = replay == Replay::fresh;
    const bool is_new = proven_ || stream->epoch == newest_->epoch;
    const bool low = !fresh || !is_near(index, stream->rtcp.highest());
    if (fresh || (!proven_ && !is_new))
        add(attempts, newest_, index, is_new ? of_new_ssrc : fresh_start_if(low));
    if (fresh)
        add(attempts, old_, index);
    else
        attempts.refused = to_verdict(replay);
    return attempts;
}

Proof HopRx::settle(const Attempt& verified) {
    heard_ = true;
    if (proven_ || verified.keys != newest_) return Proof::none;
    used_ = true;
    return verified.proof == Proof::none ? Proof::none : conclude(verified.proof);
}

Proof HopRx::settle_late() {
    if (proven_ || !used_ || !std::exchange(asked_, true)) return Proof::none;
    return conclude(Proof::restart);
}

Proof HopRx::conclude(Proof proof) {
    proven_ = true;
    if (proof == Proof::restart) old_ = nullptr;
    return proof;
}

}  // namespace mdd::srtp
