// Legs: what each receiver's copy looks like and under which index it is sealed. See forward.h.
#include "dataplane/forward.h"

#include <cstring>

#include "dataplane/srtp/aead.h"
#include "dataplane/srtp/rtp.h"

namespace mdd {
namespace {

using srtp::Bytes;
using srtp::Verdict;

// The verdict that stands for "sealed and queued, or counted already".
constexpr auto kDone = Verdict::accepted;

// What sealing adds to a compound.
constexpr std::size_t kSrtcpOverheadBytes = srtp::kTagBytes + srtp::kSrtcpIndexBytes;

// RFC 7714 §12: at most 2^31 SRTCP packets per master key.
constexpr std::uint32_t kSrtcpLimit = 0x80000000u;

// Brings a leg up to date with its receiver's keys and its source's runs. At a new key start it
// counts from ROC 0 again: afresh under keys that have sealed nothing on it yet, around what they
// were used for otherwise (SRTCP, whose index the receiver reads, just goes on).
void follow(Leg& leg, const Stream& stream, const Member& to) {
    const bool starts = leg.key_start != to.key_start;
    if (leg.key_epoch != to.tx->epoch) {
        leg.rtp.follow_key();
        if (starts) {
            leg.rtp = {};
            leg.rtcp_next = 0;
        }
    } else if (starts) {
        leg.rtp.start_over();
    }
    leg.key_epoch = to.tx->epoch;
    leg.key_start = to.key_start;
    if (leg.source_run != stream.run) {
        leg.rtp.end_run();
        leg.source_run = stream.run;
    }
}

}  // namespace

unsigned Forwarder::rtp(const OpenedRtp& opened, const Member& sender, Stream& stream) {
    unsigned planned = 0;
    for (const auto& to : table_.conference(sender.conference)->members) {
        if (!to || to.get() == &sender) continue;
        ++planned;
        Verdict verdict = Verdict::leg_not_keyed;
        if (to->tx != nullptr) {
            auto& leg = stream.legs[to->slot];
            follow(leg, stream, *to);
            verdict = rtp_leg(opened, leg, *to);
        }
        if (verdict != kDone) counters_.drop(verdict);
    }
    counters_.planned.add(planned);
    return planned;
}

Verdict Forwarder::rtp_leg(const OpenedRtp& opened, Leg& leg, const Member& to) {
    if (leg.paused) return Verdict::leg_paused;
    const std::size_t most = opened.header.size() + opened.body_bytes + srtp::kMaxOhbBytes +
                             srtp::kTagBytes + opened.tail.size();
    if (const auto verdict = egress_.may_send(to, most); verdict != Verdict::accepted)
        return verdict;
    // From here on the index is spent, whatever happens: it is never handed to another packet.
    const auto placed = leg.rtp.place(opened.index);
    if (placed.verdict != Verdict::accepted) return placed.verdict;

    const auto sequence = static_cast<std::uint16_t>(placed.index);
    std::size_t plain_bytes = opened.body_bytes;
    if (opened.is_double)
        plain_bytes += srtp::write_ohb(srtp::with_sequence(opened.ohb, opened.sequence, sequence),
                                       opened.body + opened.body_bytes);

    const std::size_t header_bytes = opened.header.size();
    const std::size_t sealed_bytes = plain_bytes + srtp::kTagBytes;
    const auto draft = egress_.start(header_bytes + sealed_bytes + opened.tail.size());
    if (draft.packet == nullptr) return kDone;
    std::memcpy(draft.payload, opened.header.data(), header_bytes);
    srtp::store_be16(draft.payload + 2, sequence);
    srtp::seal(to.tx->rtp, to.tx->rtp.rtp_nonce(opened.ssrc, placed.index),
               Bytes(draft.payload, header_bytes), Bytes(opened.body, plain_bytes),
               draft.payload + header_bytes);
    std::memcpy(draft.payload + header_bytes + sealed_bytes, opened.tail.data(),
                opened.tail.size());
    egress_.finish(draft, to, &counters_.rtp_sent);
    return kDone;
}

unsigned Forwarder::rtcp(Bytes compound, const Member& sender, Stream& stream,
                         const Member* target) {
    unsigned planned = 0;
    for (const auto& to : table_.conference(sender.conference)->members) {
        if (!to || to.get() == &sender || (target != nullptr && to.get() != target)) continue;
        ++planned;
        auto verdict = may_send_rtcp(compound.size(), *to);
        if (verdict == Verdict::accepted) {
            auto& leg = stream.legs[to->slot];
            follow(leg, stream, *to);
            verdict = rtcp_leg(compound, stream.ssrc, leg, *to);
        }
        if (verdict != kDone) counters_.drop(verdict);
    }
    counters_.planned.add(planned);
    return planned;
}

Verdict Forwarder::may_send_rtcp(std::size_t compound_bytes, const Member& to) const {
    if (to.tx == nullptr) return Verdict::leg_not_keyed;
    return egress_.may_send(to, compound_bytes + kSrtcpOverheadBytes);
}

Verdict Forwarder::rtcp_leg(Bytes compound, std::uint32_t ssrc, Leg& leg, const Member& to) {
    const std::size_t bytes = compound.size() + kSrtcpOverheadBytes;
    if (leg.rtcp_next >= kSrtcpLimit) return Verdict::key_exhausted;
    const std::uint32_t index = leg.rtcp_next++;

    const auto draft = egress_.start(bytes);
    if (draft.packet == nullptr) return kDone;
    // RFC 7714 §9.1: clear part, ciphertext, tag, ESRTCP word; the AAD is the clear part and the
    // word, put together.
    std::array<std::uint8_t, srtp::kSrtcpClearBytes + srtp::kSrtcpIndexBytes> aad;
    std::memcpy(aad.data(), compound.data(), srtp::kSrtcpClearBytes);
    srtp::store_be32(aad.data() + srtp::kSrtcpClearBytes, 0x80000000u | index);
    std::memcpy(draft.payload, compound.data(), srtp::kSrtcpClearBytes);
    srtp::seal(to.tx->rtcp, to.tx->rtcp.rtcp_nonce(ssrc, index), aad,
               compound.subspan(srtp::kSrtcpClearBytes), draft.payload + srtp::kSrtcpClearBytes);
    std::memcpy(draft.payload + bytes - srtp::kSrtcpIndexBytes, aad.data() + srtp::kSrtcpClearBytes,
                srtp::kSrtcpIndexBytes);
    egress_.finish(draft, to, &counters_.rtcp_sent);
    return kDone;
}

}  // namespace mdd
