// Two sockets, one stream.
#include "tools/mdd-endpoint/local_input.h"

#include <boost/asio/ip/address_v4.hpp>

namespace mdd::endpoint {
namespace {

UdpAddress loopback(unsigned port) {
    return {boost::asio::ip::address_v4::loopback(), static_cast<std::uint16_t>(port)};
}

}  // namespace

LocalInput::LocalInput(boost::asio::io_context& loop, const SourceSpec& spec, Events events)
    : spec_(spec),
      events_(std::move(events)),
      rtp_socket_(loop, loopback(spec.port),
                  [this](srtp::Bytes datagram, const UdpAddress& from, auto) {
                      on_datagram(datagram, from);
                  }),
      rtcp_socket_(loop, loopback(spec.port + 1u),
                   [this](srtp::Bytes datagram, const UdpAddress& from, auto) {
                       // A report, and a BYE above all, must not overtake the media it speaks of.
                       rtp_socket_.drain();
                       on_datagram(datagram, from);
                   }) {}

void LocalInput::on_datagram(srtp::Bytes datagram, const UdpAddress& from) {
    Packet packet(datagram.begin(), datagram.end());
    if (is_rtcp(packet)) {
        rtcp_address_ = from;
        events_.rtcp(std::move(packet));
    } else if (packet.size() >= kFixedHeaderBytes &&
               (rtp_ssrc(packet) != spec_.ssrc || rtp_payload_type(packet) != spec_.payload_type)) {
        events_.wrong_ssrc_or_pt();
    } else {
        events_.rtp(std::move(packet));
    }
}

void LocalInput::send_rtcp(srtp::Bytes packet) {
    if (rtcp_address_) rtcp_socket_.send_to(packet, *rtcp_address_);
}

void LocalInput::close() {
    rtp_socket_.close();
    rtcp_socket_.close();
}

}  // namespace mdd::endpoint
