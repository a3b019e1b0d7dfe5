// From one opened packet to its legs: index, header, OHB, seal, EKT tag. The only caller of seal()
// in the data plane.
#pragma once

#include "dataplane/batch.h"
#include "dataplane/egress.h"
#include "dataplane/rtcp_relay.h"
#include "dataplane/srtp/ohb.h"

namespace mdd {

// An RTP packet whose outer layer has been opened. For a double profile `body` is the inner
// ciphertext and inner tag.
struct OpenedRtp {
    srtp::Bytes header;  // as received, in the packet
    std::uint8_t* body =
        nullptr;  // plaintext without the OHB; at least srtp::kMaxOhbBytes writable bytes follow
    std::size_t body_bytes = 0;
    srtp::Ohb ohb{};  // as received
    bool is_double = false;
    srtp::Bytes tail;  // EKT tag, passed through
    std::uint32_t ssrc = 0;
    std::uint16_t sequence = 0;
    std::uint64_t index = 0;  // authenticated inbound index
};

class Forwarder {
  public:
    Forwarder(Table& table, Egress& egress, Counters& counters)
        : table_(table), egress_(egress), counters_(counters) {}

    // One copy to every other member of the sender's conference. Returns how many legs were
    // planned. Precondition: `stream` is granted to `sender`, and this worker owns both.
    unsigned rtp(const OpenedRtp& opened, const Member& sender, Stream& stream);

    // Seals `compound` (plain RTCP) and sends it: to every other keyed member, or to `target` only.
    unsigned rtcp(srtp::Bytes compound, const Member& sender, Stream& stream,
                  const Member* target = nullptr);
    // Whether a compound of this size can go to `to` now; the verdict when it can't: leg_not_keyed,
    // no_neighbour or too_long.
    srtp::Verdict may_send_rtcp(std::size_t compound_bytes, const Member& to) const;

  private:
    srtp::Verdict rtp_leg(const OpenedRtp& opened, Leg& leg, const Member& to);
    srtp::Verdict rtcp_leg(srtp::Bytes compound, std::uint32_t ssrc, Leg& leg, const Member& to);

    Table& table_;
    Egress& egress_;
    Counters& counters_;
};

}  // namespace mdd
