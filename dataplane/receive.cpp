// The receiving side: RTP by groups of one conference, RTCP one by one. The order of the checks is
// the point: nothing in a packet is believed, and no state changes, before its tag has verified.
#include "dataplane/receive.h"

#include <rte_cycles.h>

#include <algorithm>
#include <cstring>

#include "dataplane/packet_pool.h"
#include "dataplane/srtp/prefetch.h"

namespace mdd {

using srtp::Attempt;
using srtp::Attempts;
using srtp::Bytes;
using srtp::prefetch;
using srtp::prefetch_lines;
using srtp::Verdict;

namespace {

// Smallest outer plaintext of a double packet: inner tag and a one-byte OHB (RFC 8723 §5.2).
constexpr std::size_t kMinDoublePlainBytes = srtp::kTagBytes + 1;

constexpr std::size_t kSequenceAt = 2, kSsrcAt = 8;

// How much of a packet is asked for at once: all of a short one; the rest of a long one little by
// little.
constexpr std::size_t kLinesAtOnce = 3;

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
                   StageClock& clock, WorkerIndex worker, unsigned replay_window)
    : table_(table),
      forwarder_(forwarder),
      mailbox_(mailbox),
      counters_(counters),
      clock_(clock),
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
    if (lane.count == 0) return;
    find_streams(lane);
    groups_.form(lane);
    forwarder_.expect(copies_of(lane));
    const auto groups = groups_.all();
    prefetch_addresses(lane);
    const auto prefetch_keys = [&](std::size_t group) {
        Forwarder::prefetch_first_keys(first_keys_[group],
                                       lane.packets[groups[group].places[0]].bytes);
    };
    prefetch_packets(lane, groups.front());
    read_ahead_.finish();
    prefetch_keys(0);
    for (std::size_t i = 0; i < groups.size(); ++i) {
        const bool last = i + 1 == groups.size();
        if (!last) prefetch_packets(lane, groups[i + 1]);
        clock_.mark(Stage::gather);
        for (unsigned k = 0; k < groups[i].count; ++k) {
            const auto place = groups[i].places[k];
            rtp_packet(lane.packets[place], streams_[place]);
        }
        clock_.mark(Stage::open);
        if (!last) prefetch_keys(i + 1);
        clock_.mark(Stage::gather);
        forward_opened(*lane.packets[groups[i].places[0]].sender);
        read_ahead_.finish();
        clock_.mark(Stage::copy);
    }
    forwarder_.expect(0);
}

unsigned Receiver::copies_of(const Lane& lane) {
    std::size_t copies = 0;
    for (unsigned i = 0; i < lane.count; ++i)
        copies += lane.packets[i].sender->recipients.size() - 1;
    return static_cast<unsigned>(copies);
}

// A burst waits for memory together: first the streams and recipients of all packets are asked for,
// then the first legs and one line of each key that comes first, since nothing takes longer than
// the translation of an address that was not used lately; then, one group ahead of its turn, the
// rest: in two parts, what opening reads and what the first copies do, so that neither has more to
// wait for than memory gives at once.
void Receiver::find_streams(const Lane& lane) {
    for (unsigned i = 0; i < lane.count; ++i) {
        const auto& packet = lane.packets[i];
        streams_[i] = nullptr;
        if (packet.bytes < srtp::kRtpFixedHeaderBytes) continue;
        Forwarder::prefetch_recipients(*packet.sender);
        const auto& endpoint = *packet.sender->endpoint;
        streams_[i] = endpoint.streams.find(srtp::load_be32(packet.data + kSsrcAt));
        if (streams_[i] != nullptr)
            streams_[i]->prefetch(srtp::load_be16(packet.data + kSequenceAt));
        if (endpoint.hop.keyed()) endpoint.hop.newest()->rtp.prefetch_address();
    }
}

void Receiver::prefetch_addresses(const Lane& lane) {
    auto* keys = first_keys_.data();
    for (const auto& group : groups_.all()) {
        const auto first = group.places[0];
        keys->count = 0;
        if (streams_[first] != nullptr)
            *keys =
                Forwarder::prefetch_first_addresses(*lane.packets[first].sender, *streams_[first]);
        ++keys;
    }
}

