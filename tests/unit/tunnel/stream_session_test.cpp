// Tunnels of RFC 9185 in memory: coming up, messages, pieces of any size, a slow peer, refusals,
// versions and the end.
#include "kmf-tunnel/stream_session.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/unit/tunnel/loopback.h"
#include "tests/unit/tunnel/stream_pair.h"

namespace mdd::tunnel {
namespace {

using namespace test;
using Lines = std::vector<std::string>;

class TunnelStream : public ::testing::Test {
  protected:
    static TestPki& pki() {
        static TestPki made;
        return made;
    }
    Credentials mdd_ = pki().credentials("mdd-1");
    Credentials kmf_ = pki().credentials("kmf-a");
};

long count_of(const Lines& lines, const std::string& line) {
    return std::count(lines.begin(), lines.end(), line);
}

TEST_F(TunnelStream, SupportedProfilesIsTheFirstMessageAndMakesTheTunnel) {
    StreamPair pair(mdd_, kmf_);
    pair.connect();
    EXPECT_EQ(pair.mdd_told, Lines{"up"});
    EXPECT_EQ(pair.kmf_told, Lines{"up"});
    RawTlsShape kmf{Role::kmf, kmf_.cert_file, kmf_.key_file};
    StreamAgainstRaw mdd(Role::mdd, mdd_, kmf);
    mdd.connect();
    EXPECT_EQ(mdd.raw.heard(), (std::vector<std::uint8_t>{1, 0, 7, 0, 0, 4, 0, 9, 0, 10}));
}

TEST_F(TunnelStream, TheTunnelIsTls13WithCertificatesBothWaysAndWithoutTickets) {
    RawTlsShape client{Role::mdd, mdd_.cert_file, mdd_.key_file};
    StreamAgainstRaw kmf(Role::kmf, kmf_, client);
    kmf.connect();
    ASSERT_TRUE(kmf.raw.is_up());
    EXPECT_EQ(SSL_version(kmf.raw.native()), TLS1_3_VERSION);
    EXPECT_EQ(SSL_SESSION_has_ticket(SSL_get0_session(kmf.raw.native())), 0);
    EXPECT_EQ(SSL_SESSION_get_max_early_data(SSL_get0_session(kmf.raw.native())), 0u);
}

TEST_F(TunnelStream, EveryKindOfMessageArrivesInOrder) {
    StreamPair pair(mdd_, kmf_);
    pair.connect();
    Message first = message_to(1, 300);
    first.body = SupportedProfiles{{9, 10}, {}};
    EXPECT_TRUE(pair.mdd.send(first));
    EXPECT_TRUE(pair.mdd.send(message_to(2, 65517)));
    EXPECT_TRUE(pair.mdd.send(disconnect_of(3)));
    EXPECT_TRUE(pair.kmf.send(keys_to(4, 75)));
    EXPECT_TRUE(pair.kmf.send(keys_to(5, 0)));
    EXPECT_TRUE(pair.kmf.send(disconnect_of(6)));
    pair.exchange();
    EXPECT_EQ(pair.kmf_told, (Lines{"up", "message 1", "message 2", "disconnect 3"}));
    EXPECT_EQ(pair.mdd_told, (Lines{"up", "keys 4", "message 4", "keys 5", "disconnect 6"}));
    EXPECT_EQ(pair.mdd.counters().messages_out, 3u);
    EXPECT_EQ(pair.mdd.counters().messages_in, 4u);
}

TEST_F(TunnelStream, KeysAndTheirDtlsMessageLeaveInOneRecord) {
    StreamPair pair(mdd_, kmf_);
    pair.connect();
    pair.kmf.send(keys_to(4, 75));
    const auto out = pair.kmf.outgoing();
    // 82 bytes of keys, 96 of DTLS message, one TLS 1.3 record around both.
    ASSERT_EQ(out.size(), 5u + 82u + 96u + 1u + 16u);
    EXPECT_EQ(srtp::load_be16(out.data() + 3), out.size() - 5);
}

TEST_F(TunnelStream, PiecesOfAnySizeGiveTheSame) {
    for (const std::size_t piece : {1u, 2u, 3u, 5u, 7u, 16u, 100u, 1000u, 16384u}) {
        StreamPair pair(mdd_, kmf_);
        pair.piece_bytes = piece;
        pair.connect();
        pair.mdd.send(message_to(1, 400));
        pair.mdd.send(message_to(2, 3000));
        pair.kmf.send(keys_to(3, 100));
        pair.exchange();
        EXPECT_EQ(pair.kmf_told, (Lines{"up", "message 1", "message 2"})) << piece;
        EXPECT_EQ(pair.mdd_told, (Lines{"up", "keys 3", "message 3"})) << piece;
    }
}

TEST_F(TunnelStream, NothingIsSentBeforeTheTunnelIsUpNorAfterItsEnd) {
    StreamPair pair(mdd_, kmf_);
    EXPECT_FALSE(pair.mdd.send(message_to(1, 10)));
    EXPECT_FALSE(pair.kmf.send(message_to(1, 10)));
    pair.connect();
    pair.mdd.shutdown();
    pair.exchange();
    EXPECT_EQ(pair.mdd_told, (Lines{"up", "down closed_here"}));
    EXPECT_EQ(pair.kmf_told, (Lines{"up", "down closed_by_peer"}));
    EXPECT_FALSE(pair.mdd.send(message_to(1, 10)));
    EXPECT_FALSE(pair.kmf.send(disconnect_of(1)));
}

TEST_F(TunnelStream, OversizeAndUnencodableMessagesAreCountedNotSent) {
    StreamPair pair(mdd_, kmf_);
    pair.connect();
    EXPECT_FALSE(pair.mdd.send(message_to(1, 65518)));
    EXPECT_FALSE(pair.mdd.send(message_to(2, 0)));
    EXPECT_EQ(pair.mdd.counters().oversize, 1u);
    EXPECT_EQ(pair.mdd.counters().unencodable, 1u);
    EXPECT_EQ(pair.mdd.counters().messages_out, 0u);
    EXPECT_TRUE(pair.mdd.outgoing().empty());
}

TEST_F(TunnelStream, AStalledPeerLosesDtlsMessagesButNoDisconnectAndTheStreamStaysWhole) {
    SessionConfig config;
    config.queue_bytes = 100'000;
    StreamPair pair(mdd_, kmf_, config);
    pair.connect();
    pair.kmf_reads = false;
    int taken = 0;
    for (int i = 0; i < 2000; ++i) {
        taken += pair.mdd.send(message_to(1, 600));
        if (i % 100 == 99) {
            EXPECT_TRUE(pair.mdd.send(disconnect_of(2)));
        }
    }
    EXPECT_LT(taken, 200);
    EXPECT_EQ(pair.mdd.counters().queue_full, 2000u - static_cast<unsigned>(taken));
    EXPECT_LT(pair.mdd.outgoing().size(), 105'000u);
    pair.kmf_reads = true;
    pair.exchange();
    EXPECT_EQ(count_of(pair.kmf_told, "message 1"), taken);
    EXPECT_EQ(count_of(pair.kmf_told, "disconnect 2"), 20);
    EXPECT_TRUE(pair.mdd.send(message_to(9, 10))) << "there is room again";
    pair.exchange();
    EXPECT_EQ(pair.kmf_told.back(), "message 9");
}

TEST_F(TunnelStream, AStalledMddGetsAllItsKeysAndDisconnects) {
    SessionConfig config;
    config.queue_bytes = 20'000;
    StreamPair pair(mdd_, kmf_, config);
    pair.connect();
    for (int i = 0; i < 200; ++i) {
        pair.kmf.send(message_to(1, 1000));
        if (i % 10 == 9) {
            EXPECT_TRUE(pair.kmf.send(keys_to(2, 1000))) << "keys go even where their DTLS cannot";
            EXPECT_TRUE(pair.kmf.send(disconnect_of(3)));
        }
    }
    EXPECT_GT(pair.kmf.counters().queue_full, 100u);
    pair.exchange();
    EXPECT_EQ(count_of(pair.mdd_told, "keys 2"), 20);
    EXPECT_EQ(count_of(pair.mdd_told, "disconnect 3"), 20);
}

TEST_F(TunnelStream, APeerThatLetsTooMuchWaitIsGivenUp) {
    SessionConfig config;
    config.queue_bytes = 1000;
    StreamPair pair(mdd_, kmf_, config);
    pair.connect();
    for (int i = 0; i < 200; ++i) pair.kmf.send(keys_to(2, 0));
    EXPECT_EQ(told(pair.kmf), Lines{"down silent"});
    EXPECT_LT(pair.kmf.outgoing().size(), 4500u);
}

TEST_F(TunnelStream, AnMddTakesAKmfThatSaysNothingForItsAcceptanceAfterAWhile) {
    RawTlsShape kmf{Role::kmf, kmf_.cert_file, kmf_.key_file};
    StreamAgainstRaw mdd(Role::mdd, mdd_, kmf);
    mdd.connect();
    EXPECT_TRUE(mdd.told_lines.empty());
    ASSERT_TRUE(mdd.session.deadline());
    mdd.pass(Milliseconds(15));
    EXPECT_TRUE(mdd.told_lines.empty());
    mdd.pass(Milliseconds(10));
    EXPECT_EQ(mdd.told_lines, Lines{"up"});
    EXPECT_FALSE(mdd.session.deadline());
}

TEST_F(TunnelStream, AFarKmfGetsTwiceTheTimeOfItsHandshake) {
    RawTlsShape kmf{Role::kmf, kmf_.cert_file, kmf_.key_file};
    StreamAgainstRaw mdd(Role::mdd, mdd_, kmf);
    mdd.session.start(mdd.now);
    mdd.now += Milliseconds(100);
    mdd.exchange();
    mdd.pass(Milliseconds(190));
    EXPECT_TRUE(mdd.told_lines.empty());
    mdd.pass(Milliseconds(15));
    EXPECT_EQ(mdd.told_lines, Lines{"up"});
}

TEST_F(TunnelStream, AnythingAuthenticFromTheKmfIsAcceptance) {
    RawTlsShape kmf{Role::kmf, kmf_.cert_file, kmf_.key_file};
    StreamAgainstRaw by_message(Role::mdd, mdd_, kmf);
    by_message.connect();
    by_message.raw.say(std::vector<std::uint8_t>{9, 0, 0});
    by_message.exchange();
    EXPECT_EQ(by_message.told_lines, Lines{"up"});
    StreamAgainstRaw by_key_update(Role::mdd, mdd_, kmf);
    by_key_update.connect();
    by_key_update.raw.update_key(false);
    by_key_update.exchange();
    EXPECT_EQ(by_key_update.told_lines, Lines{"up"});
}

TEST_F(TunnelStream, AVersionThatTheKmfDoesNotSpeakIsNamedToTheMddAndNeitherIsUp) {
    StreamPair pair(mdd_, kmf_, {}, {7, {9}});
    pair.connect();
    EXPECT_EQ(pair.kmf_told, Lines{"down version_unsupported"});
    EXPECT_EQ(pair.mdd_told, Lines{"down version_unsupported"});
    EXPECT_EQ(pair.mdd.version_named(), 0);
    EXPECT_NE(pair.kmf_text.find("version 7"), std::string::npos) << pair.kmf_text;
}

TEST_F(TunnelStream, AHandshakeWithoutAnAnswerTimesOut) {
    StreamPair pair(mdd_, kmf_);
    pair.kmf_reads = false;
    pair.connect();
    pair.pass(Milliseconds(4990));
    EXPECT_TRUE(pair.mdd_told.empty());
    pair.pass(Milliseconds(20));
    EXPECT_EQ(pair.mdd_told, Lines{"down handshake_timed_out"});
    EXPECT_EQ(pair.kmf_told, Lines{"down handshake_timed_out"});
}

TEST_F(TunnelStream, TheEndOfTheStreamMeansWhatTheStageMakesOfIt) {
    const Down eof{DownReason::closed_by_peer, "gone"};
    StreamPair before(mdd_, kmf_);
    before.kmf_reads = false;
    before.connect();
    before.mdd.on_end(eof);
    EXPECT_EQ(told(before.mdd), Lines{"down handshake_failed"});

    RawTlsShape kmf{Role::kmf, kmf_.cert_file, kmf_.key_file};
    StreamAgainstRaw settling(Role::mdd, mdd_, kmf);
    settling.connect();
    settling.session.on_end(eof);
    EXPECT_EQ(told(settling.session), Lines{"down refused_by_peer"});

    StreamPair up(mdd_, kmf_);
    up.connect();
    up.mdd.on_end(eof);
    up.kmf.on_end({DownReason::silent, "no answer"});
    EXPECT_EQ(told(up.mdd), Lines{"down closed_by_peer"});
    EXPECT_EQ(told(up.kmf), Lines{"down silent"});
}

}  // namespace
}  // namespace mdd::tunnel
