// Plain RTP and RTCP of a local program, on 127.0.0.1 port P and P+1: told apart by packet type,
// checked, passed on. Its packets go into the conference as they are.
#pragma once

#include <functional>
#include <optional>

#include "tools/mdd-endpoint/rtp_packet.h"
#include "tools/mdd-endpoint/udp_socket.h"

namespace mdd::endpoint {

// One declared stream of a local program.
struct SourceSpec {
    std::uint16_t port = 0;
    std::uint32_t ssrc = 0;
    std::uint8_t payload_type = 0;
};

// One thread. Not movable.
class LocalInput {
  public:
    struct Events {
        std::function<void(Packet)> rtp;
        std::function<void(Packet)> rtcp;  // not validated
        std::function<void()>
            wrong_ssrc_or_pt;  // an RTP packet that is not the declared stream; dropped
    };

    // Throws std::runtime_error when a port is taken.
    LocalInput(boost::asio::io_context& loop, const SourceSpec& spec, Events events);

    std::uint32_t ssrc() const { return spec_.ssrc; }
    // Where RTCP for this stream's source goes: the address its own RTCP came from last.
    void send_rtcp(srtp::Bytes packet);
    bool knows_rtcp_address() const { return rtcp_address_.has_value(); }
    void close();

  private:
    void on_datagram(srtp::Bytes datagram, const UdpAddress& from);

    SourceSpec spec_;
    Events events_;
    std::optional<UdpAddress> rtcp_address_;
    UdpSocket rtp_socket_;
    UdpSocket rtcp_socket_;
};

}  // namespace mdd::endpoint
