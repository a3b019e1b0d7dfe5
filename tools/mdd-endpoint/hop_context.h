// The outer layer towards one media distributor: SRTP and SRTCP under the keys of the DTLS
// handshake, across re-keys. Does not know whether there is an inner layer.
#pragma once

#include <chrono>
#include <optional>
#include <unordered_map>
#include <unordered_set>

#include "tools/mdd-endpoint/packet_index.h"
#include "tools/mdd-endpoint/srtp_session.h"

namespace mdd::endpoint {

using Clock = std::chrono::steady_clock;

// One thread.
class HopContext {
  public:
    // How long the receiving keys of the handshake before stay usable after the new ones first
    // verified (RFC 5764 §5.2: the maximum segment lifetime; ten seconds are plenty for a media
    // hop).
    static constexpr std::chrono::seconds kOldKeysLinger{10};

    // Takes the keys of a finished handshake. The first call starts every index at ROC 0; a later
    // one is a re-key: sending changes over at once with ROC, SEQ and SRTCP index going on,
    // receiving knows both key sets.
    void install(const srtp::HopKeys& keys);

    // As before the first install(): no key, and every stream starts anew.
    void forget();

    bool keyed() const { return outbound_.has_value(); }

    // In place, one 16-byte tag more or less. Precondition for all: keyed(). `malformed` or
    // `refused` when sending; `replayed`, `failed` or `malformed` when receiving.
    Crypto protect(Packet& packet);
    Crypto unprotect(Packet& packet, Clock::time_point now);
    Crypto protect_rtcp(Packet& packet);
    Crypto unprotect_rtcp(Packet& packet, Clock::time_point now);

    // Places streams beyond ROC 0 before their first packet: a late start that is known by other
    // means.
    void start_sending_at(std::uint32_t ssrc, PacketIndex index) {
        sent_[ssrc] = IndexTracker(index);
    }
    void start_receiving_at(std::uint32_t ssrc, PacketIndex index) {
        received_[ssrc] = IndexTracker(index);
    }

  private:
    struct InboundKeys {
        SrtpSession session;
        std::unordered_set<std::uint32_t> verified_ssrcs;
        bool verified_any = false;
    };

    Crypto unprotect_with(InboundKeys& keys, const Packet& sealed, Packet& opened);
    void confirm(InboundKeys& keys, Clock::time_point now);
    void drop_expired(Clock::time_point now);

    std::optional<SrtpSession> outbound_;
    std::optional<InboundKeys> current_;
    std::optional<InboundKeys> previous_;
    std::optional<Clock::time_point> previous_ends_;
    std::unordered_map<std::uint32_t, IndexTracker> sent_;
    std::unordered_map<std::uint32_t, IndexTracker> received_;
};

}  // namespace mdd::endpoint
