// The transmit side of a worker: buffers, headers, checksums, bursts. No encryption, no routing.
#include "dataplane/egress.h"

#include <algorithm>

#include "dataplane/net/arp.h"
#include "dataplane/port.h"

namespace mdd {

using srtp::Verdict;

namespace {

// Of a fresh buffer's room; the processor's own prefetcher sees the rest coming.
constexpr std::size_t kRoomLines = 3;

}  // namespace

Egress::Egress(const std::vector<PortBinding>& ports, rte_mempool* pool, Counters& counters)
    : ports_(ports), pool_(pool), counters_(counters), ways_(ports.size()) {
    for (std::size_t i = 0; i < ports.size(); ++i) {
        ways_[i].most_payload_bytes = net::max_udp_payload_bytes(ports[i].port->mtu());
        ways_[i].device_checksums = ports[i].port->features().tx_udp_checksum;
    }
}

// An empty buffer as the pool keeps it (one segment, nobody else's), with the fields set that a
// transmit queue looks at.
rte_mbuf* Egress::fresh() {
    if (fresh_count_ == 0) {
        const auto wanted = std::clamp<unsigned>(expected_, 1, fresh_.size());
        auto** objects = reinterpret_cast<void**>(fresh_.data());
        if (rte_mempool_get_bulk(pool_, objects, wanted) == 0)
            fresh_count_ = wanted;
        else if (rte_mempool_get(pool_, objects) == 0)
            fresh_count_ = 1;
        else
            return nullptr;
    }
    if (expected_ > 0) --expected_;
    auto* packet = fresh_[--fresh_count_];
    // The one after the next: its descriptor and the beginning of its room, about to be written.
    if (fresh_count_ > 1) {
        auto* next = reinterpret_cast<char*>(fresh_[fresh_count_ - 2]);
        __builtin_prefetch(next, 1);
        for (std::size_t line = 0; line < kRoomLines; ++line)
            __builtin_prefetch(next + sizeof(rte_mbuf) + RTE_PKTMBUF_HEADROOM + line * 64, 1);
    }
    packet->data_off = RTE_PKTMBUF_HEADROOM;
    packet->ol_flags = 0;
    return packet;
}

void Egress::expect_no_more() {
    expected_ = 0;
    if (fresh_count_ != 0)
        rte_mempool_put_bulk(pool_, reinterpret_cast<void**>(fresh_.data()), fresh_count_);
    fresh_count_ = 0;
}

Egress::Draft Egress::start(std::size_t payload_bytes) {
    const std::size_t frame_bytes = net::kHeaderBytes + payload_bytes;
    auto* packet = fresh();
    if (packet == nullptr) {
        counters_.drop(Verdict::leg_nombuf);
        return {};
    }
    if (frame_bytes + RTE_PKTMBUF_HEADROOM > packet->buf_len) {
        rte_mempool_put(pool_, packet);
        counters_.drop(Verdict::too_long);
        return {};
    }
    packet->data_len = static_cast<std::uint16_t>(frame_bytes);
    packet->pkt_len = static_cast<std::uint32_t>(frame_bytes);
    return {packet, rte_pktmbuf_mtod_offset(packet, std::uint8_t*, net::kHeaderBytes)};
}

void Egress::finish(const Draft& draft, const Recipient& to, Counter* sent_kind) {
    write_headers(draft.packet, to, rte_pktmbuf_data_len(draft.packet) - net::kHeaderBytes);
    queue(draft.packet, to.port, sent_kind);
}

void Egress::write_headers(rte_mbuf* packet, const Recipient& to, std::size_t payload_bytes) const {
    auto* frame = rte_pktmbuf_mtod(packet, std::uint8_t*);
    net::write_headers(to.header, frame, payload_bytes);
    if (ways_[to.port].device_checksums) {
        net::seed_udp_checksum(to.header, frame, payload_bytes);
        packet->ol_flags |= RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_UDP_CKSUM;
        packet->tx_offload = 0;
        packet->l2_len = net::kEthernetBytes;
        packet->l3_len = net::kIpv4Bytes;
    } else {
        net::write_udp_checksum(to.header, frame, payload_bytes);
    }
}

void Egress::send_own(rte_mbuf* packet, const Recipient& to) {
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
    auto& way = ways_[port];
    if (way.count == way.packets.size()) flush(port);
    way.packets[way.count] = packet;
    way.kinds[way.count++] = kind;
}

void Egress::flush() {
    for (std::size_t port = 0; port < ways_.size(); ++port)
        if (ways_[port].count != 0) flush(static_cast<PortIndex>(port));
}

void Egress::flush(PortIndex port) {
    auto& way = ways_[port];
    const auto& binding = ports_[port];
    const unsigned taken = binding.port->tx_burst(binding.tx_queue, way.packets.data(),
                                                  static_cast<std::uint16_t>(way.count));
    for (unsigned i = 0; i < taken; ++i)
        if (way.kinds[i] != nullptr) way.kinds[i]->add();
    counters_.sent.add(taken);
    // What the queue does not take is lost, not tried again: the packets behind it are younger and
    // worth more.
    if (taken < way.count) {
        counters_.drop(Verdict::tx_full, way.count - taken);
        rte_pktmbuf_free_bulk(way.packets.data() + taken, way.count - taken);
    }
    way.count = 0;
}

}  // namespace mdd
