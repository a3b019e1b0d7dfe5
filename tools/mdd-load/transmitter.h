// Packets to the port: builds them in buffers, puts them on the queue of their sender, and counts
// what was due, taken and refused. Knows no time but that of sending.
#pragma once

#include <rte_mbuf.h>

#include <array>
#include <span>

#include "dataplane/port.h"
#include "tools/mdd-load/stream_sender.h"
#include "tools/mdd-load/trial_result.h"

namespace mdd::load {

// What was due and what the port took, since the last reset.
struct SendCounts {
    KindCount audio, video, rtcp;  // `sent` and `expected` only
    std::uint64_t due = 0;         // media packets
    std::uint64_t refused = 0;     // of all kinds
    std::uint64_t junk = 0;        // hostile packets that the port took
};

struct Due {
    StreamIndex stream;
    bool ends_frame;
};

// The poll loop's.
class Transmitter {
  public:
    static constexpr std::size_t kBurst = 32;

    Transmitter(World& world, Journal& journal, Port& port, rte_mempool* pool);

    StreamSender& sender() { return sender_; }
    const StreamSender& sender() const { return sender_; }
    const SendCounts& counts() const { return counts_; }
    void reset_counts() { counts_ = {}; }

    // At most kBurst packets, of senders that are present. Returns how many the port took; the
    // others are lost.
    unsigned send(std::span<const Due> due);
    // The scenario's junk goes out beside the media, or not.
    void set_hostile(bool on) { hostile_ = on; }
    // A whole frame, on the first queue. False: the port is full, nothing was taken.
    bool send_frame(srtp::Bytes frame);
    // An endpoint's report, sent at `now`; counted.
    void send_report(EndpointIndex reporter, Tsc now);

  private:
    struct Built {
        rte_mbuf* packet;
        std::uint32_t place;
        StreamIndex stream;
    };

    KindCount& count_of(StreamIndex stream);
    std::uint16_t queue_of(StreamIndex stream) const {
        return queues_ == 1 ? std::uint16_t{0}
                            : static_cast<std::uint16_t>(world_.stream(stream).sender % queues_);
    }
    unsigned transmit(std::span<const Built> built);
    unsigned transmit_on(std::uint16_t queue, std::span<const Built> built);
    void send_junk(std::span<const Built> like);
    void send_copy(const Built& like, void (*spoil)(std::uint8_t* frame));

    World& world_;
    Journal& journal_;
    Port& port_;
    rte_mempool* const pool_;
    const std::uint16_t queues_;
    StreamSender sender_;
    SendCounts counts_;
    bool hostile_ = false;
    std::uint64_t bad_tags_owed_ = 0, strangers_owed_ = 0;  // hundredths of a packet
};

}  // namespace mdd::load
