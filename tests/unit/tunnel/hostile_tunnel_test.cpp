// Peers of RFC 9185 that misbehave once their tunnel is up: broken records, floods, and messages
// without end.
#include <gtest/gtest.h>

#include "tests/unit/tunnel/loopback.h"
#include "tests/unit/tunnel/stream_duel.h"

namespace mdd::tunnel {
namespace {

using namespace test;

// What an established peer can still do to the record layer.
TEST(TunnelHostileTunnel, BrokenRecordsEndAnEstablishedTunnelWithTheRightAlert) {
    const auto client = shaped(Role::mdd, pki().issue("peer-good"));
    const auto after_profiles = [](Bytes bytes) {
        return [bytes](StreamAgainstRaw& duel) {
            duel.raw.say(from_hex(kProfiles));
            duel.exchange();
            ASSERT_EQ(duel.told_lines, std::vector<std::string>{"up"});
            duel.inject(bytes);
        };
    };
    Bytes overlong = hex("1703034200");
    overlong.resize(5 + 0x4200);
    run(Role::kmf,
        {
            {"a forged record", client,
             after_profiles(hex("17030300140102030405060708090a0b0c0d0e0f1011121314")),
             "protocol_error", bad_record_mac},
            {"an overlong record", client, after_profiles(overlong), "protocol_error",
             record_overflow},
            {"a handshake in the clear", client, after_profiles(hex("160303000401000000")),
             "protocol_error", unexpected_message},
            {"an alert in the clear", client, after_profiles(hex("15030300020228")),
             "protocol_error", unexpected_message},
            {"HTTP in the middle", client, after_profiles(text_bytes("GET / HTTP/1.1\r\n")),
             "protocol_error", protocol_version},
            {"half a record, and nothing more", client, after_profiles(hex("17030300ff00")), "none",
             kNoAlert},
        });
}

TEST(TunnelHostileTunnel, AChangedByteInARecordEndsTheTunnel) {
    StreamAgainstRaw duel(Role::kmf, pki().credentials("kmf-h"),
                          shaped(Role::mdd, pki().issue("peer-good")));
    duel.connect();
    duel.raw.say(from_hex(kProfiles));
    duel.exchange();
    duel.raw.say(from_hex("050010" + kId));
    auto record = duel.raw.said();
    record.back() ^= 1;
    duel.inject(record);
    EXPECT_EQ(duel.reason(), "protocol_error");
    EXPECT_EQ(duel.raw.alert(), bad_record_mac);
    EXPECT_EQ(duel.session.counters().messages_in, 0u);
}

TEST(TunnelHostileTunnel, ARecordThatComesTwiceEndsTheTunnel) {
    StreamAgainstRaw duel(Role::kmf, pki().credentials("kmf-h"),
                          shaped(Role::mdd, pki().issue("peer-good")));
    duel.connect();
    duel.raw.say(from_hex(kProfiles));
    duel.exchange();
    duel.raw.say(from_hex("050010" + kId));
    const auto record = duel.raw.said();
    duel.inject(record);
    duel.inject(record);
    EXPECT_EQ(duel.told_lines,
              (std::vector<std::string>{"up", "disconnect 124", "down protocol_error"}));
    EXPECT_EQ(duel.raw.alert(), bad_record_mac);
}

TEST(TunnelHostileTunnel, AnHonestPeerThatSendsOneByteAtATimeIsServed) {
    StreamAgainstRaw duel(Role::kmf, pki().credentials("kmf-h"),
                          shaped(Role::mdd, pki().issue("peer-good")));
    duel.piece_bytes = 1;
    duel.connect();
    for (const std::uint8_t byte : from_hex(kProfiles + "050010" + kId)) duel.raw.say({&byte, 1});
    duel.exchange();
    EXPECT_EQ(duel.told_lines, (std::vector<std::string>{"up", "disconnect 124"}));
}

TEST(TunnelHostileTunnel, ADisconnectStormIsOnlyManyMessages) {
    StreamAgainstRaw duel(Role::mdd, pki().credentials("mdd-h"),
                          shaped(Role::kmf, pki().issue("peer-good")));
    duel.connect();
    const auto storm = repeated(from_hex("050010" + kId), 500);
    for (int i = 0; i < 20; ++i) duel.raw.say(storm);
    duel.exchange();
    EXPECT_EQ(duel.reason(), "none");
    EXPECT_EQ(duel.session.counters().messages_in, 10'000u);
    EXPECT_TRUE(duel.session.outgoing().empty()) << "none is answered";
}

TEST(TunnelHostileTunnel, AFloodOfUnassignedTypesIsSkippedAndCounted) {
    StreamAgainstRaw duel(Role::mdd, pki().credentials("mdd-h"),
                          shaped(Role::kmf, pki().issue("peer-good")));
    duel.connect();
    duel.raw.say(repeated(hex("ee000411223344"), 2000));
    duel.exchange();
    EXPECT_EQ(duel.told_lines, std::vector<std::string>{"up"});
    EXPECT_EQ(duel.session.counters().skipped, 2000u);
    EXPECT_EQ(duel.session.counters().refused_total(), 0u);
}

TEST(TunnelHostileTunnel, SessionTicketsAreNoNewsAndKeyUpdatesNoHarm) {
    auto shape = shaped(Role::kmf, pki().issue("peer-good"), [](SSL_CTX* c) {
        SSL_CTX_set_num_tickets(c, 5);
        const unsigned char id[] = {1};
        SSL_CTX_set_session_id_context(c, id, sizeof id);
    });
    StreamAgainstRaw duel(Role::mdd, pki().credentials("mdd-h"), shape);
    duel.connect();
    EXPECT_TRUE(duel.told_lines.empty()) << "a ticket says nothing about our certificate";
    for (int i = 0; i < 200; ++i) {
        duel.raw.update_key(true);
        duel.exchange();
    }
    EXPECT_EQ(duel.told_lines, std::vector<std::string>{"up"});
    EXPECT_TRUE(duel.session.send(message_to(1, 10)));
}

TEST(TunnelHostileTunnel, APeerThatAsksForAnswersAndReadsNoneIsGivenUp) {
    SessionConfig config;
    config.queue_bytes = 500;
    StreamAgainstRaw duel(Role::kmf, pki().credentials("kmf-h"),
                          shaped(Role::mdd, pki().issue("peer-good")), config);
    duel.connect();
    duel.raw.say(from_hex(kProfiles));
    duel.exchange();
    for (int i = 0; i < 1000 && !duel.session.is_down(); ++i) {
        duel.raw.update_key(true);
        duel.session.on_bytes(duel.now, duel.raw.said());
    }
    EXPECT_EQ(told(duel.session), std::vector<std::string>{"down silent"});
    EXPECT_LT(duel.session.outgoing().size(), 2200u);
}

TEST(TunnelHostileTunnel, AnMddThatAnnouncesNothingIsPutOutWhenItsTimeIsUp) {
    StreamAgainstRaw duel(Role::kmf, pki().credentials("kmf-h"),
                          shaped(Role::mdd, pki().issue("peer-good")));
    duel.connect();
    EXPECT_TRUE(duel.raw.is_up());
    duel.raw.say(hex("0100"));
    duel.pass(Milliseconds(4'900));
    EXPECT_TRUE(duel.told_lines.empty());
    duel.raw.say(hex("07"));  // a little more, again and again, buys no time
    duel.pass(Milliseconds(200));
    EXPECT_EQ(duel.told_lines, std::vector<std::string>{"down handshake_timed_out"});
    EXPECT_EQ(duel.raw.alert(), close_notify);
}

}  // namespace
}  // namespace mdd::tunnel
