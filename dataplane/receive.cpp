// The receiving side: gather, run, settle (RTP), and one by one (RTCP). The order of the checks is
// the point: nothing in a packet is believed, and no state changes, before its tag has verified.
#include "dataplane/receive.h"

#include <rte_cycles.h>

#include <cstring>

#include "dataplane/packet_pool.h"

namespace mdd {

using srtp::Attempt;
using srtp::Bytes;
using srtp::Verdict;

namespace {

// Smallest outer plaintext of a double packet: inner tag and a one-byte OHB (RFC 8723 §5.2).
constexpr std::size_t kMinDoublePlainBytes = srtp::kTagBytes + 1;

Verdict to_verdict(srtp::Replay replay) {
    switch (replay) {
        case srtp::Replay::fresh:
            return Verdict::accepted;
        case srtp::Replay::duplicate:
            return Verdict::replay_dup;
        case srtp::Replay::too_old:
            return Verdict::replay_old;
    }
    return Verdict::replay_old;
}

}  // namespace

Receiver::Receiver(Table& table, Forwarder& forwarder, Mailbox& mailbox, Counters& counters,
                   WorkerIndex worker, unsigned replay_window)
    : table_(table),
      forwarder_(forwarder),
      mailbox_(mailbox),
      counters_(counters),
      worker_(worker),
      replay_window_(replay_window),
      feedback_interval_tsc_(rte_get_tsc_hz() / 1000 * kFeedbackInterval_ms) {}

void Receiver::drop(rte_mbuf* packet, Verdict verdict) {
    counters_.drop(verdict);
    free_packet(packet);
}

void Receiver::consume(rte_mbuf* packet) {
    counters_.consumed.add();
    free_packet(packet);
}

// --- RTP

void Receiver::rtp(const Lane& lane) {
    unsigned count = 0;
    for (unsigned i = 0; i < lane.count; ++i) {
        auto& job = jobs_[count];
        if (!gather(lane.packets[i], job)) continue;
        if (!job.alone) {
            ++count;
        } else {
            auto* plain = scratch_.rooms[count].data();
            settle(job, plain, open(job, 0, plain));
        }
    }
    std::array<bool, kMaxBurst> verified;
    for (unsigned i = 0; i < count; ++i) verified[i] = open(jobs_[i], 0, scratch_.rooms[i].data());
    for (unsigned i = 0; i < count; ++i) settle(jobs_[i], scratch_.rooms[i].data(), verified[i]);
}

bool Receiver::gather(const MediaPacket& packet, RtpJob& job) {
    auto& endpoint = *packet.sender->endpoint;
    const auto end = [&](Verdict verdict) {
        drop(packet.packet, verdict);
        return false;
    };
    if (!endpoint.hop.keyed()) return end(Verdict::not_keyed);
    const bool is_double = endpoint.hop.newest()->is_double;
    const Bytes datagram = packet.datagram();
    std::size_t tail_bytes = 0;
    if (is_double) {
        const auto tag = srtp::ekt_tag_bytes(datagram);
        if (!tag) return end(Verdict::ekt_invalid);
        tail_bytes = *tag;
    }
    const auto view = srtp::RtpView::parse(datagram.first(datagram.size() - tail_bytes));
    const std::size_t least = srtp::kTagBytes + (is_double ? kMinDoublePlainBytes : 0);
    if (!view || view->payload().size() < least) return end(Verdict::rtp_malformed);

    job.packet = packet;
    job.header = view->header();
    job.sealed = view->payload();
    job.tail = datagram.last(tail_bytes);
    job.ssrc = view->ssrc();
    job.sequence = view->sequence();
    const auto* stream = endpoint.find(job.ssrc);
    const auto* pending = stream != nullptr ? nullptr : endpoint.find_pending(job.ssrc);
    const auto* rx = stream != nullptr ? &stream->rx : pending != nullptr ? &pending->rx : nullptr;
    // Keys that wait for their proof, or the first packet of an SSRC: until it has verified,
    // nothing tells on which side of a wrap the sequence numbers behind it lie.
    job.alone = !endpoint.hop.proven() || rx == nullptr || !rx->rtp.started();
    const bool others = !endpoint.hop.proven() && endpoint.may_continue();
    job.attempts = endpoint.hop.rtp_attempts(rx, job.sequence, others, replay_window_);
    if (job.attempts.count == 0) return end(job.attempts.refused);
    return true;
}

bool Receiver::open(const RtpJob& job, unsigned attempt, std::uint8_t* plain) {
    const auto& [keys, index, proof] = job.attempts.list[attempt];
    return srtp::open(keys->rtp, keys->rtp.rtp_nonce(job.ssrc, index), job.header, job.sealed,
                      plain);
}

void Receiver::settle(const RtpJob& job, std::uint8_t* plain, bool first_verified) {
    unsigned attempt = 0;
    for (bool verified = first_verified; !verified; verified = open(job, attempt, plain))
        if (++attempt == job.attempts.count) return drop(job.packet.packet, Verdict::auth_fail);
    const auto& proof = job.attempts.list[attempt];
    auto& member = *job.packet.sender;
    prove(member, proof);

    const auto found = place(member, job.ssrc, proof.keys->epoch);
    if (found.verdict != Verdict::accepted) return drop(job.packet.packet, found.verdict);
    // Once more: the same packet may have come twice in this burst.
    const auto replay = to_verdict(found.rx().rtp.check(proof.index, replay_window_));
    if (replay != Verdict::accepted) return drop(job.packet.packet, replay);
    found.rx().rtp.mark(proof.index);
    member.endpoint->heard = true;
    counters_.rtp_received.add();
    accept(job, plain, proof.index, found);
}

void Receiver::accept(const RtpJob& job, std::uint8_t* plain, std::uint64_t index,
                      const Place& place) {
    const std::size_t plain_bytes = job.sealed.size() - srtp::kTagBytes;
    if (place.pending != nullptr) {
        // The packet must outlive this burst: the plaintext moves from the scratch room into it.
        auto* data = job.packet.data;
        std::memcpy(data + job.header.size(), plain, plain_bytes);
        return hold(*place.pending, {.packet = job.packet.packet,
                                     .data = data,
                                     .header_bytes = static_cast<std::uint16_t>(job.header.size()),
                                     .plain_bytes = static_cast<std::uint16_t>(plain_bytes),
                                     .tail_bytes = static_cast<std::uint16_t>(job.tail.size()),
                                     .index = index});
    }
    OpenedRtp opened{.header = job.header,
                     .body = plain,
                     .tail = job.tail,
                     .ssrc = job.ssrc,
                     .sequence = job.sequence,
                     .index = index};
    forward(job.packet.packet, *job.packet.sender, *place.stream, opened, plain_bytes);
}

void Receiver::forward(rte_mbuf* packet, const Member& sender, Stream& stream, OpenedRtp& opened,
                       std::size_t plain_bytes) {
    opened.is_double = sender.endpoint->hop.newest()->is_double;
    opened.body_bytes = plain_bytes;
    if (opened.is_double) {
        const auto ohb = srtp::read_ohb(Bytes(opened.body, plain_bytes));
        if (!ohb) return drop(packet, Verdict::ohb_invalid);
        opened.ohb = *ohb;
        opened.body_bytes -= ohb->size_bytes();
    }
    if (forwarder_.rtp(opened, sender, stream) == 0) return drop(packet, Verdict::no_subscriber);
    consume(packet);
}

// --- RTCP

void Receiver::rtcp(const Lane& lane) {
    for (unsigned i = 0; i < lane.count; ++i) rtcp_packet(lane.packets[i]);
}

void Receiver::rtcp_packet(const MediaPacket& packet) {
    auto& endpoint = *packet.sender->endpoint;
    if (!endpoint.hop.keyed()) return drop(packet.packet, Verdict::not_keyed);
    const auto view = srtp::SrtcpView::parse(packet.datagram());
    if (!view) return drop(packet.packet, Verdict::rtp_malformed);
    const auto ssrc = view->sender_ssrc();
    const auto* stream = endpoint.find(ssrc);
    const auto* pending = stream != nullptr ? nullptr : endpoint.find_pending(ssrc);
    const auto* rx = stream != nullptr ? &stream->rx : pending != nullptr ? &pending->rx : nullptr;
    const bool others = !endpoint.hop.proven() && endpoint.may_continue();
    const auto attempts = endpoint.hop.rtcp_attempts(rx, view->index(), others, replay_window_);
    if (attempts.count == 0) return drop(packet.packet, attempts.refused);

    // RFC 7714 §9: the AAD is what stands in the clear, and the ESRTCP word. Without encryption (E
    // = 0) that is all of it.
    const Bytes sealed = view->encrypted() ? view->sealed() : view->sealed().last(srtp::kTagBytes);
    const Bytes clear =
        packet.datagram().first(packet.bytes - srtp::kSrtcpIndexBytes - sealed.size());
    auto* aad = scratch_.rooms[1].data();
    std::memcpy(aad, clear.data(), clear.size());
    std::memcpy(aad + clear.size(), view->esrtcp_word().data(), srtp::kSrtcpIndexBytes);
    auto* compound = scratch_.rooms[0].data();
    std::memcpy(compound, clear.data(), clear.size());
    for (unsigned i = 0; i < attempts.count; ++i) {
        const auto& attempt = attempts.list[i];
        const auto& key = attempt.keys->rtcp;
        if (!srtp::open(key, key.rtcp_nonce(ssrc, view->index()),
                        Bytes(aad, clear.size() + srtp::kSrtcpIndexBytes), sealed,
                        compound + clear.size()))
            continue;
        return settle_rtcp(packet, *view, attempt,
                           Bytes(compound, clear.size() + sealed.size() - srtp::kTagBytes));
    }
    drop(packet.packet, Verdict::auth_fail);
}

void Receiver::settle_rtcp(const MediaPacket& packet, const srtp::SrtcpView& view,
                           const Attempt& verified, Bytes compound) {
    auto& member = *packet.sender;
    prove(member, verified);
    const auto found = place(member, view.sender_ssrc(), verified.keys->epoch);
    if (found.verdict != Verdict::accepted) return drop(packet.packet, found.verdict);
    const auto replay = to_verdict(found.rx().rtcp.check(verified.index, replay_window_));
    if (replay != Verdict::accepted) return drop(packet.packet, replay);
    found.rx().rtcp.mark(verified.index);
    member.endpoint->heard = true;
    counters_.rtcp_received.add();
    if (found.pending == nullptr) return relay(packet.packet, member, *found.stream, compound);
    std::memcpy(packet.data, compound.data(), compound.size());
    hold(*found.pending, {.packet = packet.packet,
                          .data = packet.data,
                          .plain_bytes = static_cast<std::uint16_t>(compound.size()),
                          .is_rtcp = true,
                          .index = verified.index});
}

void Receiver::relay(rte_mbuf* packet, const Member& sender, Stream& stream, Bytes compound) {
    const auto relay = relay_rtcp(compound, stream.ssrc, sender.endpoint->streams);
    if (relay.malformed) return drop(packet, Verdict::rtcp_malformed);
    counters_.rtcp_parts_held.add(relay.held);
    unsigned planned = 0;
    if (relay.everybody_bytes != 0)
        planned +=
            forwarder_.rtcp(Bytes(relay.everybody).first(relay.everybody_bytes), sender, stream);
    for (std::size_t i = 0; i < relay.feedback_count; ++i)
        planned += pass_feedback(relay.feedback[i], sender, stream);
    if (planned != 0) return consume(packet);
    drop(packet, relay.held != 0 ? Verdict::rtcp_held : Verdict::no_subscriber);
}

unsigned Receiver::pass_feedback(const RtcpFeedback& feedback, const Member& sender,
                                 Stream& stream) {
    auto& owners = table_.conference(sender.conference)->ssrc_owners;
    const auto found = owners.find(feedback.media_ssrc);
    if (found == owners.end()) return 0;
    auto& owner = found->second;
    const auto* target = table_.find(sender.conference, owner.member);
    if (target == nullptr || target == &sender) return 0;
    auto& next_tsc =
        feedback.kind == RtcpFeedback::Kind::pli ? owner.next_pli_tsc : owner.next_fir_tsc;
    const auto now = rte_rdtsc();
    if (now < next_tsc) {
        counters_.planned.add();
        counters_.drop(Verdict::feedback_rate);
        return 1;
    }
    // What cannot go now must not keep the next one back.
    if (forwarder_.may_send_rtcp(feedback.size_bytes, *target) == Verdict::accepted)
        next_tsc = now + feedback_interval_tsc_;
    return forwarder_.rtcp(Bytes(feedback.bytes).first(feedback.size_bytes), sender, stream,
                           target);
}

}  // namespace mdd
