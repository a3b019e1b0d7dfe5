// Sorting what arrives: see ingress.h.
#include "dataplane/ingress.h"

#include <algorithm>

#include "dataplane/datagram.h"
#include "dataplane/net/arp.h"
#include "dataplane/net/icmp.h"
#include "dataplane/packet_pool.h"
#include "dataplane/port.h"
#include "dataplane/srtp/demux.h"
#include "dataplane/srtp/prefetch.h"

namespace mdd {

using srtp::Bytes;
using srtp::DatagramKind;
using srtp::prefetch;
using srtp::Verdict;

namespace {

Bytes frame_bytes(const rte_mbuf* packet) {
    return {rte_pktmbuf_mtod(packet, const std::uint8_t*), rte_pktmbuf_data_len(packet)};
}

bool has_checked_ip(const rte_mbuf* packet) {
    return (packet->ol_flags & RTE_MBUF_F_RX_IP_CKSUM_MASK) == RTE_MBUF_F_RX_IP_CKSUM_GOOD;
}

// Where the frame begins unless the driver has moved it, without a look at the buffer.
const char* frame_of(const rte_mbuf* packet) {
    return reinterpret_cast<const char*>(packet + 1) + RTE_PKTMBUF_HEADROOM;
}

// The first line has all that a stranger is dropped by: addresses, and how the payload begins.
void prefetch_frame(const rte_mbuf* packet) {
    prefetch(packet);
    prefetch(frame_of(packet));
}

// Of a packet whose sender is known.
void prefetch_second_line(const rte_mbuf* packet) {
    prefetch(frame_of(packet) + srtp::kCacheLineBytes);
}

}  // namespace

Ingress::Ingress(const WorkerConfig& config, Table& table, Egress& egress, Mailbox& mailbox,
                 Counters& counters)
    : config_(config),
      table_(table),
      egress_(egress),
      mailbox_(mailbox),
      counters_(counters),
      hand_off_(config.to_worker) {
    const auto first_udp_port = net::to_be(config.udp_ports.front());
    for (const auto& binding : config.ports)
        entrances_.push_back({static_cast<PortIndex>(entrances_.size()), binding.address,
                              net::UsualHeaders({binding.address, first_udp_port}),
                              FlowKey::pack({binding.address, first_udp_port}),
                              binding.port->features().rx_ipv4_checksum});
}

void Ingress::drop(rte_mbuf* packet, Verdict verdict) {
    counters_.drop(verdict);
    free_packet(packet);
}

bool Ingress::refuse(rte_mbuf* packet, Verdict verdict) {
    drop(packet, verdict);
    return false;
}

bool Ingress::has_port(net::Be16 udp_port) const {
    return std::ranges::find(config_.udp_ports, net::from_be(udp_port)) != config_.udp_ports.end();
}

[[gnu::always_inline]] inline bool Ingress::datagram(PortIndex port, rte_mbuf* packet,
                                                     const FlowKey& flow,
                                                     std::uint16_t payload_offset,
                                                     std::uint16_t payload_bytes,
                                                     Arrival& arrival) {
    if (payload_bytes > kMaxDatagramBytes) return refuse(packet, Verdict::bad_udp);
    auto* data = rte_pktmbuf_mtod_offset(packet, std::uint8_t*, payload_offset);
    const auto kind = srtp::classify_datagram(Bytes(data, payload_bytes));
    switch (kind) {
        case DatagramKind::dtls:
            dtls(port, packet, flow, payload_offset, payload_bytes);
            return false;
        case DatagramKind::stun:
            return refuse(packet, Verdict::stun_unknown_ufrag);
        case DatagramKind::unknown:
            return refuse(packet, Verdict::demux_unknown);
        case DatagramKind::rtp:
        case DatagramKind::rtcp:
            break;
    }
    const auto hash = FlowTable::hash(flow);
    if (is_flooded_ && table_.flows().is_nobodys(hash)) {
        strangers_[strange_++] = packet;
        return false;
    }
    // Part by part where they belong: put together first and copied as a whole, they would be
    // loaded before they are stored.
    arrival.packet = packet;
    arrival.data = data;
    arrival.bytes = payload_bytes;
    arrival.is_rtcp = kind == DatagramKind::rtcp;
    arrival.flow = flow;
    arrival.place = table_.flows().prefetch(hash);
    return true;
}

[[gnu::always_inline]] inline bool Ingress::frame(const Entrance& entrance, rte_mbuf* packet,
                                                  Arrival& arrival) {
    // A frame in several segments is longer than any datagram we take.
    if (packet->nb_segs != 1) return refuse(packet, Verdict::bad_l2);
    poison_tailroom(packet);
    const bool checked = entrance.device_checks && has_checked_ip(packet);
    const auto ip_checksum =
        checked ? net::IpChecksum::verified_by_device : net::IpChecksum::verify;
    net::UsualHeaders::Match usual;
    if (entrance.usual.match(frame_bytes(packet), usual, ip_checksum))
        return datagram(entrance.port, packet, {FlowKey::pack(usual.source), entrance.usual_local},
                        net::kHeaderBytes, usual.payload_bytes, arrival);
    return unusual_frame(entrance, packet, ip_checksum, arrival);
}

bool Ingress::unusual_frame(const Entrance& entrance, rte_mbuf* packet, net::IpChecksum ip_checksum,
                            Arrival& arrival) {
    net::Frame parsed;
    const auto verdict = net::parse_frame(frame_bytes(packet), parsed, ip_checksum);
    if (verdict != Verdict::accepted) return refuse(packet, verdict);
    switch (parsed.kind) {
        case net::FrameKind::udp:
            if (parsed.destination.ip != entrance.address || !has_port(parsed.destination.port))
                return refuse(packet, Verdict::not_for_us);
            return datagram(entrance.port, packet, Flow{parsed.source, parsed.destination},
                            parsed.payload_offset, parsed.payload_bytes, arrival);
        case net::FrameKind::arp:
            arp(entrance.port, packet, net::payload_of(frame_bytes(packet), parsed));
            return false;
        case net::FrameKind::icmp:
            icmp(entrance.port, packet, parsed);
            return false;
    }
    return false;
}

// Each pass asks for the memory that the next one reads, so that the packets of a burst wait for it
// together: buffers and frames, flow table, members and endpoints.
void Ingress::sort(PortIndex port, rte_mbuf** packets, unsigned count, MediaLanes& lanes) {
    counters_.received.add(count);
    for (unsigned i = 0; i < count; ++i) prefetch_frame(packets[i]);
    const auto& entrance = entrances_[port];
    unsigned arrived = 0;
    for (unsigned i = 0; i < count; ++i) arrived += frame(entrance, packets[i], arrivals_[arrived]);
    look_up(arrived, lanes);
    is_flooded_ = 3 * strange_ >= count;
    if (strange_ != 0) drop_strangers();
    if (hand_off_.is_alone()) return;
    hand_off(lanes.rtp, false);
    hand_off(lanes.rtcp, true);
    counters_.handed_over.add(
        hand_off_.flush([this](rte_mbuf* packet) { drop(packet, Verdict::handoff_full); }));
}

void Ingress::look_up(unsigned arrived, MediaLanes& lanes) {
    for (unsigned i = 0; i < arrived; ++i) {
        const auto& arrival = arrivals_[i];
        auto* sender = table_.flows().find_and_prefetch(arrival.flow, arrival.place);
        if (sender == nullptr) {
            strangers_[strange_++] = arrival.packet;
            continue;
        }
        prefetch_second_line(arrival.packet);
        (arrival.is_rtcp ? lanes.rtcp : lanes.rtp)
            .add({arrival.packet, arrival.data, arrival.bytes, sender});
    }
}

void Ingress::drop_strangers() {
    counters_.drop(Verdict::unknown_source, strange_);
    free_packets(strangers_.data(), strange_);
    strange_ = 0;
}

void Ingress::arp(PortIndex port, rte_mbuf* packet, Bytes payload) {
    const auto& binding = config_.ports[port];
    const auto arp = net::parse_arp(payload);
    if (!arp) return drop(packet, Verdict::bad_l2);
    if (arp->target_ip != binding.address) return drop(packet, Verdict::not_for_us);
    if (arp->sender_ip != net::Be32{}) {
        Notice learnt{.kind = Notice::Kind::neighbour,
                      .worker = config_.index,
                      .port = port,
                      .mac = arp->sender_mac};
        learnt.flow.remote.ip = arp->sender_ip;
        // If control is behind, its next probe brings the same answer.
        static_cast<void>(mailbox_.notify_unproven(learnt));
    }
    if (arp->operation == net::ArpOperation::request) {
        if (auto* reply = rte_pktmbuf_alloc(config_.pool)) {
            auto* at =
                reinterpret_cast<std::uint8_t*>(rte_pktmbuf_append(reply, net::kArpFrameBytes));
            net::write_arp_reply(at, *arp, binding.port->mac(), binding.address);
            egress_.send_frame(reply, port);
        } else {
            return drop(packet, Verdict::rx_nombuf);
        }
    }
    counters_.consumed.add();
    free_packet(packet);
}

void Ingress::icmp(PortIndex port, rte_mbuf* packet, net::Frame parsed) {
    const auto& binding = config_.ports[port];
    const srtp::MutableBytes bytes(rte_pktmbuf_mtod(packet, std::uint8_t*),
                                   rte_pktmbuf_data_len(packet));
    if (!net::make_echo_reply(bytes, parsed, binding.port->mac(), binding.address))
        return drop(packet, Verdict::not_for_us);
    auto* reply = make_datagram(config_.pool, bytes);
    if (reply == nullptr) return drop(packet, Verdict::rx_nombuf);
    counters_.consumed.add();
    free_packet(packet);
    egress_.send_frame(reply, port);
}

void Ingress::dtls(PortIndex port, rte_mbuf* packet, FlowKey flow, std::uint16_t payload_offset,
                   std::uint16_t payload_bytes) {
    const Notice notice{.kind = Notice::Kind::dtls,
                        .worker = config_.index,
                        .port = port,
                        .flow = flow.unpacked(),
                        .mac = net::source_mac_of(frame_bytes(packet)),
                        .packet = packet,
                        .payload_offset = payload_offset,
                        .payload_bytes = payload_bytes};
    unpoison_room(packet);
    if (!mailbox_.notify_unproven(notice)) drop(packet, Verdict::dtls_rate);
}

void Ingress::hand_off(Lane& lane, bool is_rtcp) {
    unsigned kept = 0;
    for (unsigned i = 0; i < lane.count; ++i) {
        const auto& [packet, data, bytes, sender] = lane.packets[i];
        if (sender->owner == config_.index) {
            lane.packets[kept++] = lane.packets[i];
            continue;
        }
        unpoison_room(packet);
        const auto offset = data - rte_pktmbuf_mtod(packet, const std::uint8_t*);
        hand_off_.add(sender->owner, {.packet = packet,
                                      .datagram_offset = static_cast<std::uint16_t>(offset),
                                      .datagram_bytes = bytes,
                                      .conference = sender->conference,
                                      .member = sender->slot,
                                      .is_rtcp = is_rtcp});
    }
    lane.count = kept;
}

void Ingress::sort_handed(const HandedPacket* packets, unsigned count, MediaLanes& lanes) {
    std::array<Member*, kMaxBurst> senders;
    for (unsigned i = 0; i < count; ++i) {
        prefetch_frame(packets[i].packet);
        senders[i] = table_.find(packets[i].conference, packets[i].member);
        prefetch(senders[i]);
    }
    for (unsigned i = 0; i < count; ++i)
        if (senders[i] != nullptr) {
            prefetch(senders[i]->endpoint.get());
            prefetch_second_line(packets[i].packet);
        }
    for (unsigned i = 0; i < count; ++i) {
        const auto& handed = packets[i];
        // The giver may know of a member a moment before us, never of another owner: owners do not
        // change.
        if (senders[i] == nullptr || senders[i]->owner != config_.index) {
            drop(handed.packet, Verdict::unknown_source);
            continue;
        }
        poison_tailroom(handed.packet);
        auto* data = rte_pktmbuf_mtod_offset(handed.packet, std::uint8_t*, handed.datagram_offset);
        (handed.is_rtcp ? lanes.rtcp : lanes.rtp)
            .add({handed.packet, data, handed.datagram_bytes, senders[i]});
    }
}

}  // namespace mdd
