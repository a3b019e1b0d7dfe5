// The open loop: see open_feed.h.
#include "tests/bench/open_feed.h"

#include <rte_cycles.h>
#include <rte_pause.h>

#include <algorithm>
#include <random>
#include <stdexcept>

namespace mdd::bench {
namespace {

constexpr unsigned kFeedingWorker = 0;
// All over 10.250.0.0/16, as members are over their network: of fewer addresses a processor learns
// which of them meet another's entry in a hash table.
constexpr std::uint32_t kStrangersNetwork = 0x0afa0000, kStrangersScatter = 0x79b1;
// Where a packet ends: tag, and one byte of EKT.
constexpr std::size_t kLastTagByteFromEnd = 2;

}  // namespace

OpenFeed::OpenFeed(FanOut& fan_out, test::RingPort& in)
    : fan_out_(fan_out), in_(in), writer_(fan_out) {
    if (!fan_out.config().audio) throw std::runtime_error("the load needs audio");
    const auto& any = fan_out.senders().front();
    stranger_.key = std::make_unique<srtp::AeadKey>(std::vector<std::uint8_t>(16, 1),
                                                    std::vector<std::uint8_t>(12, 2));
    stranger_.header = any.header;
    stranger_.payload_type = any.payload_type;
}

// Everybody's turns in one round, shuffled.
void OpenFeed::plan(const Load& load) {
    load_ = load;
    turns_.clear();
    const auto& senders = fan_out_.senders();
    for (std::size_t i = 0; i < senders.size(); ++i) {
        const bool greedy =
            senders[i].payload_type == FanOut::kVideoType && senders[i].conference == kGreedy;
        turns_.insert(turns_.end(), greedy ? load.greedy_times : 1, i);
    }
    std::mt19937_64 random(turns_.size());
    std::shuffle(turns_.begin(), turns_.end(), random);
    turn_ = 0;
    in_turn_ = 0;
    due_.assign(senders.size(), 0);
    refused_ = 0;
}

void OpenFeed::start(const Load& load) {
    plan(load);
    stopping_ = false;
    test::test_eal().launch_worker(kFeedingWorker, [this, load] { run(load); });
}

void OpenFeed::stop() {
    stopping_ = true;
    test::test_eal().join(kFeedingWorker);
}

std::size_t OpenFeed::next_sender() {
    const auto sender = turns_[turn_];
    const bool video = fan_out_.senders()[sender].payload_type == FanOut::kVideoType;
    if (++in_turn_ >= (video ? kVideoPerAudio : 1)) {
        in_turn_ = 0;
        turn_ = (turn_ + 1) % turns_.size();
    }
    return sender;
}

OpenFeed::Kind OpenFeed::next_kind() {
    if ((strangers_due_ += load_.strangers_share) >= 1) {
        --strangers_due_;
        return Kind::stranger;
    }
    if ((bad_tags_due_ += load_.bad_tags_share) >= 1) {
        --bad_tags_due_;
        return Kind::bad_tag;
    }
    return Kind::media;
}

void OpenFeed::write(rte_mbuf* packet) {
    const auto kind = next_kind();
    if (kind == Kind::stranger) {
        const std::uint32_t place = (strangers_++ * kStrangersScatter) & 0xffff;
        const net::SocketAddress address{net::to_be(kStrangersNetwork + place),
                                         net::to_be(std::uint16_t{40000})};
        stranger_.header = fan_out_.header_from(address);
        return writer_.write(stranger_, packet);
    }
    const auto number = next_sender();
    auto& sender = fan_out_.senders()[number];
    writer_.write(sender, packet);
    if (kind == Kind::media) {
        ++due_[number];
        return;
    }
    --sender.index;
    auto* end = rte_pktmbuf_mtod_offset(packet, std::uint8_t*, rte_pktmbuf_data_len(packet));
    end[-static_cast<std::ptrdiff_t>(kLastTagByteFromEnd)] ^= 1;
}

void OpenFeed::run(const Load& load) {
    const auto start = rte_rdtsc();
    const double per_cycle = load.pps / static_cast<double>(rte_get_tsc_hz());
    std::uint64_t offered = 0;
    while (!stopping_.load(std::memory_order_relaxed)) {
        const auto due = static_cast<double>(rte_rdtsc() - start) * per_cycle;
        if (static_cast<double>(offered + kBatch) > due) {
            rte_pause();
            continue;
        }
        while (rte_pktmbuf_alloc_bulk(in_.pool(), batch_.data(), kBatch) != 0)
            if (stopping_.load(std::memory_order_relaxed)) return;
        for (auto* packet : batch_) write(packet);
        const auto taken = in_.offer(0, batch_.data(), kBatch);
        refused_ += kBatch - taken;
        rte_pktmbuf_free_bulk(batch_.data() + taken, kBatch - taken);
        offered += kBatch;
        pps_ = static_cast<double>(offered) / static_cast<double>(rte_rdtsc() - start) *
               static_cast<double>(rte_get_tsc_hz());
    }
}

}  // namespace mdd::bench
