// The transmit side of a worker: buffers, headers, checksums, bursts. No encryption, no routing.
#include "dataplane/egress.h"

#include <algorithm>

#include "dataplane/datagram.h"
#include "dataplane/net/arp.h"
#include "dataplane/port.h"

namespace mdd {

using srtp::Verdict;

Egress::Egress(const std::vector<PortBinding>& ports, rte_mempool* pool, Counters& counters)
    : ports_(ports), pool_(pool), counters_(counters), ways_(ports.size()) {
    // Of a payload in a buffer, behind the headers.
    const std::size_t room_bytes =
        rte_pktmbuf_data_room_size(pool) - RTE_PKTMBUF_HEADROOM - net::kHeaderBytes;
    for (std::size_t i = 0; i < ports.size(); ++i) {
        ways_[i].port = static_cast<PortIndex>(i);
        ways_[i].most_payload_bytes =
            std::min(net::max_udp_payload_bytes(ports[i].port->mtu()), room_bytes);
        ways_[i].device_checksums = ports[i].port->features().tx_udp_checksum;
    }
}

bool Egress::refill() {
    const auto wanted = std::clamp<unsigned>(expected_, 1, fresh_.size());
    auto** objects = reinterpret_cast<void**>(fresh_.data());
    if (rte_mempool_get_bulk(pool_, objects, wanted) == 0)
        fresh_count_ = wanted;
    else if (rte_mempool_get(pool_, objects) == 0)
        fresh_count_ = 1;
    expected_ -= std::min(expected_, fresh_count_);
    for (unsigned i = 1; i <= kBuffersAhead && i <= fresh_count_; ++i)
        prefetch_room(fresh_[fresh_count_ - i]);
    return fresh_count_ != 0;
}

void Egress::expect_no_more() {
    expected_ = 0;
    if (fresh_count_ != 0)
        rte_mempool_put_bulk(pool_, reinterpret_cast<void**>(fresh_.data()), fresh_count_);
    fresh_count_ = 0;
}

void Egress::send_own(rte_mbuf* packet, const Recipient& to) {
    const auto payload_bytes = rte_pktmbuf_data_len(packet);
    auto& way = way_to(to);
    const auto verdict = may_send(way, to, payload_bytes);
    if (verdict != Verdict::accepted) return drop_own(packet, verdict);
    const auto* payload = rte_pktmbuf_mtod(packet, const std::uint8_t*);
    auto* own = make_datagram(pool_, srtp::Bytes(payload, payload_bytes));
    if (own == nullptr) return drop_own(packet, Verdict::leg_nombuf);
    free_datagram(packet);
    counters_.originated.add();
    auto* frame = reinterpret_cast<std::uint8_t*>(rte_pktmbuf_prepend(own, net::kHeaderBytes));
    write_headers(own, frame, to, way, payload_bytes);
    queue(own, way, nullptr);
}

void Egress::drop_own(rte_mbuf* packet, Verdict verdict) {
    counters_.originated.add();
    counters_.drop(verdict);
    rte_pktmbuf_free(packet);
}

void Egress::send_frame(rte_mbuf* packet, PortIndex port) {
    counters_.originated.add();
    queue(packet, ways_[port], nullptr);
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

void Egress::flush() {
    for (auto& way : ways_)
        if (way.count != 0) flush(way);
}

void Egress::flush(Way& way) {
    const auto& binding = ports_[way.port];
    const unsigned taken = binding.port->tx_burst(binding.tx_queue, way.packets.data(),
                                                  static_cast<std::uint16_t>(way.count));
    // Mostly all of one kind, and one addition then.
    for (unsigned i = 0, same = 1; i < taken; i += same, same = 1) {
        while (i + same < taken && way.kinds[i + same] == way.kinds[i]) ++same;
        if (way.kinds[i] != nullptr) way.kinds[i]->add(same);
    }
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
