// The receiving side of RTCP, packet by packet, in the order of checks that RTP has: see receive.h.
#include <rte_cycles.h>

#include <cstring>

#include "dataplane/receive.h"

namespace mdd {

using srtp::Bytes;
using srtp::Verdict;

void Receiver::rtcp(const Lane& lane) {
    for (unsigned i = 0; i < lane.count; ++i) rtcp_packet(lane.packets[i]);
}

void Receiver::rtcp_packet(const MediaPacket& packet) {
    auto& endpoint = *packet.sender->endpoint;
    if (!endpoint.hop.keyed()) return drop(packet.packet, Verdict::not_keyed);
    const auto view = srtp::SrtcpView::parse(packet.datagram());
    if (!view) return drop(packet.packet, Verdict::rtp_malformed);
    const auto ssrc = view->sender_ssrc();
    const auto* stream = endpoint.streams.find(ssrc);
    const auto* pending = stream != nullptr ? nullptr : endpoint.ungranted->find_pending(ssrc);
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
        const auto& key = attempt.keys->rtcp();
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
                           const srtp::Attempt& verified, Bytes compound) {
    auto& member = *packet.sender;
    prove(member, verified);
    const auto found = place(member, view.sender_ssrc(), *verified.keys);
    if (found.verdict != Verdict::accepted) return drop(packet.packet, found.verdict);
    const auto replay = to_verdict(found.rx().rtcp.check(verified.index, replay_window_));
    if (replay != Verdict::accepted) return drop(packet.packet, replay);
    found.rx().rtcp.mark(verified.index);
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
    const auto relay = relay_rtcp(compound, stream.ssrc, sender.endpoint->streams.all());
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
    if (forwarder_.may_send_rtcp(feedback.size_bytes, table_.recipient(*target)) ==
        Verdict::accepted)
        next_tsc = now + feedback_interval_tsc_;
    return forwarder_.rtcp(Bytes(feedback.bytes).first(feedback.size_bytes), sender, stream,
                           target);
}

}  // namespace mdd
