// Looking at what is sent: see departures.h.
#include "tests/bench/departures.h"

#include <stdexcept>

namespace mdd::bench {
namespace {

// In a frame: the IPv4 destination, and the byte with the RTP payload type.
constexpr std::size_t kDestinationAt = 30, kPayloadTypeAt = 43;
constexpr MemberSlot kFirstReceiver = 1;

}  // namespace

Departures::Departures(const FanOut& fan_out, Port& out)
    : fan_out_(fan_out),
      port_(out.ethdev_id()),
      callback_(rte_eth_add_tx_callback(port_, 0, &Departures::see, this)) {
    if (callback_ == nullptr) throw std::runtime_error("DPDK was built without callbacks");
    clear();
}

Departures::~Departures() {
    rte_eth_remove_tx_callback(port_, 0, callback_);
}

void Departures::clear() {
    video_.assign(fan_out_.config().conferences(), 0);
    audio_.assign(fan_out_.config().conferences(), 0);
}

std::uint64_t Departures::of(const FanOutSender& sender) const {
    const bool audio = sender.payload_type == FanOut::kAudioType;
    return (audio ? audio_ : video_)[sender.conference];
}

std::uint16_t Departures::see(std::uint16_t, std::uint16_t, rte_mbuf** packets, std::uint16_t count,
                              void* self) {
    auto& departures = *static_cast<Departures*>(self);
    for (unsigned i = 0; i < count; ++i) {
        const auto* frame = rte_pktmbuf_mtod(packets[i], const std::uint8_t*);
        const auto [conference, member] =
            departures.fan_out_.place_of(net::to_be(srtp::load_be32(frame + kDestinationAt)));
        if (member != kFirstReceiver) continue;
        const bool audio = (frame[kPayloadTypeAt] & 0x7f) == FanOut::kAudioType;
        ++(audio ? departures.audio_ : departures.video_)[conference];
    }
    return count;
}

}  // namespace mdd::bench
