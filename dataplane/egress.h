// What leaves a worker: copies for receivers, RTCP, and packets of our own. Holds them until the
// end of the round, then gives them to the transmit queues and counts every outcome. Whatever a
// queue gets is in buffers of the worker's own pool, in one segment and nobody else's: a device may
// give them back together, without a look at them (PortConfig::one_pool_per_tx_queue).
#pragma once

#include <rte_mbuf.h>

#include <array>
#include <vector>

#include "dataplane/counters.h"
#include "dataplane/srtp/prefetch.h"
#include "dataplane/table.h"
#include "dataplane/worker.h"

namespace mdd {

class Egress {
  public:
    Egress(const std::vector<PortBinding>& ports, rte_mempool* pool, Counters& counters);

    // A packet with room for headers in front of `payload`. Null packet: there was none, and that
    // is counted.
    struct Draft {
        rte_mbuf* packet = nullptr;
        std::uint8_t* payload = nullptr;
        std::size_t payload_bytes = 0;
    };
    // What leaves by one port. Written with every packet: on lines that nothing else is on.
    class alignas(64) Way {
        friend class Egress;
        std::size_t most_payload_bytes = 0;
        PortIndex port = 0;
        bool device_checksums = false;
        unsigned count = 0;
        std::array<rte_mbuf*, 64> packets;
        std::array<Counter*, 64> kinds;
    };
    // Where packets to `to` leave: for the copies that it gets of several packets, looked up once.
    Way& way_to(const Recipient& to) { return ways_[to.port]; }

    // Buffers for copies are taken from the pool several at a time: says how many copies will be
    // asked for.
    void expect(unsigned copies) { expected_ = copies; }
    // Gives back what was expected and not used.
    void expect_no_more();
    // Precondition: may_send(way, to, payload_bytes) for the recipient it will go to.
    Draft start(std::size_t payload_bytes);
    // Completes the headers of a drafted packet and queues it. Which counter, besides `sent`, it
    // raises once it is taken.
    void finish(const Draft& draft, const Recipient& to, Way& way, Counter* sent_kind);
    // Whether a payload of this size can go to `to` now, by its way; the verdict when it can't:
    // no_neighbour or too_long.
    static srtp::Verdict may_send(const Way& way, const Recipient& to, std::size_t payload_bytes) {
        if (to.state != Recipient::State::resolved) return srtp::Verdict::no_neighbour;
        return payload_bytes <= way.most_payload_bytes ? srtp::Verdict::accepted
                                                       : srtp::Verdict::too_long;
    }

    // Sends the payload in `packet` (data = UDP payload), a buffer of any pool, as a packet of our
    // own. Takes it over.
    void send_own(rte_mbuf* packet, const Recipient& to);
    // Counts and frees a packet of our own that has nowhere to go. Takes it over.
    void drop_own(rte_mbuf* packet, srtp::Verdict verdict);
    // Sends a whole frame of our own, in a buffer of the worker's pool. Takes it over.
    void send_frame(rte_mbuf* packet, PortIndex port);
    // Asks the network for the link-layer address of `ip`. Counts.
    void send_arp_request(PortIndex port, net::Be32 ip);

    // Gives everything queued to the transmit queues.
    void flush();

  private:
    // Which fresh buffer is asked for, and how much of its room; the processor's own prefetcher
    // sees the rest coming.
    static constexpr unsigned kBuffersAhead = 2;
    static constexpr std::size_t kRoomLines = 3;
    // Asks for a buffer's descriptor and the beginning of its room, about to be written.
    static void prefetch_room(const rte_mbuf* packet) {
        srtp::prefetch(packet);
        srtp::prefetch_lines(reinterpret_cast<const char*>(packet + 1) + RTE_PKTMBUF_HEADROOM,
                             kRoomLines);
    }
    rte_mbuf* fresh();
    // False: there is none.
    bool refill();
    // `frame`: where the packet begins. Completes what a transmit queue looks at besides lengths.
    static void write_headers(rte_mbuf* packet, std::uint8_t* frame, const Recipient& to,
                              const Way& way, std::size_t payload_bytes);
    void queue(rte_mbuf* packet, Way& way, Counter* kind);
    void flush(Way& way);

    const std::vector<PortBinding>& ports_;
    rte_mempool* pool_;
    Counters& counters_;
    std::vector<Way> ways_;
    unsigned expected_ = 0;  // copies that no buffer has been taken for
    unsigned fresh_count_ = 0;
    std::array<rte_mbuf*, 32> fresh_;
};

// What every copy passes through stands here, so that it is compiled into the loop over receivers.

// An empty buffer as the pool keeps it: one segment, nobody else's. Lengths and offloads are still
// to be set.
[[gnu::always_inline]] inline rte_mbuf* Egress::fresh() {
    if (fresh_count_ == 0 && !refill()) return nullptr;
    auto* packet = fresh_[--fresh_count_];
    if (fresh_count_ >= kBuffersAhead) prefetch_room(fresh_[fresh_count_ - kBuffersAhead]);
    packet->data_off = RTE_PKTMBUF_HEADROOM;
    return packet;
}

[[gnu::always_inline]] inline Egress::Draft Egress::start(std::size_t payload_bytes) {
    const std::size_t frame_bytes = net::kHeaderBytes + payload_bytes;
    auto* packet = fresh();
    if (packet == nullptr) {
        counters_.drop(srtp::Verdict::leg_nombuf);
        return {};
    }
    packet->data_len = static_cast<std::uint16_t>(frame_bytes);
    packet->pkt_len = static_cast<std::uint32_t>(frame_bytes);
    auto* frame = static_cast<std::uint8_t*>(packet->buf_addr) + RTE_PKTMBUF_HEADROOM;
    return {packet, frame + net::kHeaderBytes, payload_bytes};
}

[[gnu::always_inline]] inline void Egress::finish(const Draft& draft, const Recipient& to, Way& way,
                                                  Counter* sent_kind) {
    write_headers(draft.packet, draft.payload - net::kHeaderBytes, to, way, draft.payload_bytes);
    queue(draft.packet, way, sent_kind);
}

inline void Egress::write_headers(rte_mbuf* packet, std::uint8_t* frame, const Recipient& to,
                                  const Way& way, std::size_t payload_bytes) {
    net::write_headers(to.header, frame, payload_bytes);
    if (way.device_checksums) {
        net::seed_udp_checksum(to.header, frame, payload_bytes);
        packet->ol_flags = RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_UDP_CKSUM;
        packet->tx_offload = 0;
        packet->l2_len = net::kEthernetBytes;
        packet->l3_len = net::kIpv4Bytes;
    } else {
        net::write_udp_checksum(to.header, frame, payload_bytes);
        packet->ol_flags = 0;
    }
}

inline void Egress::queue(rte_mbuf* packet, Way& way, Counter* kind) {
    if (way.count == way.packets.size()) flush(way);
    way.packets[way.count] = packet;
    way.kinds[way.count++] = kind;
}

}  // namespace mdd
