// Every datagram of mdd that comes back to an endpoint: is it the packet that was sent, under the
// receiver's key, once, in order, and how long did it take. Counts; answers nothing.
#pragma once

#include <array>
#include <span>

#include "dataplane/net/frame.h"
#include "dataplane/srtp/rtp.h"
#include "tools/mdd-load/journal.h"
#include "tools/mdd-load/trial_result.h"
#include "tools/mdd-load/world.h"

namespace mdd::load {

// Nanoseconds of a number of TSC ticks below 2^40, without a division.
class TscScale {
  public:
    explicit TscScale(std::uint64_t ticks_per_second)
        : factor_(static_cast<std::uint64_t>(1e9 * (1 << kShift) /
                                             static_cast<double>(ticks_per_second))) {}
    std::uint64_t ns(Tsc ticks) const { return (ticks * factor_) >> kShift; }

  private:
    static constexpr unsigned kShift = 20;
    std::uint64_t factor_;
};

// What came back since the last reset.
struct Tally {
    KindCount audio, video, rtcp;  // `sent`, `expected` and `lost` stay 0 here
    std::uint64_t astray = 0;      // datagrams for no endpoint of ours, or of no kind of media
    std::uint64_t early = 0;       // not to be opened, for an endpoint that is in no call now
    LatencyHistogram latency;
    std::vector<std::uint64_t> by_conference;  // media packets received
};

// A UDP datagram to an endpoint, in a received frame.
struct Arrival {
    EndpointIndex receiver = 0;
    srtp::MutableBytes datagram;
};

// One thread, that of the world.
class Verifier {
  public:
    // `every`: one packet of so many is opened; of the others the header has to be that of the
    // packet that is expected there, or they are opened after all.
    Verifier(World& world, const Journal& journal, TscScale scale, std::uint32_t every = 1);

    // RTP and RTCP datagrams that were received at `now`; at most kMost.
    static constexpr std::size_t kMost = 32;
    void take(std::span<const Arrival> arrivals, Tsc now);
    // A datagram for none of our endpoints, or of a kind that mdd does not send.
    void take_astray() { ++tally_.astray; }

    // Packets sent before `since` no longer count: they belong to the trial before.
    void reset(Tsc since);
    const Tally& tally() const { return tally_; }
    // Distinct legs that have carried something since the start.
    std::uint64_t legs_heard() const { return legs_heard_; }

  private:
    struct Rtp {
        const Arrival* arrival = nullptr;
        StreamIndex stream = 0;
        std::uint64_t index = 0;  // likely one of the sender's, for a look ahead
    };

    KindCount& count_of(MediaKind kind) {
        return kind == MediaKind::audio ? tally_.audio : tally_.video;
    }
    // It does not open: under keys that the receiver is about to get, or not what it should be.
    void refuse(const Endpoint& receiver, KindCount& count) {
        ++(receiver.presence.is_now() ? count.bad_tag : tally_.early);
    }
    bool prepare(const Arrival& arrival, Rtp& rtp);
    void look_ahead(const Rtp& rtp) const;
    void take_rtp(const Rtp& rtp, Tsc now);
    const Sent* match_header(const Rtp& rtp, Leg& leg, const srtp::RtpView& view,
                             std::size_t sealed_bytes) const;
    void settle(const Rtp& rtp, Leg& leg, const Sent& sent, KindCount& count, Tsc now);
    void take_rtcp(const Arrival& arrival, Tsc now);
    std::size_t open_outer(const Endpoint& receiver, Leg& leg, srtp::Bytes packet,
                           srtp::Bytes header);
    // False: a copy of what had come before.
    bool place(Leg& leg, const Sent& sent, KindCount& count, bool is_owed, Tsc now);

    World& world_;
    const Journal& journal_;
    const TscScale scale_;
    Tally tally_;
    const std::uint32_t every_;
    std::uint64_t opened_index_ = 0;  // of the packet in plain_, as mdd counts
    std::uint32_t until_open_ = 0;    // packets that may go unopened
    Tsc since_ = 0;
    std::uint64_t legs_heard_ = 0;
    alignas(64) std::array<std::uint8_t, 2048> plain_{};
};

}  // namespace mdd::load
