// Ports, SDP, and the hold on BYE.
#include "tools/mdd-endpoint/local_output.h"

#include <algorithm>
#include <fstream>
#include <stdexcept>

#include <fmt/format.h>

namespace mdd::endpoint {
namespace {

UdpAddress any_port_beside(const UdpAddress& base) {
    return {
        base.address().is_loopback() ? base.address() : UdpAddress(base.protocol(), 0).address(),
        0};
}

bool is_video(const std::string& encoding) {
    return encoding.find("/90000") != std::string::npos;
}

}  // namespace

std::string session_description(const boost::asio::ip::address& address,
                                const std::vector<LocalOutput::Port>& ports) {
    const auto* family = address.is_v6() ? "IP6" : "IP4";
    auto text = fmt::format("v=0\no=- 0 0 IN {0} {1}\ns=mdd-endpoint\nc=IN {0} {1}\nt=0 0\n",
                            family, address.to_string());
    for (const auto& port : ports)
        if (!port.encoding.empty())
            text += fmt::format("m={} {} RTP/AVP {}\na=rtpmap:{} {}\n",
                                is_video(port.encoding) ? "video" : "audio", port.rtp_port,
                                port.payload_type, port.payload_type, port.encoding);
    return text;
}

LocalOutput::LocalOutput(boost::asio::io_context& loop, OutputSpec spec, Events events)
    : spec_(std::move(spec)),
      events_(std::move(events)),
      socket_(loop, any_port_beside(spec_.base),
              [this](srtp::Bytes datagram, const UdpAddress&, auto) {
                  if (is_rtcp(datagram)) events_.rtcp(Packet(datagram.begin(), datagram.end()));
              }) {
    for (const auto& stream : spec_.expected)
        if (add(stream.ssrc, stream.payload_type, stream.encoding) == nullptr)
            throw std::runtime_error("there are more expected streams than ports above --rtp-out");
    write_sdp();
}

LocalOutput::Port* LocalOutput::find(std::uint32_t ssrc) {
    const auto found = std::ranges::find(ports_, ssrc, &Port::ssrc);
    return found == ports_.end() ? nullptr : &*found;
}

LocalOutput::Port* LocalOutput::add(std::uint32_t ssrc, std::uint8_t payload_type,
                                    std::string encoding) {
    const auto port = spec_.base.port() + 2 * ports_.size();
    if (port > 65534) return nullptr;
    ports_.push_back({ssrc, payload_type, static_cast<std::uint16_t>(port), std::move(encoding)});
    last_rtp_.emplace_back();
    events_.announced(ports_.back());
    return &ports_.back();
}

// An unexpected stream most likely means by its payload type what the expected ones mean.
std::string LocalOutput::encoding_of(std::uint8_t payload_type) const {
    for (const auto& stream : spec_.expected)
        if (stream.payload_type == payload_type) return stream.encoding;
    return {};
}

void LocalOutput::write_sdp() const {
    if (spec_.sdp_file.empty()) return;
    const auto fresh = spec_.sdp_file.string() + ".new";
    std::ofstream out(fresh, std::ios::trunc);
    out << session_description(spec_.base.address(), ports_);
    out.close();
    std::error_code error;
    if (out) std::filesystem::rename(fresh, spec_.sdp_file, error);
    if (!out || error)
        throw std::runtime_error(
            fmt::format("SDP file {} cannot be written", spec_.sdp_file.string()));
}

bool LocalOutput::send(srtp::Bytes packet, unsigned port) {
    return socket_.send_to(packet, {spec_.base.address(), static_cast<std::uint16_t>(port)});
}

bool LocalOutput::deliver_rtp(const Packet& packet, std::uint32_t ssrc, Clock::time_point now) {
    auto* port = find(ssrc);
    if (port == nullptr) {
        port = add(ssrc, rtp_payload_type(packet), encoding_of(rtp_payload_type(packet)));
        if (port == nullptr) return false;
        write_sdp();
    }
    last_rtp_[static_cast<std::size_t>(port - ports_.data())] = now;
    return send(packet, port->rtp_port);
}

bool LocalOutput::deliver_rtcp(Packet packet, std::uint32_t ssrc, bool has_bye,
                               Clock::time_point now) {
    const auto* port = find(ssrc);
    if (port == nullptr) return false;
    if (has_bye) {
        held_.push_back({ssrc, std::move(packet), now});
        return true;
    }
    return send(packet, port->rtp_port + 1u);
}

void LocalOutput::release_byes(Clock::time_point now) {
    std::erase_if(held_, [&](const HeldBye& bye) {
        const auto* port = find(bye.ssrc);
        const auto since =
            std::max(bye.since, last_rtp_[static_cast<std::size_t>(port - ports_.data())]);
        if (now - since < kByeHold) return false;
        send(bye.packet, port->rtp_port + 1u);
        return true;
    });
}

}  // namespace mdd::endpoint
