// Two endpoints' contexts with a relay between them, keys and packets by number: what most of the
// endpoint's tests start from.
#pragma once

#include <gtest/gtest.h>

#include "tests/unit/endpoint/libsrtp_relay.h"

namespace mdd::endpoint::test {

inline constexpr std::uint32_t kSsrc = 0x0a0b0c0d;
// Of tests for which any profile will do.
inline constexpr auto kDouble = srtp::Profile::double_aes_128_gcm;

inline srtp::MasterKey numbered_master_key(std::uint8_t number) {
    return {srtp::Secret<32>(Packet(32, number)), srtp::Secret<12>(Packet(12, number))};
}

inline srtp::MasterKey copy_of(const srtp::MasterKey& key) {
    return {srtp::Secret<32>(key.key.bytes()), srtp::Secret<12>(key.salt.bytes())};
}

// Different for each endpoint and each handshake.
inline srtp::HopKeys numbered_hop_keys(srtp::Profile profile, int number) {
    return {profile, numbered_master_key(static_cast<std::uint8_t>(2 * number)),
            numbered_master_key(static_cast<std::uint8_t>(2 * number + 1))};
}

// Another key and salt for each SPI.
inline EktKey conference_key(srtp::Profile profile, std::uint16_t spi = 7) {
    EktKey key;
    key.spi = spi;
    key.ttl = std::chrono::hours(24);
    key.key_bytes = srtp::traits_of(profile).hop_key_bytes;
    key.key = srtp::Secret<32>(Packet(32, static_cast<std::uint8_t>(0xE0 + spi)));
    key.salt = srtp::Secret<12>(Packet(12, static_cast<std::uint8_t>(0x50 + spi)));
    return key;
}

inline Packet rtp_packet(std::uint16_t sequence, std::size_t payload_bytes = 20,
                         std::uint32_t ssrc = kSsrc) {
    Packet packet(12 + payload_bytes, static_cast<std::uint8_t>(sequence));
    packet[0] = 0x80;
    packet[1] = 96;
    srtp::store_be16(packet.data() + 2, sequence);
    srtp::store_be32(packet.data() + 4, 3000u * sequence);
    srtp::store_be32(packet.data() + 8, ssrc);
    return packet;
}

class ConversationTest : public ::testing::Test {
  protected:
    static constexpr auto kProfile = srtp::Profile::double_aes_128_gcm;

    ConversationTest() {
        a.install(numbered_hop_keys(kProfile, 1));
        b.install(numbered_hop_keys(kProfile, 2));
        give(a, 7);
        give(b, 7);
    }

    // The KMF's key with this SPI comes; what waited for it.
    std::vector<ReceivedRtp> give(DoubleContext& context, std::uint16_t spi) {
        std::vector<ReceivedRtp> opened;
        EXPECT_EQ(context.learn(conference_key(kProfile, spi), now, opened),
                  EktKeyring::Added::newest);
        return opened;
    }

    // A's datagram for an RTP packet. Fails the test when A refuses.
    Packet sent(Packet packet) { return sent_by(a, std::move(packet)); }
    Packet sent_by(DoubleContext& sender, Packet packet) {
        PacketIndex index = 0;
        EXPECT_TRUE(sender.seal(packet, index, now));
        return packet;
    }
    // What B makes of a packet of A that the relay passes on with these changes.
    std::vector<ReceivedRtp> relayed(Packet packet, const Change& change = {}) {
        auto forwarded = relay.forward(sent(std::move(packet)), change);
        EXPECT_TRUE(forwarded);
        if (!forwarded) return {};
        return b.open(std::move(*forwarded), now);
    }

    Clock::time_point now{std::chrono::hours(1)};
    DoubleContext a{kProfile};
    DoubleContext b{kProfile};
    LibsrtpRelay relay{numbered_hop_keys(kProfile, 1), numbered_hop_keys(kProfile, 2)};
};

}  // namespace mdd::endpoint::test
