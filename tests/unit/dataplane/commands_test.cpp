// What control's commands change for the packets behind them: places, link-layer addresses, SSRCs.
// Keys: new_keys_test.cpp; what a command costs: allocation_test.cpp.
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/support/hex.h"
#include "tests/unit/dataplane/forwarding.h"

namespace mdd::test {
namespace {

using srtp::Verdict;

constexpr net::MacAddress kFound{{2, 0, 0, 0, 9, 9}}, kOther{{2, 0, 0, 0, 9, 8}};

class Commands : public Forwarding {};

TEST_P(Commands, an_endpoint_in_another_place_keeps_its_keys_and_streams) {
    auto bed = keyed_bed(3);
    bed->send_rtp(0, kSsrc, 5);
    bed->send_rtp(1, kSsrc + 1, 5);
    bed->step();
    bed->take(0);
    bed->take(1);
    const auto asked = bed->notices().size();
    for (unsigned member = 0; member < 3; ++member) bed->seat(member);
    bed->send_rtp(0, kSsrc, 6);
    bed->send_rtp(1, kSsrc + 1, 6);
    bed->step();
    EXPECT_EQ(bed->take(0).size(), 1u);
    EXPECT_EQ(bed->take(1).size(), 1u);
    EXPECT_EQ(bed->take(2).size(), 4u);
    EXPECT_EQ(bed->notices().size(), asked) << "no SSRC is asked for again";
    EXPECT_EQ(bed->refused(0) + bed->refused(1) + bed->refused(2), 0u);
    EXPECT_TRUE(bed->conserved());
}

TEST_P(Commands, what_is_sent_to_an_endpoint_in_another_place_does_not_start_over) {
    auto bed = keyed_bed(2);
    std::uint16_t sequence = 0;
    for (int i = 0; i < 70000; ++i) {
        bed->send_rtp(0, kSsrc, sequence++, 20);
        if (i % 200 == 0) bed->step();
    }
    bed->step();
    bed->key(1, /*switch_transmit=*/false);  // a new libsrtp session: ROC 0 in both directions
    bed->switch_transmit(1, /*fresh=*/false);
    bed->send_rtp(0, kSsrc, sequence++);
    bed->step();
    EXPECT_EQ(bed->refused(1), 1u) << "it cannot know the ROC";
    bed->seat(1);
    bed->send_rtp(0, kSsrc, sequence++);
    bed->step();
    EXPECT_EQ(bed->refused(1), 2u) << "nobody has said that it should";
    EXPECT_TRUE(bed->conserved());
}

TEST_P(Commands, a_member_is_sent_to_once_its_own_link_layer_address_is_known) {
    auto bed = keyed_bed(3);
    const auto ip = WorkerBed::address_of(1).ip;
    bed->seat(1, Recipient::State::unresolved);
    const auto legs_lost = [&](std::uint16_t sequence) {
        const auto before = bed->dropped(Verdict::no_neighbour);
        bed->send_rtp(0, kSsrc, sequence);
        bed->step();
        return bed->dropped(Verdict::no_neighbour) - before;
    };
    EXPECT_EQ(legs_lost(1), 1u);
    bed->post_all([&] { return SetNeighbour{1, ip, kOther}; });
    EXPECT_EQ(legs_lost(2), 1u) << "on another port";
    bed->post_all([&] { return SetNeighbour{0, WorkerBed::address_of(2).ip, kOther}; });
    EXPECT_EQ(legs_lost(3), 1u) << "somebody else's";
    bed->post_all([&] { return SetNeighbour{0, ip, kFound}; });
    EXPECT_EQ(legs_lost(4), 0u);
    EXPECT_EQ(bed->take(1).size(), 1u);
    EXPECT_TRUE(bed->conserved());

    bed->send_rtp(0, kSsrc, 5);
    for (int round = 0; round < 2; ++round) bed->poll(bed->owner(0));
    std::vector<net::MacAddress> destinations;
    for (const auto& frame : bed->ring().collect_all()) {
        auto& mac = destinations.emplace_back();
        std::copy_n(frame.begin(), mac.bytes.size(), mac.bytes.begin());
    }
    EXPECT_EQ(destinations, (std::vector{kFound, kOther}));
}

TEST_P(Commands, an_endpoint_is_heard_when_something_of_it_has_verified_since_the_last_question) {
    auto bed = keyed_bed(2);
    EXPECT_FALSE(bed->heard(0));
    bed->send_datagram(0, Packet(100, 0x80));
    bed->step();
    EXPECT_FALSE(bed->heard(0)) << "anybody can send that";
    bed->send_rtp(0, kSsrc, 1);
    bed->step();
    EXPECT_FALSE(bed->heard(1));
    EXPECT_TRUE(bed->heard(0));
    EXPECT_FALSE(bed->heard(0));
    bed->send_rtcp(0, from_hex("80c90001cafebabe"));
    bed->step();
    EXPECT_TRUE(bed->heard(0));
    bed->send_rtp(0, kSsrc, 2);
    bed->step();
    EXPECT_TRUE(bed->heard(0)) << "of a stream that is known";
}

TEST_P(Commands, an_endpoint_has_as_many_streams_as_there_are_places) {
    auto bed = keyed_bed(2);
    constexpr auto kMost = static_cast<std::uint32_t>(kMaxGrantedStreams);
    for (std::uint16_t sequence = 0; sequence < 2; ++sequence)
        for (std::uint32_t i = 0; i <= kMost; ++i) {
            bed->send_rtp(0, kSsrc + i, sequence);
            bed->step();
        }
    EXPECT_EQ(bed->take(1).size(), 2 * kMost);
    EXPECT_EQ(bed->dropped(Verdict::ssrc_cap), 2u);
    EXPECT_TRUE(bed->conserved());
}

INSTANTIATE_TEST_SUITE_P(workers_and_profiles, Commands, kSettings, name_of_setting);

}  // namespace
}  // namespace mdd::test
