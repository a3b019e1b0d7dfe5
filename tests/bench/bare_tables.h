// What the bare loop reads of a stream and of a receiver, laid out for it alone: one look-up by
// address and SSRC, and each key beside what is used with it. Of the same keys and addresses as the
// worker's own tables, shuffled in the same way.
#pragma once

#define NO_COMPAT_IMB_API_053
#include <intel-ipsec-mb.h>

#include <array>
#include <span>
#include <vector>

#include "dataplane/srtp/hot_memory.h"
#include "tests/bench/fan_out.h"

namespace mdd::bench {

struct alignas(64) BareKey {
    gcm_key_data expanded;
    std::array<std::uint8_t, 16> salt;  // 12 bytes, and zeros
};
static_assert(sizeof(BareKey) == 1024);

// Headers in one line, so that they are copied by whole registers, and the sums that go with them
// behind what a header fills.
struct alignas(64) BareHeaders {
    std::array<std::uint8_t, 60> bytes{};
    std::uint16_t ip_sum = 0, pseudo_sum = 0;  // as in net::HeaderTemplate
};
static_assert(sizeof(BareHeaders) == 64);

struct BareReceiver {
    BareKey key;
    BareHeaders headers;
};

struct BareStream {
    static constexpr std::size_t kNear = 5;
    BareKey key;
    // From here, one line; the few receivers of a small conference stand in it.
    alignas(64) std::uint64_t next_index;  // of its sender's next packet
    const BareReceiver* const* receivers;
    unsigned receiver_count;
    unsigned group;  // of the burst in hand that took its last packet
    std::array<const BareReceiver*, kNear> near;
    // And here the others.
    std::vector<const BareReceiver*, srtp::HotAllocator<const BareReceiver*>> far;
};

class BareTables {
  public:
    // `expand`: the key expansion for the key size of `fan_out`. Precondition: nobody uses the
    // senders.
    BareTables(FanOut& fan_out, aes_gcm_pre_t expand);

    // What a stream is found by: both as they stand in the packet.
    static std::uint64_t tag_of(net::Be32 address, net::Be32 ssrc) {
        return std::uint64_t{static_cast<std::uint32_t>(address)} << 32 |
               static_cast<std::uint32_t>(ssrc);
    }
    // Step one of the look-up: asks for the memory where it begins, and does not wait for it.
    std::size_t prefetch(std::uint64_t tag) const {
        const auto place = place_of(tag);
        __builtin_prefetch(&slots_[place]);
        return place;
    }
    // Step two, with the answer of step one. Precondition: the stream is there.
    BareStream* find(std::uint64_t tag, std::size_t place) const {
        while (slots_[place].tag != tag) place = (place + 1) & (slots_.size() - 1);
        return slots_[place].stream;
    }

  private:
    struct Slot {
        std::uint64_t tag = 0;
        BareStream* stream = nullptr;  // null: free
    };
    std::size_t place_of(std::uint64_t tag) const {
        return (tag * 0x9e3779b97f4a7c15ULL) >> shift_;
    }
    void add_stream(BareStream& stream, const FanOut& fan_out, const FanOutSender& sender,
                    aes_gcm_pre_t expand);
    void add_receivers(BareStream& stream, const FanOut& fan_out, ConferenceSlot conference,
                       std::span<const std::size_t> places, aes_gcm_pre_t expand);

    std::vector<BareReceiver, srtp::HotAllocator<BareReceiver>> receivers_;
    std::vector<BareStream, srtp::HotAllocator<BareStream>> streams_;
    std::vector<Slot, srtp::HotAllocator<Slot>> slots_;  // a power of two of them, half full
    unsigned shift_;
};

}  // namespace mdd::bench
