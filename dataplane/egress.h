// What leaves a worker: copies for receivers, RTCP, and packets of our own. Holds them until the
// end of the round, then gives them to the transmit queues and counts every outcome.
#pragma once

#include <rte_mbuf.h>

#include <array>
#include <vector>

#include "dataplane/counters.h"
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
    };
    // Buffers for copies are taken from the pool several at a time: says how many copies will be
    // asked for.
    void expect(unsigned copies) { expected_ = copies; }
    // Gives back what was expected and not used.
    void expect_no_more();
    // Precondition: may_send(to, payload_bytes) for the recipient it will go to.
    Draft start(std::size_t payload_bytes);
    // Completes the headers of a drafted packet and queues it. Which counter, besides `sent`, it
    // raises once it is taken.
    void finish(const Draft& draft, const Recipient& to, Counter* sent_kind);
    // Whether a payload of this size can go to `to` now; the verdict when it can't: no_neighbour or
    // too_long.
    srtp::Verdict may_send(const Recipient& to, std::size_t payload_bytes) const {
        if (to.state != Recipient::State::resolved) return srtp::Verdict::no_neighbour;
        return payload_bytes <= ways_[to.port].most_payload_bytes ? srtp::Verdict::accepted
                                                                  : srtp::Verdict::too_long;
    }

    // Sends the payload in `packet` (data = UDP payload, headroom for headers) as a packet of our
    // own. Takes it over.
    void send_own(rte_mbuf* packet, const Recipient& to);
    // Counts and frees a packet of our own that has nowhere to go. Takes it over.
    void drop_own(rte_mbuf* packet, srtp::Verdict verdict);
    // Sends a whole frame of our own. Takes it over.
    void send_frame(rte_mbuf* packet, PortIndex port);
    // Asks the network for the link-layer address of `ip`. Counts.
    void send_arp_request(PortIndex port, net::Be32 ip);

    // Gives everything queued to the transmit queues.
    void flush();

  private:
    // What leaves by one port. Written with every packet: on lines that nothing else is on.
    struct alignas(64) Way {
        std::size_t most_payload_bytes = 0;
        bool device_checksums = false;
        unsigned count = 0;
        std::array<rte_mbuf*, 64> packets;
        std::array<Counter*, 64> kinds;
    };
    rte_mbuf* fresh();
    void write_headers(rte_mbuf* packet, const Recipient& to, std::size_t payload_bytes) const;
    void queue(rte_mbuf* packet, PortIndex port, Counter* kind);
    void flush(PortIndex port);

    const std::vector<PortBinding>& ports_;
    rte_mempool* pool_;
    Counters& counters_;
    std::vector<Way> ways_;
    unsigned expected_ = 0;
    unsigned fresh_count_ = 0;
    std::array<rte_mbuf*, 32> fresh_;
};

}  // namespace mdd