void Receiver::prefetch_packets(const Lane& lane, const LaneGroup& group) {
    constexpr std::size_t kAtOnce = kLinesAtOnce * srtp::kCacheLineBytes;
    for (unsigned i = 0; i < group.count; ++i) {
        const auto& packet = lane.packets[group.places[i]];
        const auto& endpoint = *packet.sender->endpoint;
        prefetch_lines(packet.data,
                       std::min(packet.bytes / srtp::kCacheLineBytes + 1, kLinesAtOnce));
        if (packet.bytes > kAtOnce) read_ahead_.add(packet.data + kAtOnce, packet.bytes - kAtOnce);
        if (i == 0 && endpoint.hop.keyed()) endpoint.hop.newest()->rtp.prefetch(packet.bytes);
    }
}

// The steps of rtp_packet(), each compiled into it: as calls they cost a fortieth of the loop.

[[gnu::always_inline]] inline bool Receiver::gather(RtpJob& job) {
    const auto& packet = job.packet;
    auto& endpoint = *packet.sender->endpoint;
    const auto end = [&](Verdict verdict) {
        drop(packet.packet, verdict);
        return false;
    };
    if (!endpoint.hop.keyed()) return end(Verdict::not_keyed);
    const bool is_double = endpoint.hop.is_double();
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

    job.opened.header = view->header();
    job.opened.tail = datagram.last(tail_bytes);
    job.sealed = view->payload();
    job.ssrc = view->ssrc();
    return true;
}

// Returned as they are made: copied, they would be loaded before their parts are stored.
[[gnu::always_inline]] inline Attempts Receiver::attempts_of(const RtpJob& job) const {
    auto& endpoint = *job.packet.sender->endpoint;
    const auto* stream = endpoint.streams.find(job.ssrc);
    const auto* pending = stream != nullptr ? nullptr : endpoint.ungranted->find_pending(job.ssrc);
    const auto* rx = stream != nullptr ? &stream->rx : pending != nullptr ? &pending->rx : nullptr;
    const bool others = !endpoint.hop.proven() && endpoint.may_continue();
    const auto sequence = srtp::load_be16(job.opened.header.data() + kSequenceAt);
    return endpoint.hop.rtp_attempts(rx, sequence, others, replay_window_);
}

[[gnu::always_inline]] inline bool Receiver::open(const Attempt& attempt, const RtpJob& job) {
    const auto& key = attempt.keys->rtp;
    return srtp::open(key, key.rtp_nonce(job.ssrc, attempt.index), job.opened.header, job.sealed,
                      job.opened.body);
}

[[gnu::always_inline]] inline void Receiver::add_opened(rte_mbuf* packet, const Member& sender,
                                                        std::size_t plain_bytes) {
    auto& opened = opened_.packets[opened_.count];
    opened.sender = sender.slot;
    opened.is_double = sender.endpoint->hop.is_double();
    opened.body_bytes = plain_bytes;
    opened.ohb_in_place = nullptr;
    if (opened.is_double) {
        const auto sequence = srtp::load_be16(opened.header.data() + kSequenceAt);
        if (!opened.ohb.read(Bytes(opened.body, plain_bytes), sequence))
            return drop(packet, Verdict::ohb_invalid);
        opened.body_bytes -= opened.ohb.received_bytes;
    }
    opened_.buffers[opened_.count++] = packet;
}

void Receiver::release(Member& member, Stream& stream, const HeldPacket& held) {
    if (held.is_rtcp) return relay(held.packet, member, stream, Bytes(held.data, held.plain_bytes));
    const Bytes header(held.data, held.header_bytes);
    auto* plain = held.data + held.header_bytes;
    if (opened_.count == kMaxGroup) forward_opened(member);
    auto& opened = opened_.packets[opened_.count];
    opened.header = header;
    opened.body = plain;
    opened.tail = Bytes(plain + held.plain_bytes + srtp::kTagBytes, held.tail_bytes);
    opened.stream = &stream;
    opened.index = held.index;
    add_opened(held.packet, member, held.plain_bytes);
}

