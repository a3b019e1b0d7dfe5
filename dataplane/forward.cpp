// Legs: what each receiver's copy looks like and under which index it is sealed. See forward.h.
#include "dataplane/forward.h"

#include <emmintrin.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "dataplane/srtp/aead.h"
#include "dataplane/srtp/prefetch.h"
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
[[gnu::noinline]] void catch_up(Leg& leg, const Stream& stream, const Recipient& to) {
    const bool starts = leg.key_start != to.key_start;
    if (leg.key_epoch != to.key_epoch) {
        leg.rtp.follow_key();
        if (starts) {
            leg.rtp = {};
            leg.rtcp_next = 0;
        }
    } else if (starts) {
        leg.rtp.start_over();
    }
    leg.key_epoch = to.key_epoch;
    leg.key_start = to.key_start;
    if (leg.source_run != stream.run) {
        leg.rtp.end_run();
        leg.source_run = stream.run;
    }
}

inline Leg& leg_towards(const Recipient& to, MemberSlot slot, Stream& stream) {
    auto& leg = stream.legs[slot];
    if (leg.key_epoch != to.key_epoch || leg.key_start != to.key_start ||
        leg.source_run != stream.run)
        catch_up(leg, stream, to);
    return leg;
}

// The received header with another sequence number. The first 16 bytes at once, whatever follows
// the shortest header: the cipher loads them right afterwards, and would wait for parts of them.
// Precondition: 16 bytes can be read and written; behind each header stand ciphertext and tag.
void write_header(Bytes received, std::uint16_t sequence, std::uint8_t* to) {
    constexpr std::size_t kWide = sizeof(__m128i);
    constexpr int kSequenceWord = 1;
    auto first = _mm_loadu_si128(reinterpret_cast<const __m128i*>(received.data()));
    first = _mm_insert_epi16(first, __builtin_bswap16(sequence), kSequenceWord);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to), first);
    if (received.size() > kWide)
        std::memcpy(to + kWide, received.data() + kWide, received.size() - kWide);
}

// Of how many keys the addresses are translated together.
constexpr std::size_t kAddressesTogether = 8;

// One translation takes as long as some copies do, and several side by side no longer than one.
void prefetch_addresses(std::span<const Recipient> recipients, std::size_t from,
                        std::size_t left_out) {
    const auto end = std::min(recipients.size(), from + kAddressesTogether);
    for (auto slot = from; slot < end; ++slot)
        if (const auto* keys = recipients[slot].tx; slot != left_out && keys != nullptr)
            keys->rtp.prefetch_address();
}

}  // namespace

[[gnu::always_inline]] inline Verdict Forwarder::rtp_leg(OpenedRtp& opened, Leg& leg,
                                                         const Recipient& to, Egress::Way& way) {
    if (leg.paused != 0) return Verdict::leg_paused;
    const std::size_t header_bytes = opened.header.size(), tail_bytes = opened.tail.size();
    const std::size_t most =
        header_bytes + opened.body_bytes + srtp::kMaxOhbBytes + srtp::kTagBytes + tail_bytes;
    if (const auto verdict = Egress::may_send(way, to, most); verdict != Verdict::accepted)
        return verdict;
    // From here on the index is spent, whatever happens: it is never handed to another packet.
    const auto placed = leg.rtp.place(opened.index);
    if (placed.verdict != Verdict::accepted) return placed.verdict;

    const auto sequence = static_cast<std::uint16_t>(placed.index);
    std::size_t plain_bytes = opened.body_bytes;
    if (opened.is_double) {
        const auto& ohb = opened.ohb.for_sequence(sequence);
        // Mostly the same as for the receiver before, and then not to be touched: the cipher reads
        // faster what was not written just now.
        if (std::exchange(opened.ohb_in_place, &ohb) != &ohb)
            std::memcpy(opened.body + opened.body_bytes, ohb.bytes.data(), ohb.bytes.size());
        plain_bytes += ohb.size_bytes;
    }
    const std::size_t sealed_bytes = plain_bytes + srtp::kTagBytes;
    const auto draft = egress_.start(header_bytes + sealed_bytes + tail_bytes);
    if (draft.packet == nullptr) return kDone;
    write_header(opened.header, sequence, draft.payload);
    srtp::seal(to.tx->rtp, to.tx->rtp.rtp_nonce(opened.stream->ssrc, placed.index),
               Bytes(draft.payload, header_bytes), Bytes(opened.body, plain_bytes),
               draft.payload + header_bytes);
    auto* tail = draft.payload + header_bytes + sealed_bytes;
    if (tail_bytes == 1)  // a short EKT tag, as most packets have
        *tail = opened.tail.front();
    else
        std::memcpy(tail, opened.tail.data(), tail_bytes);
    egress_.finish(draft, to, way, &counters_.rtp_sent);
    return kDone;
}

