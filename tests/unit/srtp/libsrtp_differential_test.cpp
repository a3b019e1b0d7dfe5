// Our hop against libsrtp, both ways, over random packets of every shape: sealed bytes equal,
// opened bytes equal, and the same packets refused.
#include <gtest/gtest.h>

#include <array>
#include <deque>
#include <random>

#include "dataplane/srtp/index.h"
#include "dataplane/srtp/kdf.h"
#include "tests/support/hop_packets.h"
#include "tests/support/libsrtp_session.h"

namespace mdd::test {
namespace {

constexpr std::size_t kMaxPayloadBytes = 1460;
constexpr unsigned kWindow = 1024;

class Random {
  public:
    explicit Random(std::uint64_t seed) : engine_(seed) {}
    std::uint64_t below(std::uint64_t end) { return engine_() % end; }
    void fill(srtp::MutableBytes bytes) {
        while (!bytes.empty()) {
            const std::uint64_t word = engine_();
            const auto n = std::min(bytes.size(), sizeof word);
            std::memcpy(bytes.data(), &word, n);
            bytes = bytes.subspan(n);
        }
    }

  private:
    std::mt19937_64 engine_;
};

// One direction of one hop, ours and libsrtp's, under one master key.
struct Pair {
    Pair(srtp::Profile profile, Random& random) : Pair(profile, random_master(profile, random)) {}
    Pair(srtp::Profile profile, const srtp::MasterKey& master)
        : Pair(srtp::traits_of(profile).hop_key_bytes, master,
               srtp::derive_session_keys(profile, master)) {}

    srtp::AeadKey rtp;
    srtp::AeadKey rtcp;
    LibsrtpSession sender;
    LibsrtpSession receiver;

  private:
    Pair(std::size_t n, const srtp::MasterKey& master, const srtp::SessionKeys& session)
        : rtp(session.rtp_key.first(n), session.rtp_salt.bytes()),
          rtcp(session.rtcp_key.first(n), session.rtcp_salt.bytes()),
          sender(master.key.first(n), master.salt.bytes(), true),
          receiver(master.key.first(n), master.salt.bytes(), false) {}