[[gnu::always_inline]] inline void Receiver::accept(const RtpJob& job, std::uint64_t index,
                                                    const Place& place) {
    place.rx().rtp.mark(index);
    counters_.rtp_received.add();
    const std::size_t plain_bytes = job.sealed.size() - srtp::kTagBytes;
    const auto& header = job.opened.header;
    if (place.pending != nullptr) {
        // The packet must outlive this burst: the plaintext moves from the scratch room into it.
        auto* data = job.packet.data;
        std::memcpy(data + header.size(), job.opened.body, plain_bytes);
        return hold(*place.pending,
                    {.packet = job.packet.packet,
                     .data = data,
                     .header_bytes = static_cast<std::uint16_t>(header.size()),
                     .plain_bytes = static_cast<std::uint16_t>(plain_bytes),
                     .tail_bytes = static_cast<std::uint16_t>(job.opened.tail.size()),
                     .index = index});
    }
    job.opened.stream = place.stream;
    job.opened.index = index;
    add_opened(job.packet.packet, *job.packet.sender, plain_bytes);
}

[[gnu::always_inline]] inline void Receiver::settle(const RtpJob& job, const Attempt& verified) {
    auto& member = *job.packet.sender;
    prove(member, verified);

    const auto found = place(member, job.ssrc, *verified.keys);
    if (found.verdict != Verdict::accepted) return drop(job.packet.packet, found.verdict);
    // Once more: what has been proved may have led to another place.
    const auto replay = to_verdict(found.rx().rtp.check(verified.index, replay_window_));
    if (replay != Verdict::accepted) return drop(job.packet.packet, replay);
    accept(job, verified.index, found);
}

[[gnu::always_inline]] inline void Receiver::settled_packet(const RtpJob& job, Stream& stream) {
    auto& window = stream.rx.rtp;
    const auto sequence = srtp::load_be16(job.opened.header.data() + kSequenceAt);
    const auto index = srtp::estimate_index(window.highest(), sequence);
    if (!index) return drop(job.packet.packet, Verdict::replay_old);
    const auto replay = window.check(*index, replay_window_);
    if (replay != srtp::Replay::fresh) return drop(job.packet.packet, to_verdict(replay));
    auto& hop = job.packet.sender->endpoint->hop;
    if (!open({.keys = hop.newest(), .index = *index}, job))
        return drop(job.packet.packet, Verdict::auth_fail);
    hop.hear();
    accept(job, *index, {.stream = &stream});
}

void Receiver::unsettled_packet(const RtpJob& job) {
    const auto attempts = attempts_of(job);
    if (attempts.count == 0) return drop(job.packet.packet, attempts.refused);
    for (unsigned i = 0; i < attempts.count; ++i) {
        const auto& attempt = attempts.list[i];
        if (open(attempt, job)) return settle(job, attempt);
    }
    drop(job.packet.packet, Verdict::auth_fail);
}

void Receiver::rtp_packet(const MediaPacket& packet, Stream* stream) {
    // What such a packet proves can take streams away from this worker.
    if (!packet.sender->endpoint->hop.proven()) forward_opened(*packet.sender);
    auto& opened = opened_.packets[opened_.count];
    opened.body = scratch_.rooms[opened_.count].data();
    RtpJob job{.packet = packet, .opened = opened, .sealed = {}, .ssrc = 0};
    if (!gather(job)) return;
    if (stream != nullptr && packet.sender->endpoint->settled() && stream->rx.rtp.started())
        settled_packet(job, *stream);
    else
        unsettled_packet(job);
}

void Receiver::forward_opened(const Member& member) {
    if (opened_.count == 0) return;
    const std::span group(opened_.packets.data(), opened_.count);
    const bool nobody = forwarder_.rtp(group, member.recipients, read_ahead_) == 0;
    for (unsigned i = 0; i < opened_.count; ++i)
        nobody ? drop(opened_.buffers[i], Verdict::no_subscriber) : consume(opened_.buffers[i]);
    opened_.count = 0;
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
                           const Attempt& verified, Bytes compound) {
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
