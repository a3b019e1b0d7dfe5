// What one trial found, and what follows from it. Plain values; measures nothing.
#pragma once

#include <cstdint>

#include "tools/mdd-load/latency.h"

namespace mdd::load {

// Packets of one kind. What the device owed is counted by receiver: a packet for ten receivers is
// sent once and expected ten times. What our port refused is lost, so expected and lost include it.
// Once stragglers had their time, expected = received + lost.
struct KindCount {
    std::uint64_t sent = 0;        // packets that our port took
    std::uint64_t expected = 0;    // packets that should come back for all that were due
    std::uint64_t received = 0;    // came back whole; a second copy is not counted here
    std::uint64_t lost = 0;        // expected, and never came back whole
    std::uint64_t reordered = 0;   // received behind a later one of the same stream
    std::uint64_t duplicated = 0;  // further copies of a received packet
    std::uint64_t bad_tag = 0;     // the outer layer does not verify
    std::uint64_t bad_inner = 0;   // the outer one does, but the inner bytes are not those sent
    std::uint64_t unknown = 0;     // for nobody here, or of no stream that was sent

    // Came back, and is not what was sent to whoever got it. Any at all is a fault of the device.
    std::uint64_t damaged() const { return bad_tag + bad_inner + unknown; }

    KindCount& operator+=(const KindCount& other) {
        sent += other.sent;
        expected += other.expected;
        received += other.received;
        lost += other.lost;
        reordered += other.reordered;
        duplicated += other.duplicated;
        bad_tag += other.bad_tag;
        bad_inner += other.bad_inner;
        unknown += other.unknown;
        return *this;
    }
};

// About 30 KiB, of the histogram.
struct TrialResult {
    double offered_pps = 0;  // packets per second that were due into the device
    double seconds = 0;      // of sending; without the wait for stragglers
    KindCount audio, video, rtcp;
    std::uint64_t refused_by_port = 0;  // packets that were due and that our port did not take
    bool generator_limited = false;     // we ran behind schedule: says nothing about the device
    bool interrupted = false;           // sent for a shorter time than was asked for
    double busiest_share = 0;           // of the busiest poll core's time, 0 to 1
    LatencyHistogram latency;           // of received packets, from our port and back

    KindCount total() const {
        KindCount sum = audio;
        sum += video;
        sum += rtcp;
        return sum;
    }
    // 0 where nothing was expected.
    double loss_ratio() const {
        const auto sum = total();
        return sum.expected == 0
                   ? 0
                   : static_cast<double>(sum.lost) / static_cast<double>(sum.expected);
    }
    // Packets per second that came back whole.
    double received_pps() const {
        return seconds > 0 ? static_cast<double>(total().received) / seconds : 0;
    }
};

}  // namespace mdd::load
