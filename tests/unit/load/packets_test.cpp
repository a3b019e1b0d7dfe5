// What the sender makes, in the eyes of libsrtp2 at every layer, and what the verifier says of what
// a media distributor on libsrtp2 makes of it: the good, and each way in which it can be bad.
#include <gtest/gtest.h>

#include "dataplane/net/frame.h"
#include "dataplane/srtp/aead.h"
#include "tests/unit/endpoint/libsrtp_relay.h"
#include "tests/unit/load/load_files.h"
#include "tools/mdd-load/stream_sender.h"
#include "tools/mdd-load/verifier.h"

namespace mdd::load::test {
namespace {

using endpoint::Crypto;
using endpoint::Packet;
using endpoint::SrtpSession;
using endpoint::test::LibsrtpRelay;
using RelayChange = endpoint::test::Change;

constexpr EndpointIndex kSender = 0, kReceiver = 1;
constexpr std::size_t kSize_bytes = 300;

std::string text_for(const std::string& profile, const std::string& inner) {
    return "[conferences]\ncount = 2\nmembers = 3\nprofile = \"" + profile + "\"\ninner = \"" +
           inner +
           "\"\n[audio]\npackets_per_second = 50\nsize_bytes = " + std::to_string(kSize_bytes) +
           "\n";
}

// Endpoints that are in the call, a sender, a verifier, and libsrtp2 in mdd's place.
struct Lab {
    explicit Lab(const std::string& profile = "DOUBLE_AEAD_AES_128_GCM_AEAD_AES_128_GCM",
                 const std::string& inner = "sealed", std::uint32_t every = 1,
                 std::uint32_t full_tag_every = 0)
        : scenario(test::scenario(text_for(profile, inner) + "[ekt]\nfull_tag_every = " +
                                  std::to_string(full_tag_every) + "\n")),
          keys(KeySource::random(scenario.conferences.profile)),
          world(scenario, bed(), keys),
          journal(world.plan().streams(), kSize_bytes),
          sender(world, journal),
          verifier(world, journal, TscScale(1'000'000'000), every) {
        world.set_link(*net::parse_mac("02:00:00:00:00:01"), *net::parse_mac("02:00:00:00:00:02"));
        for (EndpointIndex i = 0; i < world.plan().endpoints(); ++i) {
            world.begin_handshake(i);
            world.complete_handshake(i, 1);
        }
        make_relay();
    }

    void make_relay() {
        relay.emplace(keys.hop_keys(kSender, world.endpoint(kSender).generation),
                      keys.hop_keys(kReceiver, world.endpoint(kReceiver).generation));
    }
    StreamIndex stream() const { return *world.plan().stream_of(kSender, MediaKind::audio); }

    // The UDP payload of the next packet, sent at `at`.
    Packet send(Tsc at) {
        Packet frame(StreamSender::next_frame_bytes(world.stream(stream())));
        const auto written = sender.write_packet(stream(), true, frame.data());
        EXPECT_EQ(written.frame_bytes, frame.size());
        journal.went_out(written.place, at);
        world.note_sent(kSender);
        net::Frame parsed;
        EXPECT_EQ(net::parse_frame(frame, parsed), srtp::Verdict::accepted);
        EXPECT_EQ(parsed.source, world.plan().address_of(kSender));
        EXPECT_EQ(net::to_string(parsed.destination), "10.9.0.2:5004");
        const auto payload = net::payload_of(frame, parsed);
        return {payload.begin(), payload.end()};
    }
    void receive(Packet datagram, Tsc now, EndpointIndex receiver = kReceiver) {
        const Arrival arrival{receiver, datagram};
        verifier.take({&arrival, 1}, now);
    }
    const KindCount& count() const { return verifier.tally().audio; }

    Scenario scenario;
    KeySource keys;
    World world;
    Journal journal;
    StreamSender sender;
    Verifier verifier;
    std::optional<LibsrtpRelay> relay;
};

class Packets : public testing::Test {
  protected:
    static void SetUpTestSuite() { ASSERT_EQ(srtp::aead_start(), srtp::AeadStart::ok); }
};

TEST_F(Packets, BothLayersOpenInLibsrtpAndAFullTagAnnouncesTheKey) {
    for (const std::string bits : {"128", "256"}) {
        Lab lab("DOUBLE_AEAD_AES_" + bits + "_GCM_AEAD_AES_" + bits + "_GCM");
        const auto key_bytes = srtp::traits_of(lab.scenario.conferences.profile).hop_key_bytes;
        SrtpSession inner(key_bytes, lab.keys.inner_key(lab.stream(), 0, 1),
                          SrtpSession::Direction::inbound);
        Packet before;
        for (unsigned i = 0; i < 3; ++i) {
            const auto index = lab.world.stream(lab.stream()).next_index;
            const auto opened = lab.relay->open(lab.send(5));
            ASSERT_TRUE(opened);
            EXPECT_EQ(opened->tag.size(), key_bytes == 16 ? 47u : 63u);
            auto packet = opened->packet;
            EXPECT_EQ(packet.size(), 12 + kSize_bytes);
            EXPECT_EQ(packet.back(), 0x00);
            packet.pop_back();
            EXPECT_EQ(inner.unprotect(packet, index), Crypto::ok);
            EXPECT_EQ(endpoint::rtp_sequence(packet), static_cast<std::uint16_t>(index));
            EXPECT_NE(packet, before);
            before = packet;
        }
    }
}

TEST_F(Packets, AnEndpointThatKnowsNothingButTheEktKeyOpensEverything) {
    for (const std::string bits : {"128", "256"}) {
        Lab lab("DOUBLE_AEAD_AES_" + bits + "_GCM_AEAD_AES_" + bits + "_GCM");
        endpoint::DoubleContext receiver(lab.scenario.conferences.profile);
        const auto now = endpoint::Clock::now();
        std::vector<endpoint::ReceivedRtp> waited;
        receiver.learn(lab.keys.ekt_key(0), now, waited);
        receiver.install(lab.keys.hop_keys(kReceiver, 1));
        unsigned opened = 0;
        // Past the first roll-over, and once from anew.
        for (Tsc at = 10; at < 70'010; ++at)
            opened += receiver.open(*lab.relay->forward(lab.send(at)), now).size();
        EXPECT_EQ(opened, 70'000u);
        EXPECT_EQ(receiver.rtp.e2e_failed + receiver.rtp.e2e_no_key, 0u);
        EXPECT_EQ(receiver.ekt.keys_learnt, 1u);
        EXPECT_EQ(receiver.ekt.full, 3u);
    }
}

TEST_F(Packets, AfterAJoinAHigherEpochBringsTheNewEndToEndKey) {
    Lab lab;
    endpoint::DoubleContext receiver(lab.scenario.conferences.profile);
    const auto now = endpoint::Clock::now();
    std::vector<endpoint::ReceivedRtp> waited;
    receiver.learn(lab.keys.ekt_key(0), now, waited);
    receiver.install(lab.keys.hop_keys(kReceiver, 1));
    std::size_t opened = 0;
    for (unsigned join = 0; join < 3; ++join) {
        // mdd's sequence goes on where that of the sender starts anew.
        for (std::uint16_t i = 0; i < 5; ++i) {
            const auto own = static_cast<std::uint16_t>(100 + 5 * join + i);
            opened +=
                receiver.open(*lab.relay->forward(lab.send(10), RelayChange{.sequence = own}), now)
                    .size();
        }
        lab.world.leave(kSender, 20);
        lab.world.begin_handshake(kSender);
        lab.world.complete_handshake(kSender, 30);
        lab.relay.emplace(lab.keys.hop_keys(kSender, join + 2), lab.keys.hop_keys(kReceiver, 1));
    }
    EXPECT_EQ(opened, 15u);
    EXPECT_EQ(receiver.ekt.keys_learnt, 3u);
}

TEST_F(Packets, FullTagsComeAtTheStartAndThenAsOftenAsTheScenarioSays) {
    Lab lab("DOUBLE_AEAD_AES_128_GCM_AEAD_AES_128_GCM", "sealed", 1, 4);
    std::string tags;
    for (Tsc at = 10; at < 24; ++at)
        tags += lab.relay->open(lab.send(at))->tag.size() > 1 ? 'F' : 's';
    EXPECT_EQ(tags, "FFFsssFsssFsss");
}

TEST_F(Packets, WhatComesBackAsItWasSentCountsOnceWithItsTime) {
    Lab lab;
    for (Tsc at = 10; at < 110; ++at) lab.receive(*lab.relay->forward(lab.send(at)), at + 1000);
    EXPECT_EQ(lab.count().received, 100u);
    EXPECT_EQ(lab.count().duplicated + lab.count().reordered + lab.count().bad_tag +
                  lab.count().bad_inner + lab.count().unknown,
              0u);
    EXPECT_EQ(lab.verifier.tally().latency.count(), 100u);
    EXPECT_NEAR(static_cast<double>(lab.verifier.tally().latency.max_ns()), 1000, 1);
    EXPECT_EQ(lab.verifier.legs_heard(), 1u);
    EXPECT_EQ(lab.verifier.tally().by_conference, (std::vector<std::uint64_t>{100, 0}));
}

TEST_F(Packets, SequencesOfMddsOwnAreUndoneByTheHeaderBlockAcrossTheirWrap) {
    Lab lab;
    std::uint16_t own = 65000;
    // The receiver must have followed that far.
    lab.world.leg(lab.stream(), 1) = {
        .out_highest = 64999, .in_highest = 0, .window = 0, .run = 0, .joins = 1};
    for (Tsc at = 10; at < 1010; ++at)
        lab.receive(*lab.relay->forward(lab.send(at), RelayChange{.sequence = own++}), at + 1);
    EXPECT_EQ(lab.count().received, 1000u);
    EXPECT_EQ(lab.count().bad_tag, 0u);
}

TEST_F(Packets, ASecondCopyAndOneOutOfOrderAreSeen) {
    Lab lab;
    const auto first = *lab.relay->forward(lab.send(10));
    const auto second = *lab.relay->forward(lab.send(11));
    lab.receive(second, 20);
    lab.receive(first, 20);
    lab.receive(first, 20);
    lab.receive(second, 20);
    EXPECT_EQ(lab.count().received, 2u);
    EXPECT_EQ(lab.count().reordered, 1u);
    EXPECT_EQ(lab.count().duplicated, 2u);
}

TEST_F(Packets, DamageUnderTheOuterTagIsABadTag) {
    Lab lab;
    auto packet = *lab.relay->forward(lab.send(10));
    packet[50] ^= 1;
    lab.receive(packet, 20);
    EXPECT_EQ(lab.count().bad_tag, 1u);
    EXPECT_EQ(lab.count().received, 0u);
}

TEST_F(Packets, AnotherReceiversPacketIsABadTag) {
    Lab lab;
    lab.receive(*lab.relay->forward(lab.send(10)), 20, 2);
    EXPECT_EQ(lab.count().bad_tag, 1u);
}

TEST_F(Packets, OtherBytesUnderAGoodTagAreABadInner) {
    Lab lab;
    const auto damage = [](Packet& plain) { plain[100] ^= 1; };
    lab.receive(*lab.relay->forward(lab.send(10), RelayChange{.damage = damage}), 20);
    EXPECT_EQ(lab.count().bad_inner, 1u);
    const auto shorter = [](Packet& plain) { plain.erase(plain.begin() + 20); };
    lab.receive(*lab.relay->forward(lab.send(10), RelayChange{.damage = shorter}), 20);
    EXPECT_EQ(lab.count().bad_inner, 2u);
    auto other_tag = *lab.relay->open(lab.send(10));
    other_tag.tag = {0xaa, 0x00, 0x04, 0x05};
    lab.receive(lab.relay->seal(other_tag, {}), 20);
    EXPECT_EQ(lab.count().bad_inner, 3u);
    // Headers that a media distributor may not change.
    const auto other_time = [](Packet& plain) { plain[5] ^= 1; };
    lab.receive(*lab.relay->forward(lab.send(10), RelayChange{.damage = other_time}), 20);
    EXPECT_EQ(lab.count().bad_inner, 4u);
    const auto other_type = [](Packet& plain) { plain[1] ^= 1; };
    lab.receive(*lab.relay->forward(lab.send(10), RelayChange{.damage = other_type}), 20);
    EXPECT_EQ(lab.count().bad_inner, 5u);
    EXPECT_EQ(lab.count().received, 0u);
}

TEST_F(Packets, WhatNobodySentIsUnknown) {
    Lab lab;
    const auto packet = *lab.relay->forward(lab.send(10));
    // The same number of another run of the stream.
    lab.world.stream(lab.stream()).run += 1;
    lab.receive(packet, 20);
    EXPECT_EQ(lab.count().unknown, 1u);
    lab.receive(packet, 20, 4);  // of the other conference
    EXPECT_EQ(lab.count().unknown, 2u);
    auto foreign = packet;
    foreign[8] ^= 0x55;
    lab.receive(foreign, 20);
    EXPECT_EQ(lab.count().unknown, 3u);
    lab.receive({0x80, 0x60}, 20);
    EXPECT_EQ(lab.verifier.tally().astray, 1u);
    EXPECT_EQ(lab.count().received, 0u);
}

TEST_F(Packets, OnlyWhatTheReceiverIsOwedCounts) {
    Lab lab;
    const auto before = *lab.relay->forward(lab.send(10));
    lab.verifier.reset(11);
    lab.receive(before, 20);
    EXPECT_EQ(lab.count().received, 0u);
    lab.receive(*lab.relay->forward(lab.send(12)), 20);
    EXPECT_EQ(lab.count().received, 1u);
    lab.world.leave(kReceiver, 13);
    lab.receive(*lab.relay->forward(lab.send(13)), 20);
    EXPECT_EQ(lab.count().received, 1u);
    EXPECT_EQ(lab.verifier.tally().latency.count(), 1u);
}

TEST_F(Packets, WhatIsUnderWayHasArrivedAtItsFirstCopyThatTheReceiverIsOwed) {
    Lab lab;
    const auto first = *lab.relay->forward(lab.send(10));
    const auto second = *lab.relay->forward(lab.send(11));
    // Two packets to two receivers, of which this is one.
    EXPECT_EQ(lab.world.under_way(kSender), 4);
    EXPECT_EQ(lab.world.under_way(kReceiver), 2);
    lab.verifier.reset(12);
    lab.receive(first, 20);
    EXPECT_EQ(lab.world.under_way(kReceiver), 1) << "though it is of the trial before";
    lab.receive(first, 20);
    EXPECT_EQ(lab.world.under_way(kReceiver), 1) << "a copy";
    lab.world.leave(kReceiver, 13);
    lab.receive(*lab.relay->forward(lab.send(14)), 20);
    EXPECT_EQ(lab.world.under_way(kReceiver), 1) << "it is not owed that one";
    lab.receive(second, 20);
    EXPECT_EQ(lab.world.under_way(kReceiver), 0);
    EXPECT_EQ(lab.world.under_way(kSender), 2 + 1);
}

TEST_F(Packets, WhatComesUnderKeysThatSomebodyIsAboutToGetIsNoBadTag) {
    Lab lab;
    lab.world.pause(kReceiver, 9);
    lab.relay.emplace(lab.keys.hop_keys(kSender, 1), lab.keys.hop_keys(kReceiver, 2));
    lab.receive(*lab.relay->forward(lab.send(10)), 20);
    EXPECT_EQ(lab.verifier.tally().early, 1u);
    EXPECT_EQ(lab.count().bad_tag, 0u);
    const auto joins = lab.world.endpoint(kReceiver).joins;
    lab.world.install(kReceiver, lab.keys.hop_keys(kReceiver, 2), 21);
    lab.receive(*lab.relay->forward(lab.send(30)), 40);
    EXPECT_EQ(lab.count().received, 1u);
    EXPECT_EQ(lab.world.endpoint(kReceiver).joins, joins);
}

TEST_F(Packets, UnderTheKeysBeforePacketsStillOpenAfterAHandshake) {
    Lab lab;
    const auto on_its_way = *lab.relay->forward(lab.send(10));
    lab.world.begin_handshake(kReceiver);
    lab.receive(on_its_way, 20);
    lab.world.complete_handshake(kReceiver, 21);
    lab.make_relay();
    lab.receive(*lab.relay->forward(lab.send(30)), 40);
    EXPECT_EQ(lab.count().received, 2u);
    EXPECT_EQ(lab.count().bad_tag, 0u);
}

TEST_F(Packets, WhoComesBackFollowsItsLegsFromRocZeroAgain) {
    Lab lab;
    std::uint16_t own = 40000;
    lab.world.leg(lab.stream(), 1) = {
        .out_highest = 39999, .in_highest = 0, .window = 0, .run = 0, .joins = 1};
    for (Tsc at = 10; at < 30010; ++at)
        lab.receive(*lab.relay->forward(lab.send(at), RelayChange{.sequence = own++}), at + 1);
    EXPECT_EQ(lab.count().received, 30000u);
    lab.world.leave(kReceiver, 40000);
    lab.world.begin_handshake(kReceiver);
    lab.world.complete_handshake(kReceiver, 40001);
    lab.relay.emplace(lab.keys.hop_keys(kSender, 1), lab.keys.hop_keys(kReceiver, 2));
    lab.relay->open(lab.send(40001));
    lab.receive(*lab.relay->forward(lab.send(40002), RelayChange{.sequence = 3}), 40003);
    EXPECT_EQ(lab.count().received, 30001u);
}

TEST_F(Packets, RepeatedInnerLayersAreToldApartTooAndHaveValidOuterOnes) {
    Lab lab("DOUBLE_AEAD_AES_128_GCM_AEAD_AES_128_GCM", "repeated");
    const auto first = lab.relay->open(lab.send(10));
    const auto second = lab.relay->open(lab.send(11));
    ASSERT_TRUE(first && second);
    EXPECT_NE(first->packet, second->packet);
    lab.receive(lab.relay->seal(*first, {}), 20);
    lab.receive(lab.relay->seal(*second, {}), 20);
    EXPECT_EQ(lab.count().received, 2u);
}

TEST_F(Packets, WhereOnlySomeAreOpenedTheOthersAreKnownByTheirHeaders) {
    Lab lab("DOUBLE_AEAD_AES_128_GCM_AEAD_AES_128_GCM", "sealed", 10);
    std::uint16_t own = 65500;
    lab.world.leg(lab.stream(), 1) = {
        .out_highest = 65499, .in_highest = 0, .offset = 0, .window = 0, .run = 0, .joins = 1};
    Packet copy;
    for (Tsc at = 10; at < 110; ++at) {
        auto packet = *lab.relay->forward(lab.send(at), RelayChange{.sequence = own++});
        if (at == 54) {
            packet[60] ^= 1;  // nobody looks
            copy = packet;
        }
        if (at == 57) packet[5] ^= 1;  // another time stamp: opened, and refused
        lab.receive(packet, at + 1000);
    }
    EXPECT_EQ(lab.count().received, 99u);
    EXPECT_EQ(lab.count().bad_tag, 1u);
    EXPECT_EQ(lab.count().duplicated, 0u);
    EXPECT_EQ(lab.verifier.tally().latency.count(), 99u);
    lab.receive(copy, 2000);
    EXPECT_EQ(lab.count().duplicated, 1u);
}

TEST_F(Packets, ReportsOpenInLibsrtpAndCountWhenTheyComeBackWhole) {
    Lab lab;
    for (const EndpointIndex reporter : {kSender, EndpointIndex{2}}) {
        SrtpSession in(16, lab.keys.hop_keys(reporter, 1).client_write,
                       SrtpSession::Direction::inbound);
        SrtpSession out(16, lab.keys.hop_keys(kReceiver, 1).server_write,
                        SrtpSession::Direction::outbound);
        for (Tsc at = 10; at < 13; ++at) {
            Packet frame(kReportFrameBytes);
            frame.resize(lab.sender.write_report(reporter, at, frame.data()));
            net::Frame parsed;
            ASSERT_EQ(net::parse_frame(frame, parsed), srtp::Verdict::accepted);
            const auto payload = net::payload_of(frame, parsed);
            Packet report(payload.begin(), payload.end());
            ASSERT_EQ(in.unprotect_rtcp(report), Crypto::ok);
            auto damaged = report;
            damaged[20] ^= 1;
            ASSERT_EQ(out.protect_rtcp(report), Crypto::ok);
            lab.receive(report, at + 100);
            ASSERT_EQ(out.protect_rtcp(damaged), Crypto::ok);
            lab.receive(damaged, at + 100);
            report.back() ^= 1;
            lab.receive(report, at + 100);
        }
    }
    EXPECT_EQ(lab.verifier.tally().rtcp.received, 6u);
    EXPECT_EQ(lab.verifier.tally().rtcp.bad_inner, 6u);
    EXPECT_EQ(lab.verifier.tally().rtcp.bad_tag, 6u);
}

}  // namespace
}  // namespace mdd::load::test
