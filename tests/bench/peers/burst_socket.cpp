// The system calls, with their arrays made once: see burst_socket.h.
#include "tests/bench/peers/burst_socket.h"

#include <fcntl.h>
#include <netinet/udp.h>
#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <exception>
#include <system_error>
#include <thread>

#include "tests/bench/core_time.h"

namespace mdd::bench {
namespace {

[[noreturn]] void fail(const std::string& what) {
    throw std::system_error(errno, std::generic_category(), what);
}

int bound_socket(const sockaddr_in& bind_to) {
    const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) fail("no UDP socket");
    const int buffer_bytes = 8 << 20;  // the kernel cuts it to what it allows
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer_bytes, sizeof buffer_bytes);
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &buffer_bytes, sizeof buffer_bytes);
    if (bind(fd, reinterpret_cast<const sockaddr*>(&bind_to), sizeof bind_to) != 0) {
        close(fd);
        fail("a UDP socket cannot be bound");
    }
    return fd;
}

// Of the calling thread, away from its core.
long switches_so_far() {
    rusage usage{};
    getrusage(RUSAGE_THREAD, &usage);
    return usage.ru_nivcsw + usage.ru_nvcsw;
}

void enter(const std::string& network_namespace) {
    const int file = open(network_namespace.c_str(), O_RDONLY | O_CLOEXEC);
    if (file < 0) fail(network_namespace + " cannot be opened");
    const int result = setns(file, CLONE_NEWNET);
    close(file);
    if (result != 0) fail(network_namespace + " cannot be entered");
}

}  // namespace

sockaddr_in socket_address(std::uint32_t address, std::uint16_t port) {
    sockaddr_in made{};
    made.sin_family = AF_INET;
    made.sin_addr.s_addr = htonl(address);
    made.sin_port = htons(port);
    return made;
}

UdpSocket::UdpSocket(const sockaddr_in& bind_to, const std::string& network_namespace) {
    if (network_namespace.empty()) {
        fd_ = bound_socket(bind_to);
        return;
    }
    // A socket stays in the namespace that it was made in, whoever uses it; a thread that enters
    // one is of no further use.
    std::exception_ptr failure;
    std::thread([&] {
        try {
            enter(network_namespace);
            fd_ = bound_socket(bind_to);
        } catch (...) {
            failure = std::current_exception();
        }
    }).join();
    if (failure) std::rethrow_exception(failure);
}

UdpSocket::~UdpSocket() {
    close(fd_);
}

BurstReceiver::BurstReceiver(const UdpSocket& socket)
    : fd_(socket.fd()),
      room_(kBurstPackets * kPacketRoomBytes),
      pieces_(kBurstPackets),
      messages_(kBurstPackets),
      packets_(kBurstPackets) {
    for (std::size_t i = 0; i < kBurstPackets; ++i) {
        pieces_[i] = {&room_[i * kPacketRoomBytes], kPacketRoomBytes};
        messages_[i].msg_hdr.msg_iov = &pieces_[i];
        messages_[i].msg_hdr.msg_iovlen = 1;
        packets_[i].bytes = &room_[i * kPacketRoomBytes];
    }
}

std::span<const BurstReceiver::Packet> BurstReceiver::receive() {
    const int count = recvmmsg(fd_, messages_.data(), kBurstPackets, MSG_DONTWAIT, nullptr);
    if (count < 0) {
        if (errno != EAGAIN && errno != EINTR) fail("recvmmsg");
        return {};
    }
    const auto received = static_cast<std::size_t>(count);
    for (std::size_t i = 0; i < received; ++i) packets_[i].size_bytes = messages_[i].msg_len;
    return std::span(packets_).first(received);
}

BurstSender::BurstSender(const UdpSocket& socket, bool gso)
    : fd_(socket.fd()),
      gso_(gso),
      room_((kPacketsQueued + 1) * kPacketRoomBytes),
      queued_(kPacketsQueued),
      headers_(kPacketsQueued) {
    for (std::size_t i = 0; i < kPacketsQueued; ++i) {
        auto& header = headers_[i].msg_hdr;
        header.msg_name = &queued_[i].to;
        header.msg_namelen = sizeof queued_[i].to;
        header.msg_iov = &queued_[i].piece;
        header.msg_iovlen = 1;
        header.msg_control = queued_[i].control.bytes;
        header.msg_controllen = sizeof queued_[i].control.bytes;
        auto* segment = CMSG_FIRSTHDR(&header);
        segment->cmsg_level = SOL_UDP;
        segment->cmsg_type = UDP_SEGMENT;
        segment->cmsg_len = CMSG_LEN(sizeof(std::uint16_t));
    }
}

bool BurstSender::fits_last(std::size_t size_bytes) const {
    if (!gso_ || begins_ || queued_count_ == 0) return false;
    const auto& last = queued_[queued_count_ - 1];
    return last.segment_bytes == size_bytes && last.segments < kMaxSegments &&
           last.piece.iov_len + size_bytes <= kMaxMessageBytes;
}

void BurstSender::open_message(std::size_t size_bytes) {
    auto& made = queued_[queued_count_++];
    made.to = to_;
    made.piece = {room(), 0};
    made.segment_bytes = size_bytes;
    made.segments = 0;
    begins_ = false;
}

void BurstSender::add(std::size_t size_bytes) {
    if (!fits_last(size_bytes)) open_message(size_bytes);
    auto& message = queued_[queued_count_ - 1];
    message.piece.iov_len += size_bytes;
    ++message.segments;
    used_bytes_ += size_bytes;
    if (++packets_queued_ == kPacketsQueued) flush();
}

void BurstSender::flush() {
    const auto before = packets_sent_;
    const auto start = read_tsc();
    send_queued();
    const auto cycles = read_tsc() - start;
    const auto switches = switches_so_far();
    if (switches == switches_) {
        timed_cycles_ += cycles;
        timed_packets_ += packets_sent_ - before;
    }
    switches_ = switches;
}

void BurstSender::send_queued() {
    for (std::size_t i = 0; i < queued_count_; ++i) {
        auto& header = headers_[i].msg_hdr;
        header.msg_controllen = queued_[i].segments > 1 ? sizeof queued_[i].control.bytes : 0;
        const auto segment_bytes = static_cast<std::uint16_t>(queued_[i].segment_bytes);
        std::memcpy(queued_[i].control.bytes + CMSG_LEN(0), &segment_bytes, sizeof segment_bytes);
    }
    for (std::size_t done = 0; done < queued_count_;) {
        const int sent =
            sendmmsg(fd_, &headers_[done], static_cast<unsigned>(queued_count_ - done), 0);
        if (sent < 0) {
            if (errno == EINTR) continue;
            fail("sendmmsg");
        }
        for (int i = 0; i < sent; ++i) packets_sent_ += queued_[done++].segments;
        messages_sent_ += static_cast<std::uint64_t>(sent);
    }
    queued_count_ = packets_queued_ = used_bytes_ = 0;
    begins_ = true;
}

}  // namespace mdd::bench
