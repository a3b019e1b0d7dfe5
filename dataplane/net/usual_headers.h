// The headers that nearly every packet brings: Ethernet without a VLAN tag, IPv4 without options
// and in one piece, UDP to one of our addresses. What is the same in all of them is compared a word
// at a time; only the rest is looked at one by one. Says yes and no more: whoever is not like that
// goes the way of parse_frame(), which knows why.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>

#include "dataplane/net/frame.h"
#include "dataplane/net/header_template.h"

namespace mdd::net {

class UsualHeaders {
  public:
    // Of datagrams to `ours`.
    explicit UsualHeaders(const SocketAddress& ours);

    struct Match {
        SocketAddress source;
        std::uint16_t payload_bytes;  // from kHeaderBytes on
    };
    // True: parse_frame() accepts this frame, as a datagram to our address, and finds in it what is
    // now in `out`. False: nothing is known of it, and `out` is unspecified. Reads nothing outside
    // the frame. Any thread.
    bool match(srtp::Bytes frame, Match& out, IpChecksum ip_checksum) const;

  private:
    // Eight bytes of a frame in memory order: what they have to be, and which bits of them count.
    struct Word {
        std::uint64_t bits = 0, mask = 0;
    };
    // Where the words begin; together they cover every bit that counts.
    static constexpr std::array<std::size_t, 4> kWordsAt{6, 14, 23, 30};

    static std::uint64_t load(const std::uint8_t* from) {
        std::uint64_t word;
        std::memcpy(&word, from, sizeof word);
        return word;
    }
    bool is_same(const std::uint8_t* frame) const {
        std::uint64_t differing = 0;
#pragma GCC unroll 4
        for (std::size_t i = 0; i < kWordsAt.size(); ++i)
            differing |= (load(frame + kWordsAt[i]) ^ words_[i].bits) & words_[i].mask;
        return differing == 0;
    }

    std::array<Word, kWordsAt.size()> words_;
};

[[gnu::always_inline]] inline bool UsualHeaders::match(srtp::Bytes frame, Match& out,
                                                       IpChecksum ip_checksum) const {
    using namespace header_fields;
    if (frame.size() < kHeaderBytes || !is_same(frame.data())) return false;
    const auto* ip = frame.data() + kIpAt;
    const auto* udp = frame.data() + kUdpAt;
    const std::size_t total_bytes = srtp::load_be16(frame.data() + kIpLengthAt);
    const std::size_t udp_bytes = srtp::load_be16(frame.data() + kUdpLengthAt);
    if (total_bytes > frame.size() - kIpAt || udp_bytes < kUdpBytes ||
        udp_bytes + kIpv4Bytes != total_bytes)
        return false;
    if (ip_checksum == IpChecksum::verify && ipv4_header_sum(ip) != 0xffff) return false;
    if (!frame_layers::is_unicast_host(srtp::load_be32(ip + 12))) return false;
    out.source = {frame_layers::load_ip(ip + 12), to_be(srtp::load_be16(udp))};
    out.payload_bytes = static_cast<std::uint16_t>(udp_bytes - kUdpBytes);
    return true;
}

}  // namespace mdd::net
