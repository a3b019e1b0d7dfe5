// The transmit side of a worker: buffers, headers, checksums, bursts. No encryption, no routing.
#include "dataplane/egress.h"

#include "dataplane/net/arp.h"
#include "dataplane/port.h"

namespace mdd {

using srtp::Verdict;

Egress::Egress(const std::vector<PortBinding>& ports, rte_mempool* pool, Counters& counters)
    : ports_(ports), pool_(pool), counters_(counters), out_(ports.size()) {}

Verdict Egress::may_send(const Member& to, std::size_t payload_bytes) const {
    if (!to.resolved) return Verdict::no_neighbour;
    if (payload_bytes > net::max_udp_payload_bytes(ports_[to.port].port->mtu()))
        return Verdict::too_long;
    return Verdict::accepted;
}

Egress::Draft Egress::start(std::size_t payload_bytes) {
    auto* packet = rte_pktmbuf_alloc(pool_);
    if (packet == nullptr) {
        counters_.drop(Verdict::leg_nombuf);
        return {};
    }
    auto* frame = reinterpret_cast<std::uint8_t*>(
        rte_pktmbuf_append(packet, static_cast<std::uint16_t>(net::kHeaderBytes + payload_bytes)));
    if (frame == nullptr) {
        rte_pktmbuf_free(packet);
        counters_.drop(Verdict::too_long);
        return {};
    }
    return {packet, frame + net::kHeaderBytes};
}

void Egress::finish(const Draft& draft, const Member& to, Counter* sent_kind) {
    write_headers(draft.packet, to, rte_pktmbuf_data_len(draft.packet) - net::kHeaderBytes);
    queue(draft.packet, to.port, sent_kind);
}

void Egress::write_headers(rte_mbuf* packet, const Member& to, std::size_t payload_bytes) {
    auto* frame = rte_pktmbuf_mtod(packet, std::uint8_t*);
    net::write_headers(to.header, frame, payload_bytes);
    if (ports_[to.port].port->features().tx_udp_checksum) {
        net::seed_udp_checksum(to.header, frame, payload_bytes);
        packet->ol_flags |= RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_UDP_CKSUM;
        packet->l2_len = net::kEthernetBytes;
        packet->l3_len = net::kIpv4Bytes;
    } else {
        net::write_udp_checksum(to.header, frame, payload_bytes);
    }
}

void Egress::send_own(rte_mbuf* packet, const Member& to) {
    const auto payload_bytes = rte_pktmbuf_data_len(packet);
    auto verdict = may_send(to, payload_bytes);
    if (verdict == Verdict::accepted && rte_pktmbuf_prepend(packet, net::kHeaderBytes) == nullptr)
        verdict = Verdict::too_long;
    if (verdict != Verdict::accepted) return drop_own(packet, verdict);
    counters_.originated.add();
    write_headers(packet, to, payload_bytes);
    queue(packet, to.port, nullptr);
}

void Egress::drop_own(rte_mbuf* packet, Verdict verdict) {
    counters_.originated.add();
    counters_.drop(verdict);
    rte_pktmbuf_free(packet);
}

void Egress::send_frame(rte_mbuf* packet, PortIndex port) {
    counters_.originated.add();
    queue(packet, port, nullptr);
}

void Egress::send_arp_request(PortIndex port, net::Be32 ip) {
    auto* packet = rte_pktmbuf_alloc(pool_);
    if (packet == nullptr) {
        counters_.originated.add();
        counters_.drop(Verdict::leg_nombuf);
        return;
    }
    auto* frame = reinterpret_cast<std::uint8_t*>(rte_pktmbuf_append(packet, net::kArpFrameBytes));
    const auto& binding = ports_[port];
    net::write_arp_request(frame, binding.port->mac(), binding.address, ip);
    send_frame(packet, port);
}

void Egress::queue(rte_mbuf* packet, PortIndex port, Counter* kind) {
    auto& out = out_[port];
    if (out.count == out.packets.size()) flush(port);
    out.packets[out.count] = packet;
    out.kinds[out.count++] = kind;
}

void Egress::flush() {
    for (std::size_t port = 0; port < out_.size(); ++port)
        if (out_[port].count != 0) flush(static_cast<PortIndex>(port));
}

void Egress::flush(PortIndex port) {
    auto& out = out_[port];
    const auto& binding = ports_[port];
    const unsigned taken = binding.port->tx_burst(binding.tx_queue, out.packets.data(),
                                                  static_cast<std::uint16_t>(out.count));
    for (unsigned i = 0; i < taken; ++i)
        if (out.kinds[i] != nullptr) out.kinds[i]->add();
    counters_.sent.add(taken);
    // What the queue does not take is lost, not tried again: the packets behind it are younger and
    // worth more.
    if (taken < out.count) {
        counters_.drop(Verdict::tx_full, out.count - taken);
        rte_pktmbuf_free_bulk(out.packets.data() + taken, out.count - taken);
    }
    out.count = 0;
}

}  // namespace mdd
