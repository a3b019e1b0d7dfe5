// The load of the socket SFU: a thread on a core of its own that sends valid packets as fast as the
// SFU takes them, and never so many that its socket would lose one.
#pragma once

#include <atomic>
#include <string>
#include <thread>

#include "tests/bench/peers/burst_socket.h"
#include "tests/bench/peers/packet_source.h"

namespace mdd::bench {

// So many packets of a sender come in a row, as those of a video frame do.
inline constexpr unsigned kRunPackets = 8;

// The next packets of one sender.
void send_run(PacketSource& source, std::size_t conference, unsigned packets, BurstSender& out);

// May this process run on two CPUs? The SFU takes the last, the flood the first.
struct TwoCpus {
    int flood;
    int sfu;
};
// Throws std::runtime_error when there is one only.
TwoCpus two_cpus();
void pin_this_thread(int cpu);

class Flood {
  public:
    // From now on, run after run, over all conferences in turn. `taken`: how many packets of the
    // source the SFU is done with.
    Flood(PacketSource& source, std::size_t conferences, const UdpSocket& from,
          const sockaddr_in& to, const std::atomic<std::uint64_t>& taken, int cpu);
    ~Flood() { stop(); }
    // How many packets of the source stand in the SFU's socket or have been there.
    std::uint64_t sent() const { return sent_.load(std::memory_order_acquire); }
    // No packet is sent after this.
    void stop();
    // Why it has stopped by itself; empty while all is well. After stop().
    const std::string& failure() const { return failure_; }

  private:
    // Two bursts: one that the SFU works on, and one that waits for it.
    static constexpr std::uint64_t kOnTheWay = 2 * kBurstPackets;

    void run(PacketSource& source, std::size_t conferences, BurstSender& out,
             const std::atomic<std::uint64_t>& taken);

    std::atomic<bool> stop_{false};
    alignas(64) std::atomic<std::uint64_t> sent_;
    alignas(64) std::string failure_;
    std::thread thread_;
};

}  // namespace mdd::bench
