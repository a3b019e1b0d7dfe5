// One hop's protection of whole packets, composed from views, nonces and open/seal as the worker
// does it; in vectors, for tests. No replay window, no index estimation: the caller says the index.
#pragma once

#include <optional>
#include <vector>

#include "dataplane/srtp/aead.h"
#include "dataplane/srtp/rtp.h"

namespace mdd::test {

using ByteVector = std::vector<std::uint8_t>;

// RTP packet to SRTP packet. nullopt: the header does not fit.
inline std::optional<ByteVector> seal_rtp(const srtp::AeadKey& key, srtp::Bytes packet,
                                          std::uint64_t index) {
    const auto view = srtp::RtpView::parse(packet);
    if (!view) return std::nullopt;
    ByteVector wire(packet.size() + srtp::kTagBytes);
    std::copy(view->header().begin(), view->header().end(), wire.begin());
    srtp::seal(key, key.rtp_nonce(view->ssrc(), index), view->header(), view->payload(),
               wire.data() + view->header_bytes());
    return wire;
}

// SRTP packet to RTP packet. nullopt: malformed, or the tag does not verify.
inline std::optional<ByteVector> open_rtp(const srtp::AeadKey& key, srtp::Bytes wire,
                                          std::uint64_t index) {
    const auto view = srtp::RtpView::parse(wire);
    if (!view || view->payload().size() < srtp::kTagBytes) return std::nullopt;
    ByteVector packet(wire.begin(), wire.end() - srtp::kTagBytes);
    if (!srtp::open(key, key.rtp_nonce(view->ssrc(), index), view->header(), view->payload(),
                    packet.data() + view->header_bytes()))
        return std::nullopt;
    return packet;
}

// The AAD of an encrypted SRTCP packet: 8 clear bytes and the ESRTCP word (RFC 7714 §9.2).
inline std::array<std::uint8_t, 12> srtcp_aad(srtp::Bytes clear, srtp::Bytes esrtcp_word) {
    std::array<std::uint8_t, 12> aad;
    std::copy(clear.begin(), clear.end(), aad.begin());
    std::copy(esrtcp_word.begin(), esrtcp_word.end(), aad.begin() + srtp::kSrtcpClearBytes);
    return aad;
}

// RTCP compound (at least 8 bytes) to SRTCP packet with E = 1.
inline ByteVector seal_rtcp(const srtp::AeadKey& key, srtp::Bytes compound, std::uint32_t index) {
    ByteVector wire(compound.size() + srtp::kTagBytes + srtp::kSrtcpIndexBytes);
    const auto clear = compound.first(srtp::kSrtcpClearBytes);
    std::copy(clear.begin(), clear.end(), wire.begin());
    auto* word = wire.data() + wire.size() - srtp::kSrtcpIndexBytes;
    srtp::store_be32(word, index | 0x80000000u);
    srtp::seal(key, key.rtcp_nonce(srtp::load_be32(clear.data() + 4), index),
               srtcp_aad(clear, srtp::Bytes(word, srtp::kSrtcpIndexBytes)),
               compound.subspan(srtp::kSrtcpClearBytes), wire.data() + srtp::kSrtcpClearBytes);
    return wire;
}

// SRTCP packet with E = 1 to RTCP compound. nullopt: malformed, E = 0, or the tag does not verify.
inline std::optional<ByteVector> open_rtcp(const srtp::AeadKey& key, srtp::Bytes wire) {
    const auto view = srtp::SrtcpView::parse(wire);
    if (!view || !view->encrypted()) return std::nullopt;
    ByteVector compound(wire.begin(), wire.end() - srtp::kTagBytes - srtp::kSrtcpIndexBytes);
    if (!srtp::open(key, key.rtcp_nonce(view->sender_ssrc(), view->index()),
                    srtcp_aad(view->clear(), view->esrtcp_word()), view->sealed(),
                    compound.data() + srtp::kSrtcpClearBytes))
        return std::nullopt;
    return compound;
}

}  // namespace mdd::test
