// Opening, comparing and placing what came back.
#include "tools/mdd-load/verifier.h"

#include <algorithm>
#include <cstring>

#include "dataplane/srtp/rtp.h"
#include "tools/mdd-endpoint/original_header.h"
#include "tools/mdd-load/stream_sender.h"

namespace mdd::load {
namespace {

// Below this an estimate of the index starts (RFC 3711 §3.3.1: ROC 0).
constexpr std::size_t kFailed = ~std::size_t{0};
constexpr std::uint8_t kFirstRtcpType = 192, kLastRtcpType = 223;

bool is_rtcp(srtp::Bytes datagram) {
    return datagram.size() > 1 && datagram[1] >= kFirstRtcpType && datagram[1] <= kLastRtcpType;
}

// The newest index at or before `newest` with these low bits. Precondition: something was sent.
std::uint64_t index_before(std::uint64_t newest, std::uint16_t sequence) {
    return newest - static_cast<std::uint16_t>(newest - sequence);
}

}  // namespace

Verifier::Verifier(World& world, const Journal& journal, TscScale scale, std::uint32_t every)
    : world_(world), journal_(journal), scale_(scale), every_(every) {
    tally_.by_conference.resize(world.plan().conferences());
}

void Verifier::reset(Tsc since) {
    since_ = since;
    tally_.audio = tally_.video = tally_.rtcp = {};
    tally_.astray = tally_.early = 0;
    tally_.latency = {};
    std::ranges::fill(tally_.by_conference, 0);
}

void Verifier::take(std::span<const Arrival> arrivals, Tsc now) {
    std::array<Rtp, kMost> rtps;
    std::size_t count = 0;
    for (const auto& arrival : arrivals) {
        if (is_rtcp(arrival.datagram))
            take_rtcp(arrival, now);
        else if (prepare(arrival, rtps[count]))
            ++count;
    }
    // Keys are 1 KiB: a few packets ahead, or they push each other out of the first-level cache.
    constexpr std::size_t kAhead = 4;
    for (std::size_t i = 0; i < std::min(kAhead, count); ++i) look_ahead(rtps[i]);
    for (std::size_t i = 0; i < count; ++i) {
        if (i + kAhead < count) look_ahead(rtps[i + kAhead]);
        take_rtp(rtps[i], now);
    }
}

bool Verifier::prepare(const Arrival& arrival, Rtp& rtp) {
    // Header, inner tag, OHB, outer tag, EKT.
    constexpr std::size_t kLeast = srtp::kRtpFixedHeaderBytes + 2 * srtp::kTagBytes + 2;
    const auto& plan = world_.plan();
    if (arrival.datagram.size() < kLeast || arrival.datagram.size() > plain_.size()) {
        take_astray();
        return false;
    }
    const auto* header = arrival.datagram.data();
    const auto stream = plan.stream_with(srtp::load_be32(header + 8));
    if (!stream ||
        plan.conference_of(plan.sender_of(*stream)) != plan.conference_of(arrival.receiver)) {
        ++tally_.audio.unknown;
        return false;
    }
    const auto& sent = world_.stream(*stream);
    rtp = {&arrival, *stream, index_before(sent.next_index - 1, srtp::load_be16(header + 2))};
    __builtin_prefetch(&world_.leg(*stream, plan.member_of(arrival.receiver)));
    journal_.prefetch_place(*stream, rtp.index);
    return true;
}

void Verifier::look_ahead(const Rtp& rtp) const {
    const auto& endpoint = world_.endpoint(rtp.arrival->receiver);
    if (endpoint.receive) endpoint.receive->rtp.prefetch(rtp.arrival->datagram.size());
    journal_.prefetch_packet(rtp.stream, rtp.index);
}

// Bytes of the outer plaintext in plain_, or kFailed. Moves the leg on.
std::size_t Verifier::open_outer(const Endpoint& receiver, Leg& leg, srtp::Bytes packet,
                                 srtp::Bytes header) {
    const auto sequence = srtp::load_be16(header.data() + 2);
    const auto ssrc = srtp::load_be32(header.data() + 8);
    const bool continues = leg.joins == receiver.joins;
    const auto index = continues ? srtp::estimate_index(leg.out_highest, sequence)
                                 : std::optional(std::uint64_t{sequence});
    if (!index) return kFailed;
    const auto sealed = packet.subspan(header.size());
    for (const auto* keys : {receiver.receive.get(), receiver.receive_before.get()}) {
        if (keys == nullptr) continue;
        if (!srtp::open(keys->rtp, keys->rtp.rtp_nonce(ssrc, *index), header, sealed,
                        plain_.data()))
            continue;
        leg.out_highest = continues ? std::max(leg.out_highest, *index) : *index;
        leg.joins = receiver.joins;
        opened_index_ = *index;
        return sealed.size() - srtp::kTagBytes;
    }
    return kFailed;
}

void Verifier::take_rtp(const Rtp& rtp, Tsc now) {
    const srtp::Bytes datagram = rtp.arrival->datagram;
    const auto& stream = world_.stream(rtp.stream);
    const auto& receiver = world_.endpoint(rtp.arrival->receiver);
    auto& count = count_of(stream.kind);
    const auto ekt_bytes = srtp::ekt_tag_bytes(datagram);
    const auto view = srtp::RtpView::parse(datagram);
    if (!ekt_bytes || !view ||
        view->header_bytes() + srtp::kTagBytes > datagram.size() - *ekt_bytes) {
        ++count.bad_tag;
        return;
    }
    auto& leg = world_.leg(rtp.stream, world_.plan().member_of(rtp.arrival->receiver));
    const auto packet = datagram.first(datagram.size() - *ekt_bytes);
    if (until_open_ > 0) {
        --until_open_;
        const auto sealed_bytes = packet.size() - view->header_bytes();
        const auto* sent = match_header(rtp, leg, *view, sealed_bytes);
        if (sent != nullptr && sent->tag_bytes == *ekt_bytes)
            return settle(rtp, leg, *sent, count, now);
    }
    until_open_ = every_ - 1;
    const auto plain_bytes = open_outer(receiver, leg, packet, view->header());
    if (plain_bytes == kFailed) return refuse(receiver, count);
    const srtp::Bytes plain(plain_.data(), plain_bytes);
    const auto ohb = endpoint::parse_original_header(plain);
    if (!ohb || plain_bytes < srtp::kTagBytes + ohb->size_bytes) {
        ++count.bad_inner;
        return;
    }
    const auto index =
        index_before(stream.next_index - 1, ohb->sequence.value_or(view->sequence()));
    const auto* sent = journal_.find(rtp.stream, stream.run, index);
    if (sent == nullptr) {
        ++count.unknown;
        return;
    }
    // The EKT tag is nobody's business on the way.
    const bool is_tag_whole = std::ranges::equal(datagram.last(*ekt_bytes), journal_.tag_of(*sent));
    const auto inner = plain.first(plain_bytes - ohb->size_bytes);
    const auto original = journal_.bytes_of(*sent);
    if (!is_tag_whole || inner.size() != original.size() ||
        std::memcmp(inner.data(), original.data(), inner.size()) != 0 ||
        view->timestamp() != sent->timestamp ||
        ohb->payload_type.value_or(view->payload_type()) != stream.payload_type) {
        ++count.bad_inner;
        return;
    }
    leg.offset = opened_index_ - index;
    settle(rtp, leg, *sent, count, now);
}

// The packet that is expected there, if the header is its; nullptr: it has to be opened.
const Sent* Verifier::match_header(const Rtp& rtp, Leg& leg, const srtp::RtpView& view,
                                   std::size_t sealed_bytes) const {
    const auto& stream = world_.stream(rtp.stream);
    const auto& receiver = world_.endpoint(rtp.arrival->receiver);
    if (leg.run != stream.run || leg.joins != receiver.joins) return nullptr;
    const auto index = srtp::estimate_index(leg.out_highest, view.sequence());
    if (!index) return nullptr;
    const auto* sent = journal_.find(rtp.stream, stream.run, *index - leg.offset);
    if (sent == nullptr || view.timestamp() != sent->timestamp ||
        view.payload_type() != stream.payload_type)
        return nullptr;
    // The block has two bytes more where mdd's sequence is not the sender's.
    const std::size_t block_bytes =
        view.sequence() == static_cast<std::uint16_t>(sent->index) ? 1 : 3;
    if (sealed_bytes != sent->bytes + block_bytes + srtp::kTagBytes) return nullptr;
    leg.out_highest = std::max(leg.out_highest, *index);
    return sent;
}

void Verifier::settle(const Rtp& rtp, Leg& leg, const Sent& sent, KindCount& count, Tsc now) {
    const auto receiver = rtp.arrival->receiver;
    const bool was_in_call = world_.endpoint(receiver).presence.covers(sent.at);
    const bool is_owed = was_in_call && sent.at >= since_;
    if (leg.run == 0) ++legs_heard_;
    if (place(leg, sent, count, is_owed, now) && was_in_call)
        world_.note_arrived(world_.stream(rtp.stream).sender, receiver);
    if (is_owed) ++tally_.by_conference[world_.plan().conference_of(receiver)];
}

bool Verifier::place(Leg& leg, const Sent& sent, KindCount& count, bool is_owed, Tsc now) {
    if (leg.run != sent.run) {
        leg.run = sent.run;
        leg.in_highest = sent.index;
        leg.window = 1;
    } else if (sent.index > leg.in_highest) {
        const auto ahead = sent.index - leg.in_highest;
        leg.window = ahead < World::kWindowPackets ? leg.window << ahead | 1 : 1;
        leg.in_highest = sent.index;
    } else {
        const auto behind = leg.in_highest - sent.index;
        // Further back than the window it may be either; as a copy it at least counts as lost.
        const bool is_copy = behind >= World::kWindowPackets || ((leg.window >> behind) & 1) != 0;
        if (is_copy) {
            if (is_owed) ++count.duplicated;
            return false;
        }
        leg.window |= std::uint64_t{1} << behind;
        if (is_owed) ++count.reordered;
    }
    if (!is_owed) return true;
    ++count.received;
    tally_.latency.add(scale_.ns(now - sent.at));
    return true;
}

void Verifier::take_rtcp(const Arrival& arrival, Tsc now) {
    auto& count = tally_.rtcp;
    const auto view = srtp::SrtcpView::parse(arrival.datagram);
    if (!view || !view->encrypted() || view->sealed().size() > kMostReportBytes + srtp::kTagBytes) {
        ++count.bad_tag;
        return;
    }
    std::array<std::uint8_t, srtp::kSrtcpClearBytes + srtp::kSrtcpIndexBytes> aad;
    std::memcpy(aad.data(), view->clear().data(), srtp::kSrtcpClearBytes);
    std::memcpy(aad.data() + srtp::kSrtcpClearBytes, view->esrtcp_word().data(),
                srtp::kSrtcpIndexBytes);
    const auto& receiver = world_.endpoint(arrival.receiver);
    bool is_open = false;
    for (const auto* keys : {receiver.receive.get(), receiver.receive_before.get()}) {
        if (keys == nullptr || is_open) continue;
        is_open =
            srtp::open(keys->rtcp(), keys->rtcp().rtcp_nonce(view->sender_ssrc(), view->index()),
                       aad, view->sealed(), plain_.data() + srtp::kSrtcpClearBytes);
    }
    if (!is_open) return refuse(receiver, count);
    std::memcpy(plain_.data(), view->clear().data(), srtp::kSrtcpClearBytes);
    const auto says = read_report_compound(
        world_.plan(), srtp::Bytes(plain_).first(srtp::kSrtcpClearBytes + view->sealed().size() -
                                                 srtp::kTagBytes));
    if (!says) {
        ++count.bad_inner;
        return;
    }
    if (!receiver.presence.covers(says->at)) return;
    world_.note_arrived(says->endpoint, arrival.receiver);
    if (says->at < since_) return;
    ++count.received;
    tally_.latency.add(scale_.ns(now - says->at));
}

}  // namespace mdd::load
