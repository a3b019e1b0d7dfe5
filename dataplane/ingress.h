// What arrives: frames sorted into lanes by what they are and whose they are. Answers ARP and ICMP
// echo, hands DTLS to control and other workers' packets to their owners. Opens nothing.
#pragma once

#include "dataplane/batch.h"
#include "dataplane/counters.h"
#include "dataplane/egress.h"
#include "dataplane/mailbox.h"
#include "dataplane/net/frame.h"
#include "dataplane/net/usual_headers.h"
#include "dataplane/worker.h"

namespace mdd {

class Ingress {
  public:
    Ingress(const WorkerConfig& config, Table& table, Egress& egress, Mailbox& mailbox,
            Counters& counters);

    // Sorts frames as taken from a port; takes every mbuf over. Precondition: count <= kMaxBurst;
    // `lanes` empty.
    void sort(PortIndex port, rte_mbuf** packets, unsigned count, MediaLanes& lanes);
    // Sorts packets that other workers have handed over.
    void sort_handed(const HandedPacket* packets, unsigned count, MediaLanes& lanes);

  private:
    // Where a burst comes in.
    struct Entrance {
        PortIndex port;
        net::Be32 address;          // ours
        net::UsualHeaders usual;    // to it, and to the first UDP port, mostly the only one
        std::uint64_t usual_local;  // that address, as FlowKey packs it
        bool device_checks;         // the device says of a packet whether its IPv4 checksum is good
    };
    // A media datagram whose sender is being looked up. On a line of its own, so that its place is
    // quickly found.
    struct alignas(64) Arrival {
        rte_mbuf* packet;
        std::uint8_t* data;  // first byte of the UDP payload
        std::uint16_t bytes;
        bool is_rtcp;
        FlowKey flow;
        std::size_t place;  // in the flow table
    };
    // Each: whether it is media, and now in `arrival`; else it has met its end.
    bool frame(const Entrance& entrance, rte_mbuf* packet, Arrival& arrival);
    bool unusual_frame(const Entrance& entrance, rte_mbuf* packet, net::IpChecksum ip_checksum,
                       Arrival& arrival);
    bool datagram(PortIndex port, rte_mbuf* packet, const FlowKey& flow,
                  std::uint16_t payload_offset, std::uint16_t payload_bytes, Arrival& arrival);
    // The first `arrived` of the arrivals into their lanes, or among the strangers.
    void look_up(unsigned arrived, MediaLanes& lanes);
    void drop_strangers();
    // What is in the lane and not of this worker's senders, to its owner.
    void hand_off(Lane& lane, bool is_rtcp);
    void arp(PortIndex port, rte_mbuf* packet, srtp::Bytes payload);
    // These by value: what is referred to cannot stay in registers, for any packet.
    void icmp(PortIndex port, rte_mbuf* packet, net::Frame frame);
    void dtls(PortIndex port, rte_mbuf* packet, FlowKey flow, std::uint16_t payload_offset,
              std::uint16_t payload_bytes);
    void drop(rte_mbuf* packet, srtp::Verdict verdict);
    bool refuse(rte_mbuf* packet, srtp::Verdict verdict);  // drops; false
    bool has_port(net::Be16 udp_port) const;

    const WorkerConfig& config_;
    Table& table_;
    Egress& egress_;
    Mailbox& mailbox_;
    Counters& counters_;
    std::vector<Entrance> entrances_;  // by port
    HandOff hand_off_;
    std::array<Arrival, kMaxBurst> arrivals_;
    // Of this burst. A flood would be of them: together they cost less.
    std::array<rte_mbuf*, kMaxBurst> strangers_;
    unsigned strange_ = 0;
    // A third of the last burst, or more, was strangers'. Asking first who is nobody's makes them
    // cheaper then; where there are few, it makes everybody else dearer.
    bool is_flooded_ = false;
};

}  // namespace mdd
