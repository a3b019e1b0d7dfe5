// The receiving side: RTP by groups of one conference (RTCP: receive_rtcp.cpp). The order of the
// checks is the point: nothing in a packet is believed, and no state changes, before its tag has
// verified.
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
using srtp::Verdict;

namespace {

// Smallest outer plaintext of a double packet: inner tag and a one-byte OHB (RFC 8723 §5.2).
constexpr std::size_t kMinDoublePlainBytes = srtp::kTagBytes + 1;

constexpr std::size_t kSequenceAt = 2, kSsrcAt = 8;

// What is asked for of a packet, as far as it reaches: at first, the first two cache lines
// of its frame, which is so much of it; then the third line; the rest of a long one little by
// little.
constexpr std::size_t kAskedForBytes = 2 * srtp::kCacheLineBytes - net::kHeaderBytes;
constexpr std::size_t kAtOnceBytes = kAskedForBytes + srtp::kCacheLineBytes;

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

[[gnu::always_inline]] inline Stream* Receiver::find_stream(const Member& sender,
                                                            std::uint32_t ssrc) {
    Forwarder::prefetch_recipients(sender);
    const auto& endpoint = *sender.endpoint;
    auto* stream = endpoint.streams.find(ssrc);
    if (stream != nullptr) prefetch(stream);
    if (endpoint.hop.keyed()) endpoint.hop.newest()->rtp.prefetch_address();
    return stream;
}

// A burst waits for memory together: first the streams and recipients of all packets are asked for,
// then the first legs and one line of each key that comes first, since nothing takes longer than
// the translation of an address that was not used lately; then, one batch of groups ahead of its
// turn, the rest: in two parts, what opening reads and what the first copies do, so that neither
// has more to wait for than memory gives at once.
[[gnu::always_inline]] inline unsigned Receiver::find_streams(const Lane& lane) {
    std::size_t copies = 0;
    // A frame of video is many packets of one stream, one behind the other.
    const Member* last_sender = nullptr;
    std::uint32_t last_ssrc = 0;
    Stream* last_stream = nullptr;
    for (unsigned i = 0, count = lane.count; i < count; ++i) {
        const auto& packet = lane.packets[i];
        copies += packet.sender->recipients.size() - 1;
        streams_[i] = nullptr;
        if (packet.bytes < srtp::kRtpFixedHeaderBytes) continue;
        const auto ssrc = srtp::load_be32(packet.data + kSsrcAt);
        if (packet.sender != last_sender || ssrc != last_ssrc) {
            last_sender = packet.sender;
            last_ssrc = ssrc;
            last_stream = find_stream(*packet.sender, ssrc);
        }
        streams_[i] = last_stream;
    }
    return static_cast<unsigned>(copies);
}

[[gnu::always_inline]] inline void Receiver::prefetch_addresses(const Lane& lane) {
    auto* keys = first_keys_.data();
    for (const auto& group : groups_.all()) {
        const auto first = group.places[0];
        keys->count = 0;
        if (streams_[first] != nullptr)
            Forwarder::prefetch_first_addresses(*lane.packets[first].sender, *streams_[first],
                                                *keys);
        ++keys;
    }
}

[[gnu::always_inline]] inline void Receiver::prefetch_packets(const Lane& lane,
                                                              const LaneGroup& group) {
    for (unsigned i = 0; i < group.count; ++i) {
        const auto& packet = lane.packets[group.places[i]];
        if (packet.bytes > kAskedForBytes) prefetch(packet.data + kAskedForBytes);
        const auto& hop = packet.sender->endpoint->hop;
        if (i == 0 && hop.keyed()) hop.newest()->rtp.prefetch(packet.bytes);
    }
}

[[gnu::always_inline]] inline void Receiver::read_ahead(const Lane& lane, const LaneGroup& group) {
    for (unsigned i = 0; i < group.count; ++i) {
        const auto& packet = lane.packets[group.places[i]];
        if (packet.bytes > kAtOnceBytes)
            read_ahead_.add(packet.data + kAtOnceBytes, packet.bytes - kAtOnceBytes);
    }
}

[[gnu::always_inline]] inline void Receiver::prefetch_first_keys(const Lane& lane,
                                                                 std::size_t group) {
    const auto first = groups_.all()[group].places[0];
    Forwarder::prefetch_first_keys(first_keys_[group], lane.packets[first].bytes);
}

[[gnu::always_inline]] inline void Receiver::open(const Lane& lane, const LaneGroup& group) {
    for (unsigned i = 0; i < group.count; ++i) {
        const auto place = group.places[i];
        rtp_packet(lane.packets[place], streams_[place]);
    }
}

// The steps that settled_packet() and unsettled_packet() share, compiled into both: as calls they
// cost a fortieth of the loop.

[[gnu::always_inline]] inline bool Receiver::gather(RtpJob& job) {
    const auto& packet = job.packet;
    const auto& hop = packet.sender->endpoint->hop;
    const auto end = [&](Verdict verdict) {
        drop(packet.packet, verdict);
        return false;
    };
    if (!hop.keyed()) return end(Verdict::not_keyed);
    const bool is_double = hop.is_double();
    const Bytes datagram = packet.datagram();
    std::size_t tail_bytes = 0;
    if (is_double) {
        tail_bytes = srtp::ekt_tag_bytes(datagram).value_or(0);
        if (tail_bytes == 0) return end(Verdict::ekt_invalid);
    }
    const auto view = srtp::RtpView::parse(datagram.first(datagram.size() - tail_bytes));
    const std::size_t least = srtp::kTagBytes + (is_double ? kMinDoublePlainBytes : 0);
    if (!view || view->payload().size() < least) return end(Verdict::rtp_malformed);

    job.header = view->header();
    job.sealed = view->payload();
    job.tail = datagram.last(tail_bytes);
    job.ssrc = view->ssrc();
    job.sequence = view->sequence();
    return true;
}

// Returned as they are made: copied, they would be loaded before their parts are stored.
[[gnu::always_inline]] inline Attempts Receiver::attempts_of(const RtpJob& job) const {
    auto& endpoint = *job.packet.sender->endpoint;
    const auto* stream = endpoint.streams.find(job.ssrc);
    const auto* pending = stream != nullptr ? nullptr : endpoint.ungranted->find_pending(job.ssrc);
    const auto* rx = stream != nullptr ? &stream->rx : pending != nullptr ? &pending->rx : nullptr;
    const bool others = !endpoint.hop.proven() && endpoint.may_continue();
    return endpoint.hop.rtp_attempts(rx, job.sequence, others, replay_window_);
}

[[gnu::always_inline]] inline bool Receiver::open(const Attempt& attempt, const RtpJob& job) {
    const auto& key = attempt.keys->rtp;
    return srtp::open(key, key.rtp_nonce(job.ssrc, attempt.index), job.header, job.sealed,
                      job.body);
}

[[gnu::always_inline]] inline void Receiver::add_opened(rte_mbuf* packet, const Member& sender,
                                                        const OpenedPacket& from) {
    const auto place = opened_.count;
    auto& opened = opened_.packets[place];
    const bool is_double = sender.endpoint->hop.is_double();
    std::size_t received_bytes = 0;
    if (is_double) {
        const auto sequence = srtp::load_be16(from.header.data() + kSequenceAt);
        if (!opened.ohb.read(Bytes(from.plain, from.plain_bytes), sequence))
            return drop(packet, Verdict::ohb_invalid);
        received_bytes = opened.ohb.received_bytes;
    }
    opened.is_double = is_double;
    opened.ohb_in_place = nullptr;
    opened.sender = sender.slot;
    opened.header = from.header;
    opened.body = from.plain;
    opened.body_bytes = from.plain_bytes - received_bytes;
    opened.tail = from.tail;
    opened.stream = from.stream;
    opened.index = from.index;
    opened_.buffers[place] = packet;
    opened_.senders[place] = &sender;
    opened_.count = place + 1;
}

void Receiver::release(Member& member, Stream& stream, const HeldPacket& held) {
    if (held.is_rtcp) return relay(held.packet, member, stream, Bytes(held.data, held.plain_bytes));
    auto* plain = held.data + held.header_bytes;
    if (opened_.count == kMaxGroup) forward_opened();
    add_opened(held.packet, member,
               {.header = Bytes(held.data, held.header_bytes),
                .plain = plain,
                .plain_bytes = held.plain_bytes,
                .tail = Bytes(plain + held.plain_bytes + srtp::kTagBytes, held.tail_bytes),
                .stream = &stream,
                .index = held.index});
}

[[gnu::always_inline]] inline void Receiver::accept(const RtpJob& job, std::uint64_t index,
                                                    Stream& stream) {
    stream.rx.rtp.mark(index);
    counters_.rtp_received.add();
    add_opened(job.packet.packet, *job.packet.sender,
               {.header = job.header,
                .plain = job.body,
                .plain_bytes = job.sealed.size() - srtp::kTagBytes,
                .tail = job.tail,
                .stream = &stream,
                .index = index});
}

void Receiver::accept_pending(const RtpJob& job, std::uint64_t index, PendingSsrc& pending) {
    pending.rx.rtp.mark(index);
    counters_.rtp_received.add();
    const std::size_t plain_bytes = job.sealed.size() - srtp::kTagBytes;
    // The packet must outlive this burst: the plaintext moves from the scratch room into it.
    auto* data = job.packet.data;
    std::memcpy(data + job.header.size(), job.body, plain_bytes);
    hold(pending, {.packet = job.packet.packet,
                   .data = data,
                   .header_bytes = static_cast<std::uint16_t>(job.header.size()),
                   .plain_bytes = static_cast<std::uint16_t>(plain_bytes),
                   .tail_bytes = static_cast<std::uint16_t>(job.tail.size()),
                   .index = index});
}

[[gnu::always_inline]] inline void Receiver::settle(const RtpJob& job, const Attempt& verified) {
    auto& member = *job.packet.sender;
    prove(member, verified);

    const auto found = place(member, job.ssrc, *verified.keys);
    if (found.verdict != Verdict::accepted) return drop(job.packet.packet, found.verdict);
    // Once more: what has been proved may have led to another place.
    const auto replay = to_verdict(found.rx().rtp.check(verified.index, replay_window_));
    if (replay != Verdict::accepted) return drop(job.packet.packet, replay);
    found.pending != nullptr ? accept_pending(job, verified.index, *found.pending)
                             : accept(job, verified.index, *found.stream);
}

void Receiver::settled_packet(const MediaPacket& packet, Stream& stream) {
    RtpJob job{packet, scratch_.rooms[opened_.count].data()};
    if (!gather(job)) return;
    auto& window = stream.rx.rtp;
    const auto index = srtp::estimate_index(window.highest(), job.sequence);
    if (!index) return drop(job.packet.packet, Verdict::replay_old);
    const auto replay = window.check(*index, replay_window_);
    if (replay != srtp::Replay::fresh) return drop(job.packet.packet, to_verdict(replay));
    auto& hop = job.packet.sender->endpoint->hop;
    if (!open({.keys = hop.newest(), .index = *index}, job))
        return drop(job.packet.packet, Verdict::auth_fail);
    hop.hear();
    accept(job, *index, stream);
}

void Receiver::unsettled_packet(const MediaPacket& packet) {
    // What such a packet proves can take streams away from this worker.
    if (!packet.sender->endpoint->hop.proven()) forward_opened();
    // Only then: the rooms are free again.
    RtpJob job{packet, scratch_.rooms[opened_.count].data()};
    if (!gather(job)) return;
    const auto attempts = attempts_of(job);
    if (attempts.count == 0) return drop(job.packet.packet, attempts.refused);
    for (unsigned i = 0; i < attempts.count; ++i) {
        const auto& attempt = attempts.list[i];
        if (open(attempt, job)) return settle(job, attempt);
    }
    drop(job.packet.packet, Verdict::auth_fail);
}

[[gnu::always_inline]] inline void Receiver::rtp_packet(const MediaPacket& packet, Stream* stream) {
    if (stream != nullptr && packet.sender->endpoint->settled() && stream->rx.rtp.started())
        settled_packet(packet, *stream);
    else
        unsettled_packet(packet);
}

void Receiver::forward_group() {
    const unsigned from = opened_.forwarded, count = opened_.count;
    if (from == count) return;
    const auto& member = *opened_.senders[from];
    unsigned to = from + 1;
    while (to < count && opened_.senders[to]->conference == member.conference) ++to;
    const std::span group(&opened_.packets[from], to - from);
    const bool nobody = forwarder_.rtp(group, member.recipients, read_ahead_) == 0;
    nobody ? counters_.drop(Verdict::no_subscriber, to - from) : counters_.consumed.add(to - from);
    for (unsigned i = from; i < to; ++i) free_packet(opened_.buffers[i]);
    opened_.forwarded = to;
    if (to == count) opened_.forwarded = opened_.count = 0;
}

void Receiver::forward_opened() {
    while (opened_.count != 0) forward_group();
}

// One batch of groups after the other: while it is opened and sealed, the next one is asked for.
void Receiver::rtp(const Lane& lane) {
    if (lane.count == 0) return;
    forwarder_.expect(find_streams(lane));
    groups_.form(lane);
    prefetch_addresses(lane);
    std::span<const LaneGroup> batch;
    for (std::size_t next_at = 0;;) {
        const auto next = groups_.batch_from(next_at);
        for (std::size_t i = 0; i < std::max(batch.size(), next.size()); ++i) {
            if (i < next.size()) prefetch_packets(lane, next[i]);
            clock_.mark(Stage::gather);
            if (i < batch.size()) open(lane, batch[i]);
            clock_.mark(Stage::open);
        }
        for (std::size_t i = 0; i < next.size(); ++i) {
            prefetch_first_keys(lane, next_at + i);
            read_ahead(lane, next[i]);
            clock_.mark(Stage::gather);
            forward_group();
            read_ahead_.finish();
            clock_.mark(Stage::copy);
        }
        forward_opened();
        clock_.mark(Stage::copy);
        if (next.empty()) break;
        batch = next;
        next_at += next.size();
    }
    forwarder_.expect(0);
}

}  // namespace mdd
