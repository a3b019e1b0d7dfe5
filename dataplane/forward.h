// From opened packets to their legs: index, header, OHB, seal, EKT tag. The only caller of seal()
// in the data plane.
#pragma once

#include <algorithm>
#include <span>

#include "dataplane/batch.h"
#include "dataplane/egress.h"
#include "dataplane/read_ahead.h"
#include "dataplane/rtcp_relay.h"
#include "dataplane/srtp/ohb.h"
#include "dataplane/srtp/prefetch.h"

namespace mdd {

// An RTP packet whose outer layer has been opened. For a double profile `body` is the inner
// ciphertext and inner tag.
struct OpenedRtp {
    srtp::Bytes header;  // as received, in the packet
    std::uint8_t* body =
        nullptr;  // plaintext without the OHB; at least srtp::kMaxOhbBytes writable bytes follow
    std::size_t body_bytes = 0;
    bool is_double = false;
    srtp::HopOhb ohb;                                  // of a double packet
    const srtp::HopOhb::Form* ohb_in_place = nullptr;  // behind the body; null: what was received
    srtp::Bytes tail;                                  // EKT tag, passed through
    Stream* stream = nullptr;
    MemberSlot sender = 0;
    std::uint64_t index = 0;  // authenticated inbound index
};

class Forwarder {
    // How far ahead of the copy that is being made keys are asked for, which come line by line.
    static constexpr std::size_t kKeysAhead = 3;
    // How many recipients are asked for before the first copy: they lie side by side, and the
    // processor sees the rest coming.
    static constexpr std::size_t kFirstRecipients = 4;

  public:
    Forwarder(Table& table, Egress& egress, Counters& counters)
        : table_(table), egress_(egress), counters_(counters) {}

    // One copy of each packet to every other recipient of the conference; receiver by receiver, so
    // that each key is fetched once for all of them. Between the copies it asks for what stands in
    // `ahead`. Returns how many legs were planned in all.
    // Precondition: the packets' senders are members; their streams are granted to them, and this
    // worker owns them.
    unsigned rtp(std::span<OpenedRtp> group, std::span<const Recipient> recipients,
                 ReadAhead& ahead);
    // How many copies the next calls of rtp() will ask for at most; 0 when that is over.
    void expect(unsigned copies) {
        copies == 0 ? egress_.expect_no_more() : egress_.expect(copies);
    }
    // The keys of the first copies of a packet. Valid until commands are carried out.
    struct FirstKeys {
        std::array<const srtp::AeadKey*, kKeysAhead> keys;
        unsigned count = 0;
    };
    // Asks for the memory that rtp() will begin with for a packet of `sender`, and does not wait
    // for it: who receives; when that is there, the first receivers' legs and the addresses of
    // their keys; then these keys.
    static void prefetch_recipients(const Member& sender);
    static void prefetch_first_addresses(const Member& sender, const Stream& stream,
                                         FirstKeys& first);
    static void prefetch_first_keys(const FirstKeys& first, std::size_t packet_bytes) {
        for (unsigned i = 0; i < first.count; ++i) first.keys[i]->prefetch(packet_bytes);
    }

    // Seals `compound` (plain RTCP) and sends it: to every other keyed member, or to `target` only.
    unsigned rtcp(srtp::Bytes compound, const Member& sender, Stream& stream,
                  const Member* target = nullptr);
    // Whether a compound of this size can go to `to` now; the verdict when it can't: leg_not_keyed,
    // no_neighbour or too_long.
    srtp::Verdict may_send_rtcp(std::size_t compound_bytes, const Recipient& to) const;

  private:
    srtp::Verdict rtp_leg(OpenedRtp& opened, Leg& leg, const Recipient& to, Egress::Way& way);
    srtp::Verdict rtcp_leg(srtp::Bytes compound, std::uint32_t ssrc, Leg& leg, const Recipient& to);

    Table& table_;
    Egress& egress_;
    Counters& counters_;
};

inline void Forwarder::prefetch_recipients(const Member& sender) {
    const auto recipients = sender.recipients;
    // The sender's own is left out where it comes first: one too many costs less than a question
    // for each. A recipient is a cache line.
    const std::size_t first = sender.slot == 0 ? 1 : 0;
    if (recipients.size() > first)
        srtp::prefetch_lines(&recipients[first],
                             std::min(recipients.size() - first, kFirstRecipients));
}

inline void Forwarder::prefetch_first_addresses(const Member& sender, const Stream& stream,
                                                FirstKeys& first) {
    const auto recipients = sender.recipients;
    unsigned count = 0;
    for (std::size_t slot = 0; slot < recipients.size() && count < kKeysAhead; ++slot) {
        const auto* keys = recipients[slot].tx;
        if (slot == sender.slot || keys == nullptr) continue;
        srtp::prefetch(&stream.legs[slot]);
        keys->rtp.prefetch_address();
        first.keys[count++] = &keys->rtp;
    }
    first.count = count;
}

}  // namespace mdd
