// What a sender's packet looks like: see packet_writer.h.
#include "tests/bench/packet_writer.h"

#include <rte_mbuf.h>

#include <array>
#include <cstring>

#include "dataplane/net/header_template.h"

namespace mdd::bench {
namespace {

constexpr std::size_t kRtpHeaderBytes = 12;

}  // namespace

void PacketWriter::write(rte_mbuf* packet) {
    auto& sender = fan_out_.senders()[sender_];
    if (++in_group_ == fan_out_.config().group) {
        in_group_ = 0;
        sender_ = (sender_ + 1) % fan_out_.senders().size();
    }
    write(sender, packet);
}

void PacketWriter::write(FanOutSender& sender, rte_mbuf* packet) {
    // The last byte is the EKT tag, a short one.
    const std::size_t payload_bytes = kRtpHeaderBytes + plain_.size() + srtp::kTagBytes + 1;
    auto* frame = reinterpret_cast<std::uint8_t*>(
        rte_pktmbuf_append(packet, static_cast<std::uint16_t>(net::kHeaderBytes + payload_bytes)));
    net::write_headers(sender.header, frame, payload_bytes);
    auto* rtp = frame + net::kHeaderBytes;
    const std::array<std::uint8_t, kRtpHeaderBytes> fixed{0x80, sender.payload_type};
    std::memcpy(rtp, fixed.data(), fixed.size());
    srtp::store_be16(rtp + 2, static_cast<std::uint16_t>(sender.index));
    srtp::store_be32(rtp + 8, sender.ssrc);
    srtp::seal(*sender.key, sender.key->rtp_nonce(sender.ssrc, sender.index),
               srtp::Bytes(rtp, kRtpHeaderBytes), plain_, rtp + kRtpHeaderBytes);
    rtp[payload_bytes - 1] = 0;
    ++sender.index;
}

}  // namespace mdd::bench
