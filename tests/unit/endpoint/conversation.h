// Two endpoints' contexts with a relay between them, keys and packets by number: what most of the
// endpoint's tests start from.
#pragma once

#include <gtest/gtest.h>

#include "tests/unit/endpoint/libsrtp_relay.h"

namespace mdd::endpoint::test {

inline constexpr std::uint32_t kSsrc = 0x0a0b0c0d;

inline srtp::MasterKey numbered_master_key(std::uint8_t number) {
    return {srtp::Secret<32>(Packet(32, number)), srtp::Secret<12>(Packet(12, number))};
}

// Different for each endpoint and each handshake.
inline srtp::HopKeys numbered_hop_keys(srtp::Profile profile, int number) {
    return {profile, numbered_master_key(static_cast<std::uint8_t>(2 * number)),
            numbered_master_key(static_cast<std::uint8_t>(2 * number + 1))};
}

inline EktKey conference_key(srtp::Profile profile) {
    EktKey key;
    key.spi = 7;
    key.ttl = std::chrono::hours(24);
    key.key_bytes = srtp::traits_of(profile).hop_key_bytes;
    key.key = srtp::Secret<32>(Packet(32, 0xEE));
    key.salt = srtp::Secret<12>(Packet(12, 0x55));
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
    DoubleContext a{kProfile, conference_key(kProfile), now};
    DoubleContext b{kProfile, conference_key(kProfile), now};
    LibsrtpRelay relay{numbered_hop_keys(kProfile, 1), numbered_hop_keys(kProfile, 2)};
};

}  // namespace mdd::endpoint::test
