// UDP as an ordinary SFU uses it: packets come in bursts from recvmmsg and leave in bursts through
// sendmmsg, with UDP GSO where asked for. Knows nothing of RTP.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <span>
#include <string>
#include <vector>

#include "dataplane/srtp/bytes.h"

namespace mdd::bench {

// An IPv4 address and port, both in host byte order.
sockaddr_in socket_address(std::uint32_t address, std::uint16_t port);

// A UDP socket. Closed when destroyed.
class UdpSocket {
  public:
    // In the network namespace of that file, or in the caller's when it is empty. Throws
    // std::system_error.
    UdpSocket(const sockaddr_in& bind_to, const std::string& network_namespace);
    ~UdpSocket();
    UdpSocket(const UdpSocket&) = delete;
    UdpSocket& operator=(const UdpSocket&) = delete;
    int fd() const { return fd_; }

  private:
    int fd_ = -1;
};

inline constexpr std::size_t kBurstPackets = 64;
inline constexpr std::size_t kPacketRoomBytes = 2048;  // trailer of libsrtp included

class BurstReceiver {
  public:
    explicit BurstReceiver(const UdpSocket& socket);
    BurstReceiver(const BurstReceiver&) = delete;
    BurstReceiver& operator=(const BurstReceiver&) = delete;

    struct Packet {
        std::uint8_t* bytes;
        std::size_t size_bytes;
    };
    // At most kBurstPackets, valid until the next call; empty when nothing has come. Does not wait.
    std::span<const Packet> receive();

  private:
    int fd_;
    std::vector<std::uint8_t> room_;
    std::vector<iovec> pieces_;
    std::vector<mmsghdr> messages_;
    std::vector<Packet> packets_;
};

// Packets to be sent are written to room(), then added. Every kPacketsQueued packets they are sent.
class BurstSender {
  public:
    // With `gso`, neighbours of one size to one receiver go to the kernel as one message.
    BurstSender(const UdpSocket& socket, bool gso);
    BurstSender(const BurstSender&) = delete;
    BurstSender& operator=(const BurstSender&) = delete;

    // Whom the packets that are added from now on go to.
    void address(const sockaddr_in& to) { to_ = to, begins_ = true; }
    // Where the next packet is to be written, of at most kPacketRoomBytes.
    std::uint8_t* room() { return room_.data() + used_bytes_; }
    void add(std::size_t size_bytes);
    // Sends what is queued. Throws std::system_error when the kernel refuses a packet.
    void flush();

    std::uint64_t packets() const { return packets_sent_; }  // that the kernel has taken
    std::uint64_t messages() const { return messages_sent_; }
    // Of the TSC in flush(), per packet; times in which the core went to somebody else are left
    // out. 0 while there was no other.
    double cycles_per_packet() const {
        return timed_packets_ == 0
                   ? 0
                   : static_cast<double>(timed_cycles_) / static_cast<double>(timed_packets_);
    }

  private:
    static constexpr std::size_t kPacketsQueued = 256;  // no more than stays in the cache
    static constexpr std::size_t kMaxSegments = 64;     // UDP_MAX_SEGMENTS of older kernels
    static constexpr std::size_t kMaxMessageBytes = 65'507;

    struct alignas(cmsghdr) Control {
        std::uint8_t bytes[CMSG_SPACE(sizeof(std::uint16_t))];
    };
    // What sendmmsg needs of one message, besides its header.
    struct Queued {
        sockaddr_in to;
        iovec piece;
        Control control;
        std::size_t segment_bytes;
        std::size_t segments;
    };
    bool fits_last(std::size_t size_bytes) const;
    void open_message(std::size_t size_bytes);
    void send_queued();

    int fd_;
    bool gso_;
    sockaddr_in to_{};
    bool begins_ = true;
    std::vector<std::uint8_t> room_;
    std::size_t used_bytes_ = 0;
    std::size_t packets_queued_ = 0;
    std::size_t queued_count_ = 0;
    std::vector<Queued> queued_;
    std::vector<mmsghdr> headers_;
    std::uint64_t packets_sent_ = 0, messages_sent_ = 0;
    std::uint64_t timed_packets_ = 0, timed_cycles_ = 0;
    long switches_ = 0;  // of this thread away from its core, until the last flush
};

}  // namespace mdd::bench
