// The receiving side's dealings with control: whose an SSRC is, packets held until that is known,
// and what a change of keys has proved. Part of Receiver (receive.h).
#include "dataplane/packet_pool.h"
#include "dataplane/receive.h"

namespace mdd {

using srtp::Bytes;
using srtp::Verdict;

Receiver::Place Receiver::place(Member& member, std::uint32_t ssrc, const srtp::Keyset& keys) {
    auto& endpoint = *member.endpoint;
    if (auto* stream = endpoint.streams.find(ssrc)) return {.stream = stream};
    if (auto* pending = endpoint.ungranted->find_pending(ssrc)) return {.pending = pending};
    forget_old_refusals(member);
    if (const auto* refused = endpoint.ungranted->find_refused(ssrc))
        return {.verdict = refused->reason};
    for (auto& pending : endpoint.ungranted->pending) {
        if (pending.in_use) continue;
        // Control must not take this for a question from before the restart.
        if (endpoint.unreported.any()) break;
        const Notice seen{.kind = Notice::Kind::ssrc_seen,
                          .worker = worker_,
                          .conference = member.conference,
                          .member = member.slot,
                          .ssrc = ssrc,
                          .epoch = keys.epoch};
        if (!mailbox_.notify(seen)) break;
        pending = {};
        pending.ssrc = ssrc;
        pending.rx.epoch = keys.epoch;
        pending.in_use = true;
        return {.pending = &pending};
    }
    return {.verdict = Verdict::ssrc_pending};
}

void Receiver::hold(PendingSsrc& pending, const HeldPacket& held) {
    auto* packet = held.packet;
    if (pending.held_count == PendingSsrc::kHeld || rte_pktmbuf_headroom(packet) < sizeof held)
        return drop(packet, Verdict::ssrc_pending);
    pending.hold(new (packet->buf_addr) HeldPacket(held));
}

void Receiver::grant(Member& member, Stream* stream, std::uint64_t epoch) {
    auto& endpoint = *member.endpoint;
    auto* pending = endpoint.ungranted->find_pending(stream->ssrc);
    if (pending == nullptr || pending->rx.epoch != epoch) return;
    stream->rx = pending->rx;
    // New or from before the member left: either way its packets are a new run on every leg.
    ++stream->run;
    if (!endpoint.streams.add(stream)) return drop_held(*pending, Verdict::ssrc_cap);
    while (const auto* held = pending->take()) release(member, *stream, *held);
    forward_opened();
    pending->in_use = false;
}

void Receiver::refuse(Member& member, std::uint32_t ssrc, std::uint64_t epoch, Verdict reason) {
    auto& endpoint = *member.endpoint;
    auto* pending = endpoint.ungranted->find_pending(ssrc);
    if (pending == nullptr || pending->rx.epoch != epoch) return;
    forget_old_refusals(member);
    endpoint.ungranted->refused[endpoint.ungranted->refused_count++ % UngrantedSsrcs::kRefused] = {
        ssrc, reason};
    drop_held(*pending, reason);
}

// An SSRC that has come free may be the one that was refused, or make room for it.
void Receiver::forget_old_refusals(Member& member) {
    auto& endpoint = *member.endpoint;
    const auto freed = table_.conference(member.conference)->ssrcs_freed;
    if (endpoint.ungranted->refused_under != freed) endpoint.ungranted->refused_count = 0;
    endpoint.ungranted->refused_under = freed;
}

void Receiver::drop_held(PendingSsrc& pending, Verdict reason) {
    while (const auto* held = pending.take()) drop(held->packet, reason);
    pending.in_use = false;
}

void Receiver::drop_pending(Member& member, Verdict reason) {
    for (auto& pending : member.endpoint->ungranted->pending)
        if (pending.in_use) drop_held(pending, reason);
}

void Receiver::prove(Member& member, const srtp::Attempt& verified) {
    auto& endpoint = *member.endpoint;
    conclude(member, endpoint.hop.settle(verified));
}

Decision Receiver::decide(Member& member, std::uint64_t epoch) {
    auto& hop = member.endpoint->hop;
    const auto& unreported = member.endpoint->unreported;
    if (!hop.keyed() || hop.newest()->epoch != epoch) return Decision::settled;
    // Control reads this answer before a notice: it must not take older keys' proof for silence.
    const bool behind = unreported.any();
    conclude(member, hop.settle_late());
    if (behind || unreported.any()) return Decision::open;
    if (hop.proven()) return Decision::settled;
    return hop.used() ? Decision::open : Decision::silent;
}

void Receiver::conclude(Member& member, srtp::Proof proof) {
    auto& endpoint = *member.endpoint;
    if (proof == srtp::Proof::restart) restart(member);
    if (proof != srtp::Proof::none) endpoint.unreported.add(proof, endpoint.hop.newest()->epoch);
    if (endpoint.unreported.any()) report_proofs(member);
}

void Receiver::restart(Member& member) {
    // Ownership law 6: the sender's indexes begin anew, ours do not. Its SSRCs from before go back
    // to control; those it goes on using are granted again, as a new run on every leg.
    auto& endpoint = *member.endpoint;
    const auto newest = endpoint.hop.newest()->epoch;
    endpoint.streams.remove_if(
        [newest](const Stream& stream) { return stream.rx.epoch != newest; });
    streams_.fill(nullptr);
    for (auto& pending : endpoint.ungranted->pending)
        if (pending.in_use && pending.rx.epoch != newest) drop_held(pending, Verdict::ssrc_pending);
    endpoint.ungranted->refused_count = 0;
}

void Receiver::report_proofs(Member& member) {
    // If control is behind, the endpoint's next packet tries again, and so does control's next
    // question. In this order: control takes no proof of keys older than those it has one for.
    auto& [restart, rekey] = member.endpoint->unreported;
    if (restart != 0 && report(member, srtp::Proof::restart, restart)) restart = 0;
    if (restart == 0 && rekey != 0 && report(member, srtp::Proof::rekey, rekey)) rekey = 0;
}

bool Receiver::report(const Member& member, srtp::Proof proof, std::uint64_t epoch) {
    return mailbox_.notify({.kind = Notice::Kind::key_proved,
                            .worker = worker_,
                            .proof = proof,
                            .conference = member.conference,
                            .member = member.slot,
                            .epoch = epoch});
}

}  // namespace mdd
