// Every packet carries its conference and index in its payload, so that no two are alike: see
// packet_source.h.
#include "tests/bench/peers/packet_source.h"

#include <stdexcept>

#include "dataplane/srtp/index.h"
#include "tests/bench/peers/ciphers.h"

namespace mdd::bench {
srtp::MasterKey master_key(std::size_t number) {
    std::array<std::uint8_t, 16> key;
    key.fill(0x5a);
    srtp::store_be32(key.data(), static_cast<std::uint32_t>(number));
    std::array<std::uint8_t, srtp::kHopSaltBytes> salt;
    salt.fill(0xa5);
    return {srtp::Secret<srtp::kMaxHopKeyBytes>(key), srtp::Secret<srtp::kHopSaltBytes>(salt)};
}

PacketSource::PacketSource(const Layout& layout, std::size_t size_bytes)
    : layout_(layout), rtp_(kRtpHeaderBytes + size_bytes), next_(layout.conferences, 0) {
    for (std::size_t i = kRtpHeaderBytes; i < rtp_.size(); ++i)
        rtp_[i] = static_cast<std::uint8_t>(i * 7);
    rtp_[0] = 0x80;
    rtp_[1] = 96;
    for (std::size_t c = 0; c < layout.conferences; ++c)
        keys_.push_back(rtp_key_of(master_key(layout.sender_key(c))));
}

srtp::Bytes PacketSource::rtp(std::size_t conference, std::uint64_t index) {
    const auto ssrc = kFirstSsrc + static_cast<std::uint32_t>(conference);
    srtp::store_be16(rtp_.data() + 2, static_cast<std::uint16_t>(index));
    srtp::store_be32(rtp_.data() + 4, static_cast<std::uint32_t>(index * 3000));
    srtp::store_be32(rtp_.data() + 8, ssrc);
    srtp::store_be32(rtp_.data() + kRtpHeaderBytes, ssrc);
    srtp::store_be32(rtp_.data() + kRtpHeaderBytes + 4, static_cast<std::uint32_t>(index));
    return rtp_;
}

void PacketSource::write(std::size_t conference, std::uint8_t* packet) {
    const auto index = next_[conference]++;
    const auto plain = rtp(conference, index);
    const auto ssrc = kFirstSsrc + static_cast<std::uint32_t>(conference);
    const auto& key = *keys_[conference];
    std::memcpy(packet, plain.data(), kRtpHeaderBytes);
    srtp::seal(key, key.rtp_nonce(ssrc, index), plain.first(kRtpHeaderBytes),
               plain.subspan(kRtpHeaderBytes), packet + kRtpHeaderBytes);
    ++written_;
}

void PacketSource::expect_opens(std::size_t conference, std::size_t receiver, srtp::Bytes wire) {
    const auto complain = [&](const char* what) {
        throw std::runtime_error("receiver " + std::to_string(receiver) + " of conference " +
                                 std::to_string(conference) + " got " + what);
    };
    if (wire.size() != wire_bytes() || conference_of(wire.data()) != conference)
        complain("a packet that nobody sent to it");
    const auto index =
        srtp::estimate_index(next_[conference] - 1, srtp::load_be16(wire.data() + 2));
    if (!index || *index >= next_[conference]) complain("a packet that was not sent yet");
    const auto key = rtp_key_of(master_key(layout_.receiver_key(conference, receiver)));
    std::vector<std::uint8_t> opened(wire.begin(), wire.end() - srtp::kTagBytes);
    if (!srtp::open(*key, key->rtp_nonce(srtp::load_be32(wire.data() + 8), *index),
                    wire.first(kRtpHeaderBytes), wire.subspan(kRtpHeaderBytes),
                    opened.data() + kRtpHeaderBytes))
        complain("a packet that does not open");
    const auto sent = rtp(conference, *index);
    if (!std::equal(sent.begin(), sent.end(), opened.begin(), opened.end()))
        complain("another packet than was sent");
}

}  // namespace mdd::bench
