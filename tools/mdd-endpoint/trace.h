// One line for each packet, for a program that joins the traces of several endpoints into loss and
// latency. Buffered until flush(); times are CLOCK_MONOTONIC in nanoseconds.
#pragma once

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>

#include "tools/mdd-endpoint/packet_index.h"
#include "tools/mdd-endpoint/rtp_packet.h"

namespace mdd::endpoint {

// Lines, all numbers decimal:
//   tx,ssrc,inner_index,t_ns,bytes                       a packet given to the socket; bytes of the
//   plain RTP packet rx,ssrc,inner_index,outer_seq,t_ns,bytes,crc32       a packet verified; t_ns
//   when its datagram was read; crc32 of
//                                                        the payload (IEEE 802.3)
//   keyed,t_ns                                           a handshake was finished
//   ekt,spi,t_ns                                         the KMF gave a new EKT key
// inner_index is 65536 · ROC + SEQ as the sender counts, so that tx and rx of one packet are equal.
class Trace {
  public:
    using Clock = std::chrono::steady_clock;

    // An empty path makes every call do nothing. Throws std::runtime_error when the file cannot be
    // created.
    explicit Trace(const std::filesystem::path& file);

    void sent(std::uint32_t ssrc, PacketIndex index, Clock::time_point at, std::size_t size_bytes);
    void received(srtp::Bytes rtp, PacketIndex index, std::uint16_t outer_sequence,
                  Clock::time_point at);
    void keyed(Clock::time_point at);
    void ekt_key(std::uint16_t spi, Clock::time_point at);
    void flush();

  private:
    struct Close {
        void operator()(std::FILE* file) const { std::fclose(file); }
    };

    std::unique_ptr<std::FILE, Close> file_;
};

}  // namespace mdd::endpoint
