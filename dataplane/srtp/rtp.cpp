// Parsing of RTP and RTCP headers and of the EKT tail, total over all bytes. No decryption and no
// state.
#include "dataplane/srtp/rtp.h"

namespace mdd::srtp {
namespace {

constexpr std::uint8_t kPadding = 0x20;

constexpr std::size_t kSmallestSrtcpBytes = kSrtcpClearBytes + kTagBytes + kSrtcpIndexBytes;

constexpr std::uint8_t kFullEkt = 0x02;
constexpr std::size_t kEktTrailerBytes = 3;  // length and type
constexpr std::size_t kMinFullEktBytes = 31;
constexpr std::size_t kMinExtensionEktBytes = 4;
constexpr std::size_t kMaxEktBytes = 255;

constexpr std::size_t kRtcpHeaderBytes = 4;

// RFC 3550 §6.4.1: the last byte counts the padding, itself included, and is a multiple of four.
bool is_padding_sound(Bytes part) {
    const std::size_t pad_bytes = part.back();
    return pad_bytes != 0 && pad_bytes % 4 == 0 && pad_bytes <= part.size() - kRtcpHeaderBytes;
}

// The length of the part that `rest` begins with; nullopt when it is none or does not fit.
std::optional<std::size_t> rtcp_part_bytes(Bytes rest) {
    if (rest.size() < kRtcpHeaderBytes || !is_version_2(rest[0])) return std::nullopt;
    if (rest[1] < 192 || rest[1] > 223) return std::nullopt;
    const std::size_t size_bytes = kRtcpHeaderBytes * (std::size_t{load_be16(rest.data() + 2)} + 1);
    if (size_bytes > rest.size()) return std::nullopt;
    if ((rest[0] & kPadding) == 0) return size_bytes;
    if (size_bytes != rest.size() || !is_padding_sound(rest)) return std::nullopt;
    return size_bytes;
}

}  // namespace

std::optional<std::size_t> ekt::long_tag_bytes(Bytes datagram) {
    const auto room_bytes = datagram.size() - kSmallestDoubleSrtpBytes;
    const auto type = datagram.back();
    if (room_bytes < kEktTrailerBytes) return std::nullopt;
    const std::size_t tag_bytes = load_be16(datagram.data() + datagram.size() - kEktTrailerBytes);
    const auto least_bytes = type == kFullEkt ? kMinFullEktBytes : kMinExtensionEktBytes;
    if (tag_bytes < least_bytes || tag_bytes > kMaxEktBytes || tag_bytes > room_bytes)
        return std::nullopt;
    return tag_bytes;
}

std::optional<SrtcpView> SrtcpView::parse(Bytes packet) {
    if (packet.size() < kSmallestSrtcpBytes || !is_version_2(packet[0])) return std::nullopt;
    return SrtcpView(packet);
}

std::optional<RtcpPart> RtcpWalk::next() {
    if (malformed_ || (rest_.empty() && parts_ > 0)) return std::nullopt;
    const auto size_bytes = parts_ < kMaxParts ? rtcp_part_bytes(rest_) : std::nullopt;
    if (!size_bytes) {
        malformed_ = true;
        return std::nullopt;
    }
    const RtcpPart part{static_cast<std::uint8_t>(rest_[0] & 0x1f), rest_[1],
                        rest_.first(*size_bytes)};
    rest_ = rest_.subspan(*size_bytes);
    ++parts_;
    return part;
}

}  // namespace mdd::srtp