    static srtp::MasterKey random_master(srtp::Profile profile, Random& random) {
        srtp::MasterKey master;
        random.fill(master.key.writable().first(srtp::traits_of(profile).hop_key_bytes));
        random.fill(master.salt.writable());
        return master;
    }
};

// One SSRC: the true index at the sender, and what the receiving side of the worker keeps.
struct Stream {
    std::uint32_t ssrc;
    std::uint64_t index;
    srtp::ReplayWindow<kWindow> window;
};

std::array<Stream, 3> random_streams(Random& random) {
    std::array<Stream, 3> streams{};
    for (std::uint32_t i = 0; i < streams.size(); ++i) {
        streams[i].ssrc = static_cast<std::uint32_t>(random.below(1u << 30) * 4 + i);
        streams[i].index = random.below(1 << 15);
    }
    return streams;
}

// Any CC, extension of either form or none, padding bit, marker; `payload_bytes` behind the header.
ByteVector random_rtp(Random& random, const Stream& stream, std::size_t payload_bytes) {
    const auto csrcs = random.below(16);
    const bool extended = random.below(2) == 0;
    const auto words = extended ? random.below(random.below(8) == 0 ? 64 : 6) : 0;
    ByteVector packet(12 + 4 * csrcs + (extended ? 4 + 4 * words : 0) + payload_bytes);
    random.fill(packet);
    packet[0] =
        static_cast<std::uint8_t>(0x80 | (packet[0] & 0x20) | (extended ? 0x10 : 0) | csrcs);
    srtp::store_be16(packet.data() + 2, static_cast<std::uint16_t>(stream.index));
    srtp::store_be32(packet.data() + 8, stream.ssrc);
    if (extended)
        srtp::store_be16(packet.data() + 12 + 4 * csrcs + 2, static_cast<std::uint16_t>(words));
    return packet;
}

// Receives as the worker does: index, replay check, open, mark.
std::optional<ByteVector> receive_rtp(const Pair& pair, Stream& stream, const ByteVector& wire) {
    const auto view = srtp::RtpView::parse(wire);
    if (!view) return std::nullopt;
    const auto index = stream.window.started()
                           ? srtp::estimate_index(stream.window.highest(), view->sequence())
                           : view->sequence();
    if (!index || stream.window.check(*index) != srtp::Replay::fresh) return std::nullopt;
    auto packet = open_rtp(pair.rtp, wire, *index);
    if (packet) stream.window.mark(*index);
    return packet;
}

void flip_random_bit(Random& random, ByteVector& bytes, std::size_t from) {
    bytes[from + random.below(bytes.size() - from)] ^=
        static_cast<std::uint8_t>(1u << random.below(8));
}

void exchange_rtp(srtp::Profile profile, std::uint64_t seed, int packets) {
    Random random(seed);
    Pair pair(profile, random);
    auto streams = random_streams(random);
    for (int i = 0; i < packets; ++i) {
        auto& stream = streams[random.below(streams.size())];
        stream.index += 1 + (random.below(64) == 0 ? random.below(2000) : 0);
        const auto packet =
            random_rtp(random, stream, static_cast<std::size_t>(i) % (kMaxPayloadBytes + 1));

        auto theirs = packet;
        ASSERT_EQ(pair.sender.protect(theirs), srtp_err_status_ok) << "packet " << i;
        const auto ours = seal_rtp(pair.rtp, packet, stream.index);
        ASSERT_TRUE(ours == theirs) << "packet " << i;

        if (i % 8 == 0) {  // a forged copy first: both refuse it and neither moves on
            auto forged = theirs;
            flip_random_bit(random, forged, srtp::RtpView::parse(packet)->header_bytes());
            ASSERT_FALSE(receive_rtp(pair, stream, forged)) << "packet " << i;
            ASSERT_EQ(pair.receiver.unprotect(forged), srtp_err_status_auth_fail);
        }
        ASSERT_TRUE(receive_rtp(pair, stream, theirs) == packet) << "packet " << i;
        ASSERT_EQ(stream.window.highest(), stream.index);
        auto unprotected = *ours;
        ASSERT_EQ(pair.receiver.unprotect(unprotected), srtp_err_status_ok) << "packet " << i;
        ASSERT_TRUE(unprotected == packet) << "packet " << i;
    }
}

ByteVector random_rtcp(Random& random, const Stream& stream, std::size_t body_bytes) {
    ByteVector compound(srtp::kSrtcpClearBytes + body_bytes);
    random.fill(compound);
    compound[0] = static_cast<std::uint8_t>(0x80 | (compound[0] & 0x3f));
    compound[1] = static_cast<std::uint8_t>(200 + random.below(8));
    srtp::store_be32(compound.data() + 4, stream.ssrc);
    return compound;
}

void exchange_rtcp(srtp::Profile profile, std::uint64_t seed, int packets) {
    Random random(seed);
    Pair pair(profile, random);
    auto streams = random_streams(random);
    for (auto& stream : streams) stream.index = 0;
    for (int i = 0; i < packets; ++i) {
        auto& stream = streams[random.below(streams.size())];
        ++stream.index;  // libsrtp's first SRTCP index is 1
        const auto compound =
            random_rtcp(random, stream, static_cast<std::size_t>(i) % (kMaxPayloadBytes + 1));

        auto theirs = compound;
        ASSERT_EQ(pair.sender.protect_rtcp(theirs), srtp_err_status_ok) << "packet " << i;
        const auto ours = seal_rtcp(pair.rtcp, compound, static_cast<std::uint32_t>(stream.index));
        ASSERT_TRUE(ours == theirs) << "packet " << i;

        if (i % 8 == 0) {
            auto forged = theirs;
            forged.at(srtp::kSrtcpClearBytes + random.below(forged.size() - 12)) ^= 0x10;
            ASSERT_FALSE(open_rtcp(pair.rtcp, forged)) << "packet " << i;
            ASSERT_EQ(pair.receiver.unprotect_rtcp(forged), srtp_err_status_auth_fail);
        }
        ASSERT_TRUE(open_rtcp(pair.rtcp, theirs) == compound) << "packet " << i;
        auto unprotected = ours;
        ASSERT_EQ(pair.receiver.unprotect_rtcp(unprotected), srtp_err_status_ok);
        ASSERT_TRUE(unprotected == compound) << "packet " << i;
    }
}

constexpr int kPackets = 500'000;  // each way, for each of the four

TEST(LibsrtpRtp, HalfAMillionAes128PacketsAgreeBothWays) {
    exchange_rtp(srtp::Profile::aead_aes_128_gcm, 128, kPackets);
}

TEST(LibsrtpRtp, HalfAMillionAes256PacketsAgreeBothWays) {
    exchange_rtp(srtp::Profile::double_aes_256_gcm, 256, kPackets);
}

TEST(LibsrtpRtcp, HalfAMillionAes128PacketsAgreeBothWays) {
    exchange_rtcp(srtp::Profile::double_aes_128_gcm, 1128, kPackets);
}

TEST(LibsrtpRtcp, HalfAMillionAes256PacketsAgreeBothWays) {
    exchange_rtcp(srtp::Profile::aead_aes_256_gcm, 1256, kPackets);
}

// A packet on its way, and when it arrives.
struct InFlight {
    ByteVector wire;
    std::uint64_t index;
};

TEST(LibsrtpReplay, ReorderedDuplicatedAndLatePacketsMeetTheSameVerdict) {
    Random random(9);
    Pair pair(srtp::Profile::aead_aes_128_gcm, random);
    auto stream = random_streams(random)[0];
    stream.index = 20'000;
    std::deque<InFlight> recent;
    std::array<int, 2> verdicts{};
    for (int i = 0; i < 400'000; ++i) {
        if (recent.empty() || random.below(2) == 0) {
            stream.index += 1 + (random.below(100) == 0 ? random.below(1500) : 0);
            const auto packet = random_rtp(random, stream, random.below(32));
            recent.push_back({seal_rtp(pair.rtp, packet, stream.index).value(), stream.index});
            if (recent.size() > 1100) recent.pop_front();
        }
        // Mostly the newest, so that the window moves; else anything that was ever sent lately.
        const auto back = random.below(4) == 0
                              ? random.below(recent.size())
                              : random.below(std::min<std::size_t>(recent.size(), 4));
        const auto& arriving = recent[recent.size() - 1 - back];
        auto theirs = arriving.wire;
        const auto status = pair.receiver.unprotect(theirs);
        const auto ours = receive_rtp(pair, stream, arriving.wire);
        ASSERT_EQ(ours.has_value(), status == srtp_err_status_ok)
            << "step " << i << " libsrtp " << status << " index " << arriving.index;
        ++verdicts[ours.has_value()];
        if (ours) {
            ASSERT_TRUE(*ours == theirs);
        }
    }
    EXPECT_GT(verdicts[0], 50'000);
    EXPECT_GT(verdicts[1], 50'000);
}

}  // namespace
}  // namespace mdd::test
