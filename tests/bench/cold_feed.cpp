// The generator of the forwarding benchmark: see cold_feed.h.
#include "tests/bench/cold_feed.h"

#include <rte_pause.h>
#include <rte_ring.h>

#include <stdexcept>

#include "dataplane/net/header_template.h"

namespace mdd::bench {
namespace {

constexpr unsigned kEalWorker = 0;
constexpr std::size_t kRtpHeaderBytes = 12;

}  // namespace

ColdFeed::ColdFeed(FanOut& fan_out, test::RingPort& in)
    : fan_out_(fan_out), in_(in), plain_(fan_out.config().size_bytes) {}

ColdFeed::~ColdFeed() {
    stopping_ = true;
    test::test_eal().join(kEalWorker);
    std::array<rte_mbuf*, kBatch> left;
    while (const auto count = in_.port().rx_burst(0, left.data(), kBatch))
        rte_pktmbuf_free_bulk(left.data(), count);
}

void ColdFeed::wait_for(unsigned packets) const {
    while (in_.waiting(0) < packets) rte_pause();
}

void ColdFeed::start() {
    test::test_eal().launch_worker(kEalWorker, [this] { run(); });
}

bool ColdFeed::fill_batch() {
    if (rte_pktmbuf_alloc_bulk(in_.pool(), batch_.data(), kBatch) != 0) return false;
    for (auto* packet : batch_) write(packet);
    return true;
}

void ColdFeed::feed_batch() {
    if (!fill_batch() || in_.offer(0, batch_.data(), kBatch) != kBatch)
        throw std::runtime_error("there is no room for a batch of packets");
}

void ColdFeed::run() {
    while (!stopping_.load(std::memory_order_relaxed)) {
        if (!fill_batch()) {
            rte_pause();
            continue;
        }
        unsigned done = 0;
        while (done < kBatch && !stopping_.load(std::memory_order_relaxed)) {
            done += in_.offer(0, batch_.data() + done, kBatch - done);
            if (done < kBatch) rte_pause();
        }
        rte_pktmbuf_free_bulk(batch_.data() + done, kBatch - done);
    }
}

void ColdFeed::write(rte_mbuf* packet) {
    auto& sender = fan_out_.senders()[sender_];
    if (++in_group_ == fan_out_.config().group) {
        in_group_ = 0;
        sender_ = (sender_ + 1) % fan_out_.senders().size();
    }
    // The last byte is the EKT tag, a short one.
    const std::size_t payload_bytes = kRtpHeaderBytes + plain_.size() + srtp::kTagBytes + 1;
    auto* frame = reinterpret_cast<std::uint8_t*>(
        rte_pktmbuf_append(packet, static_cast<std::uint16_t>(net::kHeaderBytes + payload_bytes)));
    net::write_headers(sender.header, frame, payload_bytes);
    auto* rtp = frame + net::kHeaderBytes;
    const std::array<std::uint8_t, kRtpHeaderBytes> fixed{0x80, 96};
    std::memcpy(rtp, fixed.data(), fixed.size());
    srtp::store_be16(rtp + 2, static_cast<std::uint16_t>(sender.index));
    srtp::store_be32(rtp + 8, sender.ssrc);
    srtp::seal(*sender.key, sender.key->rtp_nonce(sender.ssrc, sender.index),
               srtp::Bytes(rtp, kRtpHeaderBytes), plain_, rtp + kRtpHeaderBytes);
    rtp[payload_bytes - 1] = 0;
    ++sender.index;
}

}  // namespace mdd::bench
