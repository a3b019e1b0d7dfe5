// The generator of the forwarding benchmark: see cold_feed.h.
#include "tests/bench/cold_feed.h"

#include <rte_pause.h>
#include <rte_ring.h>

#include <stdexcept>

namespace mdd::bench {
namespace {

constexpr unsigned kEalWorker = 0;

}  // namespace

ColdFeed::ColdFeed(FanOut& fan_out, test::RingPort& in)
    : fan_out_(fan_out), writer_(fan_out), in_(in) {}

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
    for (auto* packet : batch_) writer_.write(packet);
    return true;
}

void ColdFeed::feed_batch() {
    if (!fill_batch() || in_.offer(0, batch_.data(), kBatch) != kBatch)
        throw std::runtime_error("there is no room for a batch of packets");
}

void ColdFeed::open_streams() {
    std::size_t granted = 0;
    while (granted < fan_out_.senders().size()) {
        feed_batch();
        fan_out_.worker().poll_once();
        fan_out_.check_drops();
        granted += fan_out_.grant();
    }
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

}  // namespace mdd::bench
