// Receivers' ends, one packet at a time: see copy_check.h.
#include "tests/bench/copy_check.h"

#include <fmt/format.h>
#include <rte_mbuf.h>

#include <algorithm>
#include <set>
#include <stdexcept>
#include <tuple>

#include "dataplane/net/frame.h"
#include "dataplane/srtp/rtp.h"

namespace mdd::bench {
namespace {

[[noreturn]] void fail(const char* what) {
    throw std::runtime_error(fmt::format("A copy that was sent {}.", what));
}

// The sender's packets are all zeros, but for the header block at their end.
bool is_senders_text(srtp::Bytes plain, std::size_t size_bytes) {
    return plain.size() >= size_bytes && std::all_of(plain.begin(), plain.begin() + size_bytes - 1,
                                                     [](std::uint8_t byte) { return byte == 0; });
}

bool opens(const srtp::AeadKey& key, const srtp::RtpView& view, std::size_t size_bytes) {
    std::vector<std::uint8_t> plain(view.payload().size() - srtp::kTagBytes);
    for (std::uint64_t roc = 0; roc < 2; ++roc)
        if (srtp::open(key, key.rtp_nonce(view.ssrc(), roc << 16 | view.sequence()), view.header(),
                       view.payload(), plain.data()))
            return is_senders_text(plain, size_bytes);
    return false;
}

}  // namespace

void check_copies(const FanOut& fan_out, NullSink& sink, unsigned count) {
    const auto& config = fan_out.config();
    std::set<std::tuple<std::uint32_t, std::uint16_t, std::size_t>> seen;
    const auto sent = sink.sent(count);
    if (sent.size() != count) fail("is missing");
    for (const auto* packet : sent) {
        const srtp::Bytes bytes(rte_pktmbuf_mtod(packet, const std::uint8_t*), packet->data_len);
        net::Frame frame;
        if (net::parse_frame(bytes, frame, net::IpChecksum::verify) != srtp::Verdict::accepted)
            fail("has headers that no receiver takes");
        const auto datagram = net::payload_of(bytes, frame);
        const auto view = srtp::RtpView::parse(datagram.first(datagram.size() - 1));
        if (!view || datagram.back() != 0) fail("is no RTP packet with a short EKT tag");
        const auto number = FanOut::number_at(frame.destination.ip);
        if (FanOut::address_of(number).ip != frame.destination.ip ||
            number / (config.receivers + 1) != FanOut::conference_of(view->ssrc()) ||
            number % (config.receivers + 1) == 0)
            fail("goes to somebody who does not receive its sender");
        if (!seen.insert({view->ssrc(), view->sequence(), number}).second) fail("is there twice");
        const auto keys = fan_out.session_keys(number);
        const srtp::AeadKey key(keys.rtp_key.first(config.aes_bits / 8), keys.rtp_salt.bytes());
        if (!opens(key, *view, config.size_bytes)) fail("does not open under its receiver's key");
    }
}

}  // namespace mdd::bench