unsigned Forwarder::rtp(std::span<OpenedRtp> group, std::span<const Recipient> recipients,
                        ReadAhead& ahead) {
    // A sender gets no copy of its own; what is known of it as a receiver is not even looked at
    // where all packets are its.
    const std::size_t sender = group.front().sender;
    const bool one_sender = std::ranges::all_of(
        group, [sender](const OpenedRtp& opened) { return opened.sender == sender; });
    const auto left_out = one_sender ? sender : recipients.size();
    const auto packet_bytes = group.front().header.size() + group.front().body_bytes +
                              srtp::kMaxOhbBytes + srtp::kTagBytes;
    const auto lines_per_copy = ahead.share(group.size() * (recipients.size() - 1));
    unsigned planned = 0;
    for (std::size_t slot = 0; slot < recipients.size(); ++slot) {
        const auto& to = recipients[slot];
        if (const auto later = slot + kKeysAhead; later < recipients.size()) {
            if (slot % kAddressesTogether == 0) prefetch_addresses(recipients, later, left_out);
            const auto* keys = recipients[later].tx;
            if (later != left_out && keys != nullptr) keys->rtp.prefetch(packet_bytes);
        }
        if (slot == left_out) continue;
        if (to.state == Recipient::State::absent) continue;
        auto& way = egress_.way_to(to);
        for (auto& opened : group) {
            if (opened.sender == slot) continue;
            if (lines_per_copy != 0) ahead.ask(lines_per_copy);
            ++planned;
            auto verdict = Verdict::leg_not_keyed;
            if (to.tx != nullptr)
                verdict =
                    rtp_leg(opened, leg_towards(to, static_cast<MemberSlot>(slot), *opened.stream),
                            to, way);
            if (verdict != kDone) counters_.drop(verdict);
        }
    }
    counters_.planned.add(planned);
    return planned;
}

unsigned Forwarder::rtcp(Bytes compound, const Member& sender, Stream& stream,
                         const Member* target) {
    unsigned planned = 0;
    const auto& recipients = table_.conference(sender.conference)->recipients;
    for (std::size_t slot = 0; slot < recipients.size(); ++slot) {
        const auto& to = recipients[slot];
        if (to.state == Recipient::State::absent || slot == sender.slot) continue;
        if (target != nullptr && slot != target->slot) continue;
        ++planned;
        auto verdict = may_send_rtcp(compound.size(), to);
        if (verdict == Verdict::accepted)
            verdict = rtcp_leg(compound, stream.ssrc,
                               leg_towards(to, static_cast<MemberSlot>(slot), stream), to);
        if (verdict != kDone) counters_.drop(verdict);
    }
    counters_.planned.add(planned);
    return planned;
}

Verdict Forwarder::may_send_rtcp(std::size_t compound_bytes, const Recipient& to) const {
    if (to.tx == nullptr) return Verdict::leg_not_keyed;
    return Egress::may_send(egress_.way_to(to), to, compound_bytes + kSrtcpOverheadBytes);
}

Verdict Forwarder::rtcp_leg(Bytes compound, std::uint32_t ssrc, Leg& leg, const Recipient& to) {
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
    srtp::seal(to.tx->rtcp(), to.tx->rtcp().rtcp_nonce(ssrc, index), aad,
               compound.subspan(srtp::kSrtcpClearBytes), draft.payload + srtp::kSrtcpClearBytes);
    std::memcpy(draft.payload + bytes - srtp::kSrtcpIndexBytes, aad.data() + srtp::kSrtcpClearBytes,
                srtp::kSrtcpIndexBytes);
    egress_.finish(draft, to, egress_.way_to(to), &counters_.rtcp_sent);
    return kDone;
}

}  // namespace mdd
