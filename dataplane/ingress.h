// What arrives: frames sorted into lanes by what they are and whose they are. Answers ARP and ICMP
// echo, hands DTLS to control and other workers' packets to their owners. Opens nothing.
#pragma once

#include "dataplane/batch.h"
#include "dataplane/counters.h"
#include "dataplane/egress.h"
#include "dataplane/mailbox.h"
#include "dataplane/net/frame.h"
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
    // Where a burst has come in. `device_checks`: the device says of a packet whether its IPv4
    // checksum is good.
    struct Entrance {
        PortIndex port;
        net::Be32 address;  // ours
        bool device_checks;
    };
    // A media datagram whose sender is being looked up. On a line of its own, so that its place is
    // quickly found.
    struct alignas(64) Arrival {
        rte_mbuf* packet;
        net::Frame frame;
        bool is_rtcp;
        std::size_t place;  // in the flow table
        Member* sender;
    };
    void frame(const Entrance& entrance, rte_mbuf* packet);
    void look_up();
    void place(MediaLanes& lanes);
    void arp(PortIndex port, rte_mbuf* packet, srtp::Bytes payload);
    void icmp(PortIndex port, rte_mbuf* packet, const net::Frame& frame);
    // Keeps a media datagram in its place among the arrivals.
    void udp(const Entrance& entrance, Arrival& arrival);
    void dtls(PortIndex port, rte_mbuf* packet, const net::Frame& frame);
    void hand_off(const Arrival& arrival);
    void drop(rte_mbuf* packet, srtp::Verdict verdict);
    bool is_media_port(net::Be16 port) const;

    const WorkerConfig& config_;
    Table& table_;
    Egress& egress_;
    Mailbox& mailbox_;
    Counters& counters_;
    HandOff hand_off_;
    std::array<Arrival, kMaxBurst> arrivals_;
    unsigned arrived_ = 0;
};

}  // namespace mdd
