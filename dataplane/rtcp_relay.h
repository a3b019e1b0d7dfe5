// What of a verified RTCP compound goes on, and to whom. Sender reports, SDES and BYE go to
// everybody; PLI and FIR go to the media's source; whatever speaks of sequence numbers of a leg
// (receiver reports, NACK, transport feedback) stays here: those numbers mean nothing on another
// hop. Pure; sends nothing.
#pragma once

#include <array>
#include <span>

#include "dataplane/srtp/rtp.h"
#include "dataplane/table.h"

namespace mdd {

// A compound for the source of one media SSRC.
struct RtcpFeedback {
    static constexpr std::size_t kMaxBytes =
        8 + 20;  // empty RR, then one PLI or one FIR with one entry
    enum class Kind : std::uint8_t { pli, fir };
    Kind kind = Kind::pli;
    std::uint32_t media_ssrc = 0;
    std::array<std::uint8_t, kMaxBytes> bytes{};
    std::size_t size_bytes = 0;
};

struct RtcpRelay {
    static constexpr std::size_t kMaxFeedback = 16;
    std::array<std::uint8_t, 1500> everybody{};
    std::size_t everybody_bytes = 0;  // 0: nothing for everybody
    std::array<RtcpFeedback, kMaxFeedback> feedback;
    std::size_t feedback_count = 0;
    unsigned held = 0;  // parts that stay here
    bool malformed = false;
};

// Sorts `compound` (decrypted, at least 8 bytes, first SSRC `sender_ssrc`). A part that speaks for
// an SSRC that is none of `own` is held. Every compound it makes starts with a report of
// `sender_ssrc` (RFC 3550 §6.1). malformed: the parts do not fit; nothing is to be sent.
RtcpRelay relay_rtcp(srtp::Bytes compound, std::uint32_t sender_ssrc,
                     std::span<const GrantedStreams::Granted> own);

}  // namespace mdd
