// One worker's counters: plain 64-bit values that it alone writes and anybody may read. No atomic
// read-modify-write.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "dataplane/srtp/verdict.h"

namespace mdd {

class Counter {
  public:
    // The owning thread only.
    void add(std::uint64_t n = 1) {
        value_.store(value_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
    }
    // Any thread.
    std::uint64_t read() const { return value_.load(std::memory_order_relaxed); }

  private:
    std::atomic<std::uint64_t> value_{0};
};

// Conservation, exact once the queues are empty and summed over workers and control:
//   received = consumed + sum of drops with a receive verdict
//   planned + originated = sent + sum of drops with a leg verdict
struct alignas(64) Counters {
    Counter received;  // frames taken from ports
    Counter
        consumed;  // frames that served their purpose: forwarded, answered, or given to the tunnel
    Counter planned;     // legs that routing asked for
    Counter originated;  // packets of our own: ARP, ICMP, DTLS from the KMF
    Counter sent;        // packets that a transmit queue took
    std::array<Counter, static_cast<std::size_t>(srtp::Verdict::count_)> drops;

    Counter handed_over;               // frames given to the workers that own their endpoints
    Counter rtp_received, rtp_sent;    // verified packets in, legs out
    Counter rtcp_received, rtcp_sent;  // verified compounds in, compounds out
    Counter rtcp_parts_held;           // RTCP packets that spoke of leg sequence numbers
    Counter busy_cycles, idle_cycles;  // TSC cycles of non-empty and of empty polls

    void drop(srtp::Verdict verdict, std::uint64_t n = 1) {
        drops[static_cast<std::size_t>(verdict)].add(n);
    }
};

}  // namespace mdd
