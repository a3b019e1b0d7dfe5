// Sends with GSO, whatever the SFU does, for the sender is not what is measured: see flood.h.
#include "tests/bench/peers/flood.h"

#include <sched.h>

#include <stdexcept>

namespace mdd::bench {

void send_run(PacketSource& source, std::size_t conference, unsigned packets, BurstSender& out) {
    for (unsigned i = 0; i < packets; ++i) {
        source.write(conference, out.room());
        out.add(source.wire_bytes());
    }
    out.flush();
}

TwoCpus two_cpus() {
    cpu_set_t allowed;
    CPU_ZERO(&allowed);
    sched_getaffinity(0, sizeof allowed, &allowed);
    int first = -1, last = -1;
    for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu)
        if (CPU_ISSET(cpu, &allowed)) first = first < 0 ? cpu : first, last = cpu;
    if (first == last)
        throw std::runtime_error(
            "the SFU and its load need two CPUs, and this process may use one");
    return {first, last};
}

void pin_this_thread(int cpu) {
    cpu_set_t only;
    CPU_ZERO(&only);
    CPU_SET(cpu, &only);
    if (sched_setaffinity(0, sizeof only, &only) != 0)
        throw std::runtime_error("CPU " + std::to_string(cpu) + " may not be used");
}

Flood::Flood(PacketSource& source, std::size_t conferences, const UdpSocket& from,
             const sockaddr_in& to, const std::atomic<std::uint64_t>& taken, int cpu)
    : sent_(source.written()) {
    thread_ = std::thread([this, &source, conferences, &from, to, &taken, cpu] {
        try {
            pin_this_thread(cpu);
            BurstSender out(from, true);
            out.address(to);
            run(source, conferences, out, taken);
        } catch (const std::exception& error) {
            failure_ = error.what();
        }
    });
}

void Flood::run(PacketSource& source, std::size_t conferences, BurstSender& out,
                const std::atomic<std::uint64_t>& taken) {
    for (std::size_t c = 0; !stop_.load(std::memory_order_relaxed);) {
        const auto on_the_way = source.written() - taken.load(std::memory_order_relaxed);
        if (on_the_way + kRunPackets > kOnTheWay) {
            __builtin_ia32_pause();
            continue;
        }
        send_run(source, c, kRunPackets, out);
        sent_.store(source.written(), std::memory_order_release);
        c = (c + 1) % conferences;
    }
}

void Flood::stop() {
    stop_ = true;
    if (thread_.joinable()) thread_.join();
}

}  // namespace mdd::bench
