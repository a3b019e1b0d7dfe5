// Plan, keys and world: numbers there and back, the same from the same seed, and what a join
// changes.
#include <set>

#include "dataplane/srtp/aead.h"
#include "tests/unit/load/load_files.h"
#include "tools/mdd-load/world.h"

namespace mdd::load::test {
namespace {

const std::string kMeeting =
    "[conferences]\ncount = 5\nmembers = 4\nsenders = 2\n[audio]\npackets_per_second = 50\n"
    "[video]\nframes_per_second = 30\nshare_percent = 50\n";

class WorldTest : public testing::Test {
  protected:
    static void SetUpTestSuite() { ASSERT_EQ(srtp::aead_start(), srtp::AeadStart::ok); }

    const Scenario scenario_ = scenario(kMeeting);
    const Plan plan_{scenario_, bed()};
    const KeySource keys_ = KeySource::random(scenario_.conferences.profile);
    World world_{scenario_, bed(), keys_};
};

TEST_F(WorldTest, EveryEndpointHasAnAddressOfItsOwnThatLeadsBackToIt) {
    std::set<net::SocketAddress> addresses;
    for (EndpointIndex i = 0; i < plan_.endpoints(); ++i) {
        const auto address = plan_.address_of(i);
        EXPECT_TRUE(addresses.insert(address).second);
        EXPECT_EQ(plan_.endpoint_at(address), i);
    }
    EXPECT_EQ(net::to_string(plan_.address_of(8)), "10.9.1.2:20001");
    EXPECT_EQ(plan_.endpoint_at(*net::parse_socket_address("10.9.1.1:20007")), std::nullopt);
    EXPECT_EQ(plan_.endpoint_at(*net::parse_socket_address("10.9.1.1:19999")), std::nullopt);
    EXPECT_EQ(plan_.endpoint_at(*net::parse_socket_address("10.9.1.0:20000")), std::nullopt);
    EXPECT_EQ(plan_.endpoint_at(*net::parse_socket_address("10.9.1.3:20006")), std::nullopt);
}

TEST_F(WorldTest, EveryStreamHasAnSsrcThatLeadsBackToItAndToItsSender) {
    std::set<std::uint32_t> ssrcs;
    for (EndpointIndex i = 0; i < plan_.endpoints(); ++i)
        for (const auto kind : {MediaKind::audio, MediaKind::video}) {
            const auto stream = plan_.stream_of(i, kind);
            if (!stream) continue;
            EXPECT_TRUE(ssrcs.insert(plan_.ssrc_of(*stream)).second);
            EXPECT_EQ(plan_.stream_with(plan_.ssrc_of(*stream)), *stream);
            EXPECT_EQ(plan_.sender_of(*stream), i);
            EXPECT_EQ(plan_.kind_of(*stream), kind);
        }
    for (EndpointIndex i = 0; i < plan_.endpoints(); ++i) {
        EXPECT_TRUE(ssrcs.insert(plan_.report_ssrc_of(i)).second);
        EXPECT_EQ(plan_.stream_with(plan_.report_ssrc_of(i)), std::nullopt);
    }
}

TEST_F(WorldTest, OnlySendersHaveStreamsAndWhereSpurtsChangeThemEverybodyHas) {
    EXPECT_TRUE(plan_.stream_of(1, MediaKind::audio));
    EXPECT_FALSE(plan_.stream_of(2, MediaKind::audio));
    const Plan spurts(scenario(kMeeting + "[talk_spurts]\nmean = \"1s\"\n"), bed());
    EXPECT_TRUE(spurts.stream_of(3, MediaKind::audio));
}

TEST_F(WorldTest, TheSameSeedGivesTheSameWorldAndAnotherSeedAnotherOne) {
    auto other = scenario_;
    other.seed = 2;
    const Plan same(scenario_, bed()), different(other, bed());
    EXPECT_EQ(same.ssrc_of(3), plan_.ssrc_of(3));
    EXPECT_EQ(same.conference_id(4), plan_.conference_id(4));
    EXPECT_NE(different.ssrc_of(3), plan_.ssrc_of(3));
    EXPECT_NE(different.conference_id(4), plan_.conference_id(4));
}

TEST_F(WorldTest, KeysDifferByEndpointDirectionGenerationAndRun) {
    const auto& profile = scenario_.conferences.profile;
    const auto again = KeySource::random(profile);
    std::set<std::vector<std::uint8_t>> seen;
    for (const auto* source : {&keys_, &again})
        for (EndpointIndex endpoint : {0u, 1u, 256u})
            for (Generation generation : {1u, 2u}) {
                const auto hop = source->hop_keys(endpoint, generation);
                const auto inner = source->inner_key(endpoint, 0, generation);
                for (const auto* master : {&hop.client_write, &hop.server_write, &inner}) {
                    const auto key = master->key.first(16);
                    EXPECT_TRUE(seen.emplace(key.begin(), key.end()).second);
                }
            }
    const auto once = KeySource::from_seed(profile, 7), twice = KeySource::from_seed(profile, 7);
    EXPECT_TRUE(std::ranges::equal(once.hop_keys(3, 1).client_write.key.bytes(),
                                   twice.hop_keys(3, 1).client_write.key.bytes()));
}

TEST_F(WorldTest, AJoinStartsTheStreamsAndARekeyDoesNot) {
    const auto stream = *plan_.stream_of(1, MediaKind::audio);
    world_.begin_handshake(1);
    EXPECT_FALSE(world_.is_present(1));
    world_.complete_handshake(1, 100);
    EXPECT_TRUE(world_.is_present(1));
    EXPECT_EQ(world_.present(0), 1u);
    EXPECT_LT(world_.stream(stream).next_index, 1u << 15);
    EXPECT_EQ(world_.stream(stream).run, 1u);

    const auto before = world_.stream(stream).next_index += 10;
    world_.begin_handshake(1);
    world_.complete_handshake(1, 200);
    EXPECT_EQ(world_.stream(stream).next_index, before);
    EXPECT_EQ(world_.stream(stream).run, 1u);
    EXPECT_EQ(world_.endpoint(1).generation, 2u);
    EXPECT_NE(world_.endpoint(1).receive_before, nullptr);
    EXPECT_EQ(world_.present(0), 1u);
}

TEST_F(WorldTest, WhoLeavesIsOwedWhatWasSentBeforeAndNothingUntilItIsBack) {
    world_.begin_handshake(1);
    world_.complete_handshake(1, 100);
    world_.leave(1, 200);
    EXPECT_EQ(world_.present(0), 0u);
    world_.begin_handshake(1);
    world_.complete_handshake(1, 300);
    const auto& presence = world_.endpoint(1).presence;
    EXPECT_FALSE(presence.covers(99));
    EXPECT_TRUE(presence.covers(100));
    EXPECT_TRUE(presence.covers(199));
    EXPECT_FALSE(presence.covers(200));
    EXPECT_FALSE(presence.covers(299));
    EXPECT_TRUE(presence.covers(300));
    EXPECT_EQ(world_.stream(*plan_.stream_of(1, MediaKind::audio)).run, 2u);
    EXPECT_EQ(world_.endpoint(1).joins, 2u);
}

TEST_F(WorldTest, AnEndpointIsOwedWhatOthersSendWhileItIsInTheCall) {
    const auto join = [this](EndpointIndex endpoint, Tsc now) {
        world_.begin_handshake(endpoint);
        world_.complete_handshake(endpoint, now);
    };
    join(0, 1);
    join(1, 1);
    join(4, 1);  // of another conference
    world_.note_sent(0);
    world_.note_sent(4);
    join(2, 2);
    EXPECT_EQ(world_.under_way(2), 0);
    world_.note_sent(0);
    world_.note_sent(2);
    EXPECT_EQ(world_.under_way(0), 3 + 1);
    EXPECT_EQ(world_.under_way(1), 3);
    EXPECT_EQ(world_.under_way(2), 2 + 1);
    EXPECT_EQ(world_.under_way(4), 0);
    world_.leave(2, 3);
    world_.note_sent(0);
    EXPECT_EQ(world_.under_way(2), 2 + 1);
    world_.note_arrived(0, 2);
    world_.note_arrived(2, 1);
    world_.note_arrived(2, 0);
    EXPECT_EQ(world_.under_way(2), 0);
    join(2, 4);
    EXPECT_EQ(world_.under_way(2), 0);
    EXPECT_EQ(world_.under_way(0), 1 + 1 + 1);
    world_.forget_under_way();
    EXPECT_EQ(world_.under_way(0), 0);
    world_.note_sent(1);
    EXPECT_EQ(world_.under_way(0), 1);
    EXPECT_EQ(world_.under_way(1), 2);
}

}  // namespace
}  // namespace mdd::load::test
