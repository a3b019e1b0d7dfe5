// The one core of an SFU on a kernel socket: recvmmsg, open, seal for every receiver, sendmmsg. No
// look-up by address, no RTCP, no congestion control: less than an SFU has to do.
#pragma once

#include <atomic>
#include <stdexcept>

#include "tests/bench/peers/burst_socket.h"
#include "tests/bench/peers/conferences.h"

namespace mdd::bench {

// What a media path has counted since its start.
struct PathCounts {
    std::uint64_t received = 0, sent = 0, messages = 0;

    PathCounts since(const PathCounts& before) const {
        return {received - before.received, sent - before.sent, messages - before.messages};
    }
};

template <class Cipher>
class MediaPath {
  public:
    MediaPath(const Layout& layout, const UdpSocket& socket, bool gso)
        : conferences_(layout), in_(socket), out_(socket, gso) {}

    // The address and port of the receiver whose key has number 0; the others follow by address.
    void send_to(std::uint32_t first_address, std::uint16_t port) {
        first_address_ = first_address;
        port_ = port;
    }

    // One burst, if anything has come. Throws std::runtime_error when a packet does not open or
    // cannot be sealed, std::system_error when the kernel refuses one.
    void step() {
        const auto burst = in_.receive();
        opened_.clear();
        for (const auto& packet : burst) open(packet);
        for (std::size_t begin = 0; begin < opened_.size();) begin = forward_run(begin);
        out_.flush();
        received_.store(received() + burst.size(), std::memory_order_relaxed);
    }

    // Packets received and done with; for any thread.
    const std::atomic<std::uint64_t>& progress() const { return received_; }
    PathCounts counts() const { return {received(), out_.packets(), out_.messages()}; }
    // Of the kernel's sending, see BurstSender.
    double send_cycles_per_packet() const { return out_.cycles_per_packet(); }

  private:
    struct Opened {
        std::size_t conference;
        srtp::Bytes rtp;
    };

    std::uint64_t received() const { return received_.load(std::memory_order_relaxed); }

    void open(const BurstReceiver::Packet& packet) {
        const auto conference = PacketSource::conference_of(packet.bytes);
        if (conference >= conferences_.layout().conferences)
            throw std::runtime_error("a packet came from nobody");
        const auto size_bytes =
            conferences_.opener(conference).open(packet.bytes, packet.size_bytes);
        if (size_bytes == 0) throw std::runtime_error("a packet of a sender does not open");
        opened_.push_back({conference, {packet.bytes, size_bytes}});
    }

    // Packets of one sender that stand together, receiver by receiver. Returns where they end.
    std::size_t forward_run(std::size_t begin) {
        const auto conference = opened_[begin].conference;
        auto end = begin;
        while (end < opened_.size() && opened_[end].conference == conference) ++end;
        const auto& layout = conferences_.layout();
        for (std::size_t r = 0; r < layout.receivers; ++r) {
            const auto number = static_cast<std::uint32_t>(layout.receiver_key(conference, r));
            out_.address(socket_address(first_address_ + number, port_));
            auto& sealer = conferences_.sealer(conference, r);
            for (auto i = begin; i < end; ++i) {
                const auto size_bytes = sealer.seal(opened_[i].rtp, out_.room());
                if (size_bytes == 0) throw std::runtime_error("a packet cannot be sealed");
                out_.add(size_bytes);
            }
        }
        return end;
    }

    Conferences<Cipher> conferences_;
    BurstReceiver in_;
    BurstSender out_;
    std::vector<Opened> opened_;
    std::uint32_t first_address_ = 0;
    std::uint16_t port_ = 0;
    alignas(64) std::atomic<std::uint64_t> received_{0};
};

}  // namespace mdd::bench
