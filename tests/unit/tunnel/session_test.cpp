// Messages through a tunnel in memory: both ways, through bad weather, malformed, too long, and the
// end of a tunnel.
#include "kmf-tunnel/session.h"

#include <gtest/gtest.h>

#include "tests/unit/tunnel/session_pair.h"

namespace mdd::tunnel {
namespace {

using test::message_of;
using test::SessionPair;
using test::TestPki;

class TunnelSession : public ::testing::Test {
  protected:
    static TestPki& pki() {
        static TestPki made;
        return made;
    }
    Credentials mdd_ = pki().credentials("mdd-1");
    Credentials kmf_ = pki().credentials("kmf-a");
};

KeyInformation keys_of(std::uint8_t value) {
    KeyInformation keys;
    keys.profile = 0x0009;
    const std::vector<std::uint8_t> bytes(16, value);
    keys.client_key = SecretBytes(bytes);
    keys.server_key = SecretBytes(bytes);
    keys.client_salt = SecretBytes(srtp::Bytes(bytes).first(12));
    keys.server_salt = SecretBytes(srtp::Bytes(bytes).first(12));
    return keys;
}

// The association bytes of the messages among `events`.
std::vector<int> received(const std::vector<Event>& events) {
    std::vector<int> associations;
    for (const auto& event : events)
        if (const auto* got = std::get_if<Received>(&event))
            associations.push_back(got->message.association.bytes[0]);
    return associations;
}

TEST_F(TunnelSession, EveryMessageTypeArrivesWhereItBelongs) {
    SessionPair pair(mdd_, kmf_);
    pair.connect();
    Message profiles = message_of(1, 300);
    profiles.body = SupportedProfiles{{0x0009, 0x000a}, {}};
    EXPECT_TRUE(pair.mdd.send(profiles));
    EXPECT_TRUE(pair.mdd.send(message_of(2, 1200)));
    Message keys = message_of(3, 75);
    keys.body = keys_of(0x42);
    EXPECT_TRUE(pair.kmf.send(keys));
    EXPECT_TRUE(pair.kmf.send(message_of(4, 0)));
    pair.exchange();
    EXPECT_EQ(received(pair.kmf_events), (std::vector<int>{1, 2}));
    EXPECT_EQ(received(pair.mdd_events), (std::vector<int>{3, 4}));
    const auto& at_kmf = std::get<Received>(pair.kmf_events[1]).message;
    EXPECT_EQ(std::get<SupportedProfiles>(at_kmf.body), std::get<SupportedProfiles>(profiles.body));
    EXPECT_EQ(at_kmf.dtls, profiles.dtls);
    const auto& at_mdd = std::get<Received>(pair.mdd_events[1]).message;
    EXPECT_EQ(std::get<KeyInformation>(at_mdd.body).server_key.bytes()[15], 0x42);
    EXPECT_EQ(pair.mdd.counters().messages_out, 2u);
    EXPECT_EQ(pair.kmf.counters().messages_in, 2u);
}

TEST_F(TunnelSession, OneMessageIsOneDatagram) {
    SessionPair pair(mdd_, kmf_);
    pair.connect();
    pair.captured.clear();
    for (std::uint8_t i = 1; i <= 10; ++i) pair.mdd.send(message_of(i, 1398));
    pair.exchange();
    ASSERT_EQ(pair.captured.size(), 10u);
    // 37 bytes of message, 37 of AES-GCM record: 1,398 inner bytes fill 1,500 with IPv4 and UDP.
    for (const auto& datagram : pair.captured) EXPECT_EQ(datagram.size(), 1472u);
    EXPECT_EQ(received(pair.kmf_events).size(), 10u);
}

TEST_F(TunnelSession, NothingIsSentBeforeTheTunnelIsUp) {
    SessionPair pair(mdd_, kmf_);
    EXPECT_FALSE(pair.mdd.send(message_of(1, 10)));
    EXPECT_FALSE(pair.kmf.send(message_of(1, 10)));
    EXPECT_FALSE(pair.mdd.next_datagram());
}

TEST_F(TunnelSession, HandshakeAndMessagesSurviveBadWeather) {
    for (unsigned seed = 1; seed <= 6; ++seed) {
        SessionPair pair(mdd_, kmf_);
        pair.random.seed(seed);
        pair.weather = {0.15, 0.15, 0.2};
        pair.connect();
        ASSERT_TRUE(pair.wait_until([&] { return pair.mdd.is_up() && pair.kmf.is_up(); },
                                    Milliseconds(5000)))
            << "seed " << seed << ": " << SessionPair::down_text(pair.mdd_events);
        for (int i = 0; i < 200; ++i) {
            pair.mdd.send(message_of(static_cast<std::uint8_t>(i), 100));
            if (i % 10 == 9) pair.exchange();
        }
        pair.exchange();
        // Loss 0.15 of 200 is 30 on average; doubles are dropped by DTLS, late ones arrive.
        auto arrived = received(pair.kmf_events);
        EXPECT_GT(arrived.size(), 140u);
        std::sort(arrived.begin(), arrived.end());
        EXPECT_EQ(std::adjacent_find(arrived.begin(), arrived.end()), arrived.end())
            << "a datagram that came twice was read twice";
        EXPECT_TRUE(pair.mdd.is_up() && pair.kmf.is_up());
    }
}

TEST_F(TunnelSession, MalformedMessagesAreCountedAndTheTunnelStays) {
    SecureContext client(Role::mdd, mdd_);
    SecureContext server(Role::kmf, kmf_);
    Secure raw(client);  // an MDD that sends what it likes
    Session kmf(server, {});
    const std::uint8_t address[] = {1};
    const auto run = [&] {
        for (bool moved = true; moved;) {
            moved = false;
            while (const auto datagram = raw.next_datagram()) {
                kmf.on_datagram({}, *datagram, address);
                moved = true;
            }
            while (const auto datagram = kmf.next_datagram()) {
                raw.on_datagram(*datagram, address, [](srtp::Bytes) {});
                moved = true;
            }
        }
    };
    raw.start();
    run();
    ASSERT_TRUE(kmf.is_up());
    Message good = message_of(9, 50);
    auto bytes = encode(good);
    std::vector<std::uint8_t> wrong(bytes->bytes().begin(), bytes->bytes().end());
    raw.send(srtp::Bytes(wrong).first(20));
    wrong[0] = 2;
    raw.send(wrong);
    wrong[0] = 1;
    wrong[34] = 2;  // keys from an MDD
    raw.send(wrong);
    wrong[34] = 0;
    wrong.push_back(0);
    raw.send(wrong);
    raw.send(bytes->bytes());
    run();
    const auto count = [&](DecodeReason reason) {
        return kmf.counters().refused[static_cast<std::size_t>(reason)];
    };
    EXPECT_EQ(count(DecodeReason::too_short), 1u);
    EXPECT_EQ(count(DecodeReason::version), 1u);
    EXPECT_EQ(count(DecodeReason::wrong_direction), 1u);
    EXPECT_EQ(count(DecodeReason::trailing_bytes), 1u);
    EXPECT_EQ(kmf.counters().refused_total(), 4u);
    EXPECT_EQ(kmf.counters().messages_in, 1u);
    EXPECT_TRUE(kmf.is_up());
}

TEST_F(TunnelSession, OversizeAndUnencodableMessagesAreCountedNotSent) {
    SessionPair pair(mdd_, kmf_);
    pair.connect();
    EXPECT_TRUE(pair.mdd.send(message_of(1, 16384 - 37)));
    EXPECT_FALSE(pair.mdd.send(message_of(2, 16384 - 36)));
    Message none = message_of(3, 1);
    none.body = SupportedProfiles{};
    EXPECT_FALSE(pair.mdd.send(none));
    pair.exchange();
    EXPECT_EQ(pair.mdd.counters().oversize, 1u);
    EXPECT_EQ(pair.mdd.counters().unencodable, 1u);
    EXPECT_EQ(pair.mdd.counters().messages_out, 1u);
    EXPECT_EQ(received(pair.kmf_events), (std::vector<int>{1}));
}

TEST_F(TunnelSession, JunkAndReplaysChangeNothing) {
    SessionPair pair(mdd_, kmf_);
    pair.connect();
    pair.captured.clear();
    pair.mdd.send(message_of(1, 40));
    pair.exchange();
    auto sent = pair.captured.front();
    const std::uint8_t address[] = {1};
    pair.kmf.on_datagram(pair.now, sent, address);
    sent.back() ^= 1;
    pair.kmf.on_datagram(pair.now, sent, address);
    std::mt19937 random(3);
    for (int i = 0; i < 500; ++i) {
        std::vector<std::uint8_t> junk(random() % 100);
        for (auto& byte : junk) byte = static_cast<std::uint8_t>(random());
        pair.kmf.on_datagram(pair.now, junk, address);
    }
    pair.exchange();
    EXPECT_EQ(received(pair.kmf_events), (std::vector<int>{1}));
    EXPECT_TRUE(pair.kmf.is_up());
    EXPECT_TRUE(pair.mdd.is_up());
}

TEST_F(TunnelSession, ShutdownTellsThePeer) {
    SessionPair pair(mdd_, kmf_);
    pair.connect();
    pair.mdd.shutdown();
    pair.exchange();
    EXPECT_EQ(SessionPair::down_reason(pair.mdd_events), "closed_here");
    EXPECT_EQ(SessionPair::down_reason(pair.kmf_events), "closed_by_peer");
    EXPECT_FALSE(pair.kmf.send(message_of(1, 1)));
    EXPECT_FALSE(pair.mdd.deadline(pair.now));
}

TEST_F(TunnelSession, AHandshakeWithoutAnAnswerTimesOut) {
    SessionPair pair(mdd_, kmf_);
    pair.cut_to_kmf = true;
    pair.connect();
    ASSERT_TRUE(pair.mdd.deadline(pair.now));
    pair.pass(Milliseconds(4990));
    EXPECT_EQ(SessionPair::down_reason(pair.mdd_events), "up");
    pair.pass(Milliseconds(20));
    EXPECT_EQ(SessionPair::down_reason(pair.mdd_events), "handshake_timed_out");
}

TEST_F(TunnelSession, AnAbandonedHandshakeTimesOutAtTheServer) {
    SessionPair pair(mdd_, kmf_);
    pair.mdd.start(pair.now);
    const std::uint8_t address[] = {1};
    for (int i = 0; i < 2; ++i) {
        pair.kmf.on_datagram(pair.now, *pair.mdd.next_datagram(), address);
        if (i == 0) pair.mdd.on_datagram(pair.now, *pair.kmf.next_datagram());
    }
    ASSERT_TRUE(pair.kmf.is_handshaking());
    pair.cut_to_kmf = pair.cut_to_mdd = true;
    pair.pass(Milliseconds(5010));
    EXPECT_EQ(SessionPair::down_reason(pair.kmf_events), "handshake_timed_out");
}

}  // namespace
}  // namespace mdd::tunnel
