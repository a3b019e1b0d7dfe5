// Sorting an RTCP compound: see rtcp_relay.h. Offsets are those of RFC 3550 §6 and RFC 4585 §6, RFC
// 5104 §4.3.1.
#include "dataplane/rtcp_relay.h"

#include <algorithm>

namespace mdd {
namespace {

using srtp::Bytes;
using srtp::load_be32;
using srtp::RtcpPart;
using OwnStreams = std::span<const GrantedStreams::Granted>;

constexpr std::uint8_t kSenderReport = 200, kSdes = 202, kBye = 203, kPayloadFeedback = 206;
constexpr std::uint8_t kPli = 1, kFir = 4;
constexpr std::uint8_t kPadded = 0x20;
constexpr std::size_t kEmptyReportBytes = 8;
constexpr std::size_t kSenderInfoBytes = 28;  // SR without report blocks
constexpr std::size_t kFeedbackHeaderBytes = 12;
constexpr std::size_t kFirEntryBytes = 8;

bool owns(OwnStreams own, std::uint32_t ssrc) {
    return std::any_of(own.begin(), own.end(),
                       [ssrc](const auto& granted) { return granted.ssrc == ssrc; });
}

void write_header(std::uint8_t* at, unsigned count, std::uint8_t type, std::size_t size_bytes) {
    at[0] = static_cast<std::uint8_t>(0x80 | count);
    at[1] = type;
    srtp::store_be16(at + 2, static_cast<std::uint16_t>(size_bytes / 4 - 1));
}

void write_empty_report(std::uint8_t* at, std::uint32_t ssrc) {
    write_header(at, 0, 201, kEmptyReportBytes);
    srtp::store_be32(at + 4, ssrc);
}

// Items of one SDES chunk behind its SSRC: skips to the next 32-bit boundary after the terminating
// zero. 0: cut short.
std::size_t sdes_chunk_bytes(Bytes chunk) {
    std::size_t at = 4;
    while (at < chunk.size() && chunk[at] != 0) {
        if (at + 2 > chunk.size()) return 0;
        at += 2 + std::size_t{chunk[at + 1]};
    }
    if (at >= chunk.size()) return 0;
    return (at / 4 + 1) * 4;
}

bool sdes_is_own(const RtcpPart& part, OwnStreams own) {
    auto rest = part.bytes.subspan(4);
    for (unsigned i = 0; i < part.count; ++i) {
        if (rest.size() < 8 || !owns(own, load_be32(rest.data()))) return false;
        const auto bytes = sdes_chunk_bytes(rest);
        if (bytes == 0 || bytes > rest.size()) return false;
        rest = rest.subspan(bytes);
    }
    return part.count != 0;
}

bool bye_is_own(const RtcpPart& part, OwnStreams own) {
    if (part.count == 0 || part.bytes.size() < 4 + 4 * std::size_t{part.count}) return false;
    for (unsigned i = 0; i < part.count; ++i)
        if (!owns(own, load_be32(part.bytes.data() + 4 + 4 * i))) return false;
    return true;
}

class Sorter {
  public:
    Sorter(RtcpRelay& relay, std::uint32_t sender_ssrc, OwnStreams own)
        : relay_(relay), sender_ssrc_(sender_ssrc), own_(own) {}

    // False: the part stays here.
    bool take(const RtcpPart& part) {
        switch (part.type) {
            case kSenderReport:
                return take_sender_report(part);
            case kSdes:
                return sdes_is_own(part, own_) && to_everybody(part.bytes);
            case kBye:
                return bye_is_own(part, own_) && to_everybody(part.bytes);
            case kPayloadFeedback:
                return take_payload_feedback(part);
            default:
                return false;
        }
    }

  private:
    // Its report blocks speak of sequence numbers on the sender's leg: cut off.
    bool take_sender_report(const RtcpPart& part) {
        if (part.bytes.size() < kSenderInfoBytes || !owns(own_, load_be32(part.bytes.data() + 4)))
            return false;
        if (relay_.everybody_bytes + kSenderInfoBytes > relay_.everybody.size()) return false;
        auto* at = relay_.everybody.data() + relay_.everybody_bytes;
        std::copy_n(part.bytes.data(), kSenderInfoBytes, at);
        write_header(at, 0, kSenderReport, kSenderInfoBytes);
        relay_.everybody_bytes += kSenderInfoBytes;
        return true;
    }

    bool to_everybody(Bytes part) {
        const std::size_t report = relay_.everybody_bytes == 0 ? kEmptyReportBytes : 0;
        if (relay_.everybody_bytes + report + part.size() > relay_.everybody.size()) return false;
        auto* at = relay_.everybody.data() + relay_.everybody_bytes;
        if (report != 0) write_empty_report(at, sender_ssrc_);
        std::copy(part.begin(), part.end(), at + report);
        relay_.everybody_bytes += report + part.size();
        return true;
    }

    bool take_payload_feedback(const RtcpPart& part) {
        if (part.bytes.size() < kFeedbackHeaderBytes ||
            !owns(own_, load_be32(part.bytes.data() + 4)))
            return false;
        // In a PLI of three words the pad count would be the last byte of the media SSRC.
        if ((part.bytes[0] & kPadded) != 0) return false;
        if (part.count == kPli && part.bytes.size() == kFeedbackHeaderBytes)
            return add_feedback(RtcpFeedback::Kind::pli, part.bytes,
                                load_be32(part.bytes.data() + 8));
        if (part.count == kFir) return take_fir(part.bytes);
        return false;
    }

    // One entry per target; each target gets its own FIR (RFC 5104 §4.3.1.1).
    bool take_fir(Bytes fir) {
        const auto entries = fir.subspan(kFeedbackHeaderBytes);
        if (entries.empty() || entries.size() % kFirEntryBytes != 0) return false;
        for (std::size_t at = 0; at < entries.size(); at += kFirEntryBytes) {
            std::array<std::uint8_t, kFeedbackHeaderBytes + kFirEntryBytes> single;
            std::copy_n(fir.data(), kFeedbackHeaderBytes, single.data());
            std::copy_n(entries.data() + at, kFirEntryBytes, single.data() + kFeedbackHeaderBytes);
            write_header(single.data(), kFir, kPayloadFeedback, single.size());
            if (!add_feedback(RtcpFeedback::Kind::fir, single, load_be32(entries.data() + at)))
                return false;
        }
        return true;
    }

    bool add_feedback(RtcpFeedback::Kind kind, Bytes part, std::uint32_t media_ssrc) {
        if (relay_.feedback_count == RtcpRelay::kMaxFeedback) return false;
        auto& feedback = relay_.feedback[relay_.feedback_count++];
        feedback.kind = kind;
        feedback.media_ssrc = media_ssrc;
        write_empty_report(feedback.bytes.data(), sender_ssrc_);
        std::copy(part.begin(), part.end(), feedback.bytes.data() + kEmptyReportBytes);
        feedback.size_bytes = kEmptyReportBytes + part.size();
        return true;
    }

    RtcpRelay& relay_;
    const std::uint32_t sender_ssrc_;
    const OwnStreams own_;
};

}  // namespace

RtcpRelay relay_rtcp(Bytes compound, std::uint32_t sender_ssrc, OwnStreams own) {
    RtcpRelay relay;
    Sorter sorter(relay, sender_ssrc, own);
    srtp::RtcpWalk walk(compound);
    while (const auto part = walk.next())
        if (!sorter.take(*part)) ++relay.held;
    relay.malformed = walk.malformed();
    return relay;
}

}  // namespace mdd
