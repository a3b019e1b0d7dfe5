// Where the fields of an RTP or RTCP packet sit, in memory that we do not own. Views only: nothing
// is copied or believed.
#pragma once

#include <optional>

#include "dataplane/srtp/bytes.h"
#include "dataplane/srtp/profile.h"

namespace mdd::srtp {

inline constexpr std::size_t kRtpFixedHeaderBytes = 12;
inline constexpr std::size_t kSrtcpIndexBytes = 4;
inline constexpr std::size_t kSrtcpClearBytes =
    8;  // first RTCP header and sender SSRC stay in the clear

// Whether a packet that begins with this byte is of RTP version 2, as RTP and RTCP are.
inline bool is_version_2(std::uint8_t first) {
    return (first & 0xc0) == 0x80;
}

// An RTP packet (RFC 3550 §5.1) whose header lies fully inside the datagram.
class RtpView {
  public:
    // nullopt unless version is 2 and the header, all CSRCs and the whole extension block fit into
    // `packet`. Padding is not looked at: under SRTP the last byte is not a pad count.
    static std::optional<RtpView> parse(Bytes packet);

    std::uint8_t payload_type() const { return packet_[1] & 0x7f; }
    bool marker() const { return (packet_[1] & 0x80) != 0; }
    std::uint16_t sequence() const { return load_be16(packet_.data() + 2); }
    std::uint32_t timestamp() const { return load_be32(packet_.data() + 4); }
    std::uint32_t ssrc() const { return load_be32(packet_.data() + 8); }

    // Header as on the wire: fixed part, CSRCs and extension block. It is the AAD of the outer
    // layer (RFC 7714 §8.2).
    Bytes header() const { return packet_.first(header_bytes_); }
    std::size_t header_bytes() const { return header_bytes_; }
    // Everything behind the header.
    Bytes payload() const { return packet_.subspan(header_bytes_); }

  private:
    static constexpr std::uint8_t kExtension = 0x10;
    static constexpr std::size_t kExtensionHeaderBytes = 4;
    RtpView(Bytes packet, std::size_t header_bytes)
        : packet_(packet), header_bytes_(header_bytes) {}
    Bytes packet_;
    std::size_t header_bytes_;
};

inline std::optional<RtpView> RtpView::parse(Bytes packet) {
    if (packet.size() < kRtpFixedHeaderBytes || !is_version_2(packet[0])) return std::nullopt;
    std::size_t header_bytes = kRtpFixedHeaderBytes + std::size_t{4} * (packet[0] & 0x0f);
    if ((packet[0] & kExtension) != 0) {
        if (packet.size() < header_bytes + kExtensionHeaderBytes) return std::nullopt;
        header_bytes +=
            kExtensionHeaderBytes + std::size_t{4} * load_be16(packet.data() + header_bytes + 2);
    }
    if (packet.size() < header_bytes) return std::nullopt;
    return RtpView(packet, header_bytes);
}

// Splits an SRTP datagram of a double profile from its EKT tag, from the end backwards (RFC 8870
// §4.1). Returns the tag's length in bytes: 1 for a ShortEKTField, else the length that stands
// before the type byte, checked against [4, 255] for extensions, [31, 255] for a FullEKTField (AES
// key wrap), and the room that the smallest double SRTP packet (45 bytes, RFC 8723 §5) leaves.
// nullopt: ekt_invalid. The tag is not authenticated: nothing else is read.
inline std::optional<std::size_t> ekt_tag_bytes(Bytes datagram);

// What stands here is compiled into the loop over packets; nearly all of them end in a short tag.
namespace ekt {
inline constexpr std::uint8_t kShort = 0x00;
inline constexpr std::size_t kSmallestDoubleSrtpBytes =
    kRtpFixedHeaderBytes + kTagBytes + 1 + kTagBytes;
// Of any other tag. Precondition: more than kSmallestDoubleSrtpBytes.
std::optional<std::size_t> long_tag_bytes(Bytes datagram);
}  // namespace ekt

inline std::optional<std::size_t> ekt_tag_bytes(Bytes datagram) {
    if (datagram.size() <= ekt::kSmallestDoubleSrtpBytes) return std::nullopt;
    if (datagram.back() == ekt::kShort) return 1;
    return ekt::long_tag_bytes(datagram);
}

// An SRTCP packet as it stands on the wire with E = 1 or 0 (RFC 7714 §9): clear 8 bytes,
// ciphertext, tag, ESRTCP word.
class SrtcpView {
  public:
    // nullopt unless version is 2 and at least 28 bytes are there.
    static std::optional<SrtcpView> parse(Bytes packet);

    std::uint32_t sender_ssrc() const { return load_be32(packet_.data() + 4); }
    bool encrypted() const { return (packet_[packet_.size() - kSrtcpIndexBytes] & 0x80) != 0; }
    // 31 bits.
    std::uint32_t index() const {
        return load_be32(packet_.data() + packet_.size() - kSrtcpIndexBytes) & 0x7fffffffu;
    }
    Bytes clear() const { return packet_.first(kSrtcpClearBytes); }
    // Ciphertext and tag (E = 1), between the clear part and the ESRTCP word.
    Bytes sealed() const {
        return packet_.subspan(kSrtcpClearBytes,
                               packet_.size() - kSrtcpClearBytes - kSrtcpIndexBytes);
    }
    Bytes esrtcp_word() const { return packet_.last(kSrtcpIndexBytes); }

  private:
    explicit SrtcpView(Bytes packet) : packet_(packet) {}
    Bytes packet_;
};

// One packet of a decrypted RTCP compound (RFC 3550 §6.1): count/FMT, type, and the whole packet
// with its header.
struct RtcpPart {
    std::uint8_t count;  // RC, SC or FMT
    std::uint8_t type;   // 192..223
    Bytes bytes;         // a multiple of 4, at least 4
};

// Walks a compound. Usage: while (auto part = walk.next()) ...; then walk.malformed() tells whether
// it ended cleanly. At most kMaxParts parts; every step moves forward by at least 4 bytes; padding
// (P) is allowed on the last part only.
class RtcpWalk {
  public:
    static constexpr int kMaxParts = 32;
    explicit RtcpWalk(Bytes compound) : rest_(compound) {}
    std::optional<RtcpPart> next();
    bool malformed() const { return malformed_; }

  private:
    Bytes rest_;
    int parts_ = 0;
    bool malformed_ = false;
};

}  // namespace mdd::srtp
