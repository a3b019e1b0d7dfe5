// Plain RTP and RTCP towards local programs: one port pair for each remote stream, counted up from
// a base, and an SDP file that says which. Holds a BYE back until the media before it has been
// read.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "tools/mdd-endpoint/rtp_packet.h"
#include "tools/mdd-endpoint/udp_socket.h"

namespace mdd::endpoint {

// A remote stream that is known before its first packet. `encoding` is as in rtpmap:
// NAME/CLOCK[/CHANNELS].
struct ExpectedStream {
    std::uint32_t ssrc = 0;
    std::uint8_t payload_type = 0;
    std::string encoding;
};

struct OutputSpec {
    UdpAddress base;
    std::vector<ExpectedStream> expected;
    std::filesystem::path sdp_file;  // empty: none
};

// One thread. Not movable.
class LocalOutput {
  public:
    using Clock = std::chrono::steady_clock;
    // A program that reads its RTCP socket first would drop the last media if it saw BYE with it.
    static constexpr std::chrono::milliseconds kByeHold{500};

    struct Port {
        std::uint32_t ssrc;
        std::uint8_t payload_type;
        std::uint16_t rtp_port;  // RTCP goes to the next one
        std::string encoding;    // empty when nobody said
    };
    struct Events {
        std::function<void(const Port&)> announced;  // a stream got its ports
        std::function<void(Packet)> rtcp;            // what a local program answered; not validated
    };

    // Announces the expected streams and writes the SDP file at once. Throws std::runtime_error
    // when the file cannot be written or no socket can be had.
    LocalOutput(boost::asio::io_context& loop, OutputSpec spec, Events events);

    // false: no port pair is left below 65536, or the operating system refused.
    bool deliver_rtp(const Packet& packet, std::uint32_t ssrc, Clock::time_point now);
    // To the RTCP port of the stream `ssrc`. false: no such stream, nothing was done.
    bool deliver_rtcp(Packet packet, std::uint32_t ssrc, bool has_bye, Clock::time_point now);
    // Lets go of the BYEs whose time has come.
    void release_byes(Clock::time_point now);
    std::size_t held_byes() const { return held_.size(); }

    const std::vector<Port>& ports() const { return ports_; }
    void close() { socket_.close(); }

  private:
    struct HeldBye {
        std::uint32_t ssrc;
        Packet packet;
        Clock::time_point since;
    };

    Port* find(std::uint32_t ssrc);
    Port* add(std::uint32_t ssrc, std::uint8_t payload_type, std::string encoding);
    std::string encoding_of(std::uint8_t payload_type) const;
    void write_sdp() const;
    bool send(srtp::Bytes packet, unsigned port);

    OutputSpec spec_;
    Events events_;
    UdpSocket socket_;
    std::vector<Port> ports_;
    std::vector<Clock::time_point> last_rtp_;  // beside ports_
    std::vector<HeldBye> held_;
};

// The session description (RFC 8866) of these ports; streams without an encoding are left out,
// since no program could play them. A clock of 90,000 Hz means video.
std::string session_description(const boost::asio::ip::address& address,
                                const std::vector<LocalOutput::Port>& ports);

}  // namespace mdd::endpoint
