// RTCP headers, read and written.
#include "tools/mdd-endpoint/rtcp_packet.h"

namespace mdd::endpoint {
namespace {

constexpr std::uint8_t kReceiverReport = 201;
constexpr std::uint8_t kSourceDescription = 202;
constexpr std::uint8_t kBye = 203;
constexpr std::uint8_t kTransportFeedback = 205;
constexpr std::uint8_t kPayloadFeedback = 206;
constexpr std::uint8_t kPictureLoss = 1;
constexpr std::uint8_t kFullIntraRequest = 4;
constexpr std::uint8_t kCname = 1;

std::optional<std::uint32_t> media_source(srtp::Bytes packet) {
    if (packet.size() < 12) return std::nullopt;
    const bool is_fir = packet[1] == kPayloadFeedback && (packet[0] & 0x1F) == kFullIntraRequest;
    if (!is_fir) return srtp::load_be32(packet.data() + 8);
    if (packet.size() < 20) return std::nullopt;
    return srtp::load_be32(packet.data() + 12);
}

void append_be32(Packet& packet, std::uint32_t value) {
    packet.resize(packet.size() + 4);
    srtp::store_be32(packet.data() + packet.size() - 4, value);
}

void append_header(Packet& packet, std::uint8_t count, std::uint8_t type, std::size_t words) {
    packet.insert(packet.end(), {static_cast<std::uint8_t>(0x80 | count), type,
                                 static_cast<std::uint8_t>((words - 1) >> 8),
                                 static_cast<std::uint8_t>(words - 1)});
}

}  // namespace

std::optional<RtcpSummary> read_rtcp(srtp::Bytes compound) {
    if (compound.size() < 8) return std::nullopt;
    RtcpSummary summary;
    summary.sender_ssrc = srtp::load_be32(compound.data() + 4);
    bool first = true;
    while (!compound.empty()) {
        if (compound.size() < 4 || compound[0] >> 6 != 2 || !is_rtcp(compound)) return std::nullopt;
        const std::size_t size_bytes = 4u * (srtp::load_be16(compound.data() + 2) + 1u);
        if (size_bytes > compound.size() || (first && size_bytes < 8)) return std::nullopt;
        const bool padded = (compound[0] & 0x20) != 0;
        if (padded && size_bytes != compound.size()) return std::nullopt;
        const auto type = compound[1];
        if (type == kBye) summary.has_bye = true;
        if ((type == kTransportFeedback || type == kPayloadFeedback) && !summary.feedback_for)
            summary.feedback_for = media_source(compound.first(size_bytes));
        compound = compound.subspan(size_bytes);
        first = false;
    }
    return summary;
}

Packet receiver_report(std::uint32_t sender_ssrc, std::string_view cname) {
    Packet packet;
    append_header(packet, 0, kReceiverReport, 2);
    append_be32(packet, sender_ssrc);
    // SSRC, item type and length, text, at least one zero byte, whole words.
    const auto chunk_words = 1 + (2 + cname.size() + 1 + 3) / 4;
    append_header(packet, 1, kSourceDescription, 1 + chunk_words);
    const auto end_bytes = packet.size() + 4 * chunk_words;
    append_be32(packet, sender_ssrc);
    packet.push_back(kCname);
    packet.push_back(static_cast<std::uint8_t>(cname.size()));
    packet.insert(packet.end(), cname.begin(), cname.end());
    packet.resize(end_bytes);
    return packet;
}

Packet keyframe_request(std::uint32_t sender_ssrc, std::string_view cname,
                        std::uint32_t media_ssrc) {
    auto packet = receiver_report(sender_ssrc, cname);
    append_header(packet, kPictureLoss, kPayloadFeedback, 3);
    append_be32(packet, sender_ssrc);
    append_be32(packet, media_ssrc);
    return packet;
}

}  // namespace mdd::endpoint
