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
      hand_off_(config.to_worker) {}

void Ingress::drop(rte_mbuf* packet, Verdict verdict) {
    counters_.drop(verdict);
    free_packet(packet);
}

bool Ingress::refuse(rte_mbuf* packet, Verdict verdict) {
    drop(packet, verdict);
    return false;
}

[[gnu::always_inline]] inline bool Ingress::is_for_us(const Entrance& entrance,
                                                      const net::SocketAddress& to) const {
    if (to.ip != entrance.address) return false;
    return to.port == entrance.first_udp_port ||
           std::ranges::find(config_.udp_ports, net::from_be(to.port)) != config_.udp_ports.end();
}

[[gnu::always_inline]] inline bool Ingress::udp(const Entrance& entrance, rte_mbuf* packet,
                                                const net::Frame& parsed, Arrival& arrival) {
    if (!is_for_us(entrance, parsed.destination)) return refuse(packet, Verdict::not_for_us);
    if (parsed.payload_bytes > kMaxDatagramBytes) return refuse(packet, Verdict::bad_udp);
    auto* data = rte_pktmbuf_mtod_offset(packet, std::uint8_t*, parsed.payload_offset);
    const auto kind = srtp::classify_datagram(Bytes(data, parsed.payload_bytes));
    switch (kind) {
        case DatagramKind::dtls:
            dtls(entrance.port, packet, parsed);
            return false;
        case DatagramKind::stun:
            return refuse(packet, Verdict::stun_unknown_ufrag);
        case DatagramKind::unknown:
            return refuse(packet, Verdict::demux_unknown);
        case DatagramKind::rtp:
        case DatagramKind::rtcp:
            break;
    }
    // Part by part where they belong: put together first and copied as a whole, they would be
    // loaded before they are stored.
    const FlowKey flow({parsed.source, parsed.destination});
    arrival.packet = packet;
    arrival.data = data;
    arrival.bytes = parsed.payload_bytes;
    arrival.is_rtcp = kind == DatagramKind::rtcp;
    arrival.flow = flow;
    arrival.place = table_.flows().prefetch(flow);
    return true;
}

[[gnu::always_inline]] inline bool Ingress::frame(const Entrance& entrance, rte_mbuf* packet,
                                                  Arrival& arrival) {
    // A frame in several segments is longer than any datagram we take.
    if (packet->nb_segs != 1) return refuse(packet, Verdict::bad_l2);
    poison_tailroom(packet);
    const bool checked = entrance.device_checks && has_checked_ip(packet);
    net::Frame parsed;
    const auto verdict =
        net::parse_frame(frame_bytes(packet), parsed,
                         checked ? net::IpChecksum::verified_by_device : net::IpChecksum::verify);
    if (verdict != Verdict::accepted) return refuse(packet, verdict);
    switch (parsed.kind) {
        case net::FrameKind::udp:
            return udp(entrance, packet, parsed, arrival);
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
    const auto& binding = config_.ports[port];
    const Entrance entrance{port, binding.address, net::to_be(config_.udp_ports.front()),
                            binding.port->features().rx_ipv4_checksum};
    unsigned arrived = 0;
    for (unsigned i = 0; i < count; ++i) arrived += frame(entrance, packets[i], arrivals_[arrived]);
    look_up(arrived, lanes);
    if (hand_off_.is_alone()) return;
    hand_off(lanes.rtp, false);
    hand_off(lanes.rtcp, true);
    counters_.handed_over.add(
        hand_off_.flush([this](rte_mbuf* packet) { drop(packet, Verdict::handoff_full); }));
}

void Ingress::look_up(unsigned arrived, MediaLanes& lanes) {
    // Of whom a flood would be: together they cost less.
    std::array<rte_mbuf*, kMaxBurst> strangers;
    unsigned strange = 0;
    for (unsigned i = 0; i < arrived; ++i) {
        const auto& arrival = arrivals_[i];
        auto* sender = table_.flows().find_and_prefetch(arrival.flow, arrival.place);
        if (sender == nullptr) {
            strangers[strange++] = arrival.packet;
            continue;
        }
        prefetch_second_line(arrival.packet);
        (arrival.is_rtcp ? lanes.rtcp : lanes.rtp)
            .add({arrival.packet, arrival.data, arrival.bytes, sender});
    }
    if (strange == 0) return;
    counters_.drop(Verdict::unknown_source, strange);
    free_packets(strangers.data(), strange);
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

void Ingress::dtls(PortIndex port, rte_mbuf* packet, net::Frame parsed) {
    const Notice notice{.kind = Notice::Kind::dtls,
                        .worker = config_.index,
                        .port = port,
                        .flow = {parsed.source, parsed.destination},
                        .mac = net::source_mac_of(frame_bytes(packet)),
                        .packet = packet,
                        .payload_offset = parsed.payload_offset,
                        .payload_bytes = parsed.payload_bytes};
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
