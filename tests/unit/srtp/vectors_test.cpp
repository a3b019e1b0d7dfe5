// Every published or committed vector of the hop: RFC 7714, RFC 3711, RFC 6188, libsrtp's packet
// and the outer half of Double.
#include <gtest/gtest.h>

#include <set>

#include "dataplane/srtp/kdf.h"
#include "tests/support/hop_packets.h"
#include "tests/support/ohb_reference.h"
#include "tests/unit/srtp/vector_cases.h"

namespace mdd::test {
namespace {

using srtp::AeadKey;

// Audit builds abort on the vectors that share one nonce (they differ in the marker bit only, and
// were never meant for one session): of those the second is opened only.
class SealOnce {
  public:
    bool allows(const PacketCase& c, std::uint32_t ssrc) {
#ifdef MDD_AUDIT
        return seen_.insert({c.key, c.is_rtcp, ssrc, c.index}).second;
#else
        (void)c;
        (void)ssrc;
        return true;
#endif
    }

  private:
    std::set<std::tuple<ByteVector, bool, std::uint32_t, std::uint64_t>> seen_;
};

TEST(Vectors, PacketsSealToTheWireBytesAndOpenToTheClearBytes) {
    SealOnce once;
    const auto cases = packet_cases();
    ASSERT_EQ(cases.size(), 4u + 4u + 2u * 8u);
    for (const auto& c : cases) {
        SCOPED_TRACE(c.name);
        const AeadKey key(c.key, c.salt);
        const auto index = static_cast<std::uint32_t>(c.index);
        const auto ssrc = srtp::load_be32(c.clear.data() + (c.is_rtcp ? 4 : 8));
        if (once.allows(c, ssrc)) {
            const auto wire =
                c.is_rtcp ? seal_rtcp(key, c.clear, index) : seal_rtp(key, c.clear, c.index);
            EXPECT_EQ(to_hex(wire.value()), to_hex(c.wire));
        }
        const auto clear = c.is_rtcp ? open_rtcp(key, c.wire) : open_rtp(key, c.wire, c.index);
        ASSERT_TRUE(clear);
        EXPECT_EQ(to_hex(*clear), to_hex(c.clear));
    }
}

TEST(Vectors, NoncesAreThoseOfRfc7714) {
    const auto& set = vectors().at("rfc7714");
    const AeadKey key(hex_of(set.at("128").at("key")), hex_of(set.at("salt")));
    EXPECT_EQ(to_hex(key.rtp_nonce(0x5501a0b2, 0xf17b)), set.at("rtp_iv"));
    EXPECT_EQ(to_hex(key.rtcp_nonce(0x4d617273, 0x5d4)), set.at("rtcp_iv"));
}

TEST(Vectors, NonceHoldsTheWholeRolloverCounter) {
    const AeadKey key(ByteVector(16), ByteVector(12));
    EXPECT_EQ(to_hex(key.rtp_nonce(0x01020304, 0xa1a2a3a4b1b2)), "000001020304a1a2a3a4b1b2");
    EXPECT_EQ(to_hex(key.rtcp_nonce(0x01020304, 0x71727374)), "000001020304000071727374");
}

TEST(Vectors, TagOnlyPacketsOfRfc7714Verify) {
    const auto& set = vectors().at("rfc7714");
    const auto rtp = hex_of(set.at("rtp"));
    for (const char* bits : {"128", "256"}) {
        const AeadKey key(hex_of(set.at(bits).at("key")), hex_of(set.at("salt")));
        const auto tag = hex_of(set.at(bits).at("gmac_tag"));
        EXPECT_TRUE(open(key, key.rtp_nonce(0x5501a0b2, 0xf17b), rtp, tag, nullptr));

        // E = 0: the whole compound and the ESRTCP word are AAD, the tag stands between them.
        const auto wire = hex_of(set.at(bits).at("srtcp_e0"));
        const auto view = srtp::SrtcpView::parse(wire).value();
        EXPECT_FALSE(view.encrypted());
        EXPECT_EQ(view.index(), 0x5d4u);
        ByteVector aad = hex_of(set.at("rtcp"));
        aad.insert(aad.end(), view.esrtcp_word().begin(), view.esrtcp_word().end());
        const auto nonce = key.rtcp_nonce(view.sender_ssrc(), view.index());
        EXPECT_TRUE(open(key, nonce, aad, view.sealed().last(srtp::kTagBytes), nullptr));
        aad[20] ^= 1;
        EXPECT_FALSE(open(key, nonce, aad, view.sealed().last(srtp::kTagBytes), nullptr));
    }
}

TEST(Vectors, KeyDerivationGivesTheRfcValues) {
    const auto cases = kdf_cases();
    ASSERT_EQ(cases.size(), 6u + 8u * 4u);
    for (const auto& c : cases) {
        ByteVector out(c.expected.size());
        srtp::derive(c.master_key, c.master_salt, c.label, out);
        EXPECT_EQ(to_hex(out), to_hex(c.expected)) << c.name;
    }
}

TEST(Vectors, LongKeyDerivationCarriesIntoTheSecondCounterByte) {
    const auto& set = vectors().at("kdf").at(0);
    ByteVector whole(4096);
    srtp::derive(hex_of(set.at("mk")), hex_of(set.at("ms")), 1, whole);
    std::set<std::string> blocks;
    for (std::size_t at = 0; at < whole.size(); at += 16)
        blocks.insert(to_hex(srtp::Bytes(whole).subspan(at, 16)));
    EXPECT_EQ(blocks.size(), 256u);
}

TEST(Vectors, SessionKeysOfOneDirectionAreDerivedTogether) {
    for (const auto& c : session_cases()) {
        SCOPED_TRACE(c.name);
        const auto bytes = c.master_key.size();
        const auto profile =
            bytes == 16 ? srtp::Profile::double_aes_128_gcm : srtp::Profile::double_aes_256_gcm;
        srtp::MasterKey master;
        master.key = srtp::Secret<srtp::kMaxHopKeyBytes>(c.master_key);
        master.salt = srtp::Secret<srtp::kHopSaltBytes>(c.master_salt);
        const auto session = srtp::derive_session_keys(profile, master);
        EXPECT_EQ(session.profile, profile);
        EXPECT_EQ(to_hex(session.rtp_key.first(bytes)), c.session.at("rtp_key"));
        EXPECT_EQ(to_hex(session.rtp_salt.bytes()), c.session.at("rtp_salt"));
        EXPECT_EQ(to_hex(session.rtcp_key.first(bytes)), c.session.at("rtcp_key"));
        EXPECT_EQ(to_hex(session.rtcp_salt.bytes()), c.session.at("rtcp_salt"));
    }
}

// What a media distributor does to an opened packet before it seals it again.
struct Change {
    std::string name;
    std::optional<std::uint8_t> payload_type;
    std::optional<std::uint16_t> sequence;
    std::optional<bool> marker;
};

ByteVector relayed(const ByteVector& opened, const Change& change) {
    const auto received = srtp::read_ohb(srtp::RtpView::parse(opened)->payload()).value();
    const auto view = srtp::RtpView::parse(opened).value();
    auto sent = with_sequence(received, view.sequence(), change.sequence.value_or(view.sequence()));
    if (change.payload_type) sent.payload_type = view.payload_type();
    if (change.marker) sent.marker = view.marker();

    ByteVector packet(opened.begin(), opened.end() - static_cast<int>(received.size_bytes()));
    if (change.sequence) srtp::store_be16(packet.data() + 2, *change.sequence);
    if (change.payload_type)
        packet[1] = static_cast<std::uint8_t>((packet[1] & 0x80) | *change.payload_type);
    if (change.marker)
        packet[1] = static_cast<std::uint8_t>((packet[1] & 0x7f) | (*change.marker ? 0x80 : 0));
    std::array<std::uint8_t, srtp::kMaxOhbBytes> block;
    const auto block_bytes = srtp::write_ohb(sent, block.data());
    packet.insert(packet.end(), block.begin(), block.begin() + block_bytes);
    return packet;
}

TEST(Vectors, RelayOfAnOpenedPacketReproducesEveryDoubleVector) {
    const std::vector<Change> changes = {{"relay_pt111_seq7", 111, 7, {}},
                                         {"relay_pt111_seq8_m0", 111, 8, false},
                                         {"relay_unmodified", {}, {}, {}},
                                         {"relay_seq_only_9", {}, 9, {}},
                                         {"relay_m0_only", {}, {}, false}};
    for (const auto& set : vectors().at("double")) {
        const auto& a = set.at("a_outer_session");
        const AeadKey from_a(hex_of(a.at("rtp_key")), hex_of(a.at("rtp_salt")));
        const auto opened = open_rtp(from_a, hex_of(set.at("wire_a")), 0x1234).value();
        EXPECT_EQ(srtp::read_ohb(srtp::RtpView::parse(opened)->payload()), srtp::Ohb{});
        for (const auto& change : changes) {
            SCOPED_TRACE(change.name);
            const auto& relay = set.at(change.name);
            const auto plain = relayed(opened, change);
            EXPECT_EQ(to_hex(plain), relay.at("plain"));
            EXPECT_TRUE(to_hex(plain).ends_with(relay.at("ohb").get<std::string>()));
        }
    }
}

TEST(Vectors, EachHopUsesItsOwnRolloverCounter) {
    const auto& set = vectors().at("double").at(0);
    const auto& a = set.at("a_outer_session");
    const auto& b = set.at("b_outer_session");
    const auto& roc = set.at("roc");
    const AeadKey from_a(hex_of(a.at("rtp_key")), hex_of(a.at("rtp_salt")));
    const AeadKey to_b(hex_of(b.at("rtp_key")), hex_of(b.at("rtp_salt")));
    const std::uint64_t roc_a = srtp::load_be32(hex_of(roc.at("a_roc")).data());
    const std::uint64_t roc_b = srtp::load_be32(hex_of(roc.at("b_roc")).data());

    const auto wire_a = hex_of(roc.at("wire_a"));
    EXPECT_FALSE(open_rtp(from_a, wire_a, 0x1234));
    const auto opened = open_rtp(from_a, wire_a, roc_a << 16 | 0x1234);
    ASSERT_TRUE(opened);
    const auto wire_b =
        seal_rtp(to_b, relayed(*opened, {"", 111, std::uint16_t{7}, {}}), roc_b << 16 | 7);
    EXPECT_EQ(to_hex(wire_b.value()), roc.at("relay_pt111_seq7"));
}

}  // namespace
}  // namespace mdd::test
