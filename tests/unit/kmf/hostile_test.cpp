// Endpoints and MDDs that misbehave: each case does one thing wrong, and exactly one verdict must
// count it, with nothing else changed: the good member of the conference stays one and hears no
// more than it should.
#include "tests/unit/kmf/hostile_case.h"

namespace mdd::test::hostile {
namespace {

using kmf::Drop;
using kmf::Refusal;

std::vector<Case> all_cases() {
    std::vector<Case> all;
    for (auto* group :
         {cases_of_datagrams, cases_of_hellos, cases_of_refusals, cases_of_mdds, cases_of_ekt})
        std::ranges::move(group(), std::back_inserter(all));
    return all;
}

class Hostile : public ::testing::TestWithParam<Case> {};

TEST_P(Hostile, IsCountedOnceAndChangesNothingElse) {
    const auto& [name, dialect, act, verdict, limits] = GetParam();
    Scene scene(dialect, limits);
    act(scene);
    scene.world.loses_to_endpoint = nullptr;
    scene.world.loses_to_kmf = nullptr;
    const auto after = scene.world.tally();
    for (std::size_t i = 0; i < kmf::kDropNames.size(); ++i) {
        const auto more = after.dropped[i] - scene.before.dropped[i];
        const auto expected = verdict.drop == static_cast<Drop>(i) ? verdict.times : 0;
        const bool is_right = verdict.or_more && expected > 0 ? more >= expected : more == expected;
        EXPECT_TRUE(is_right) << kmf::kDropNames[i] << ": " << more << ", not " << expected;
    }
    for (std::size_t i = 0; i < kmf::kRefusalNames.size(); ++i) {
        const auto more = after.refused[i] - scene.before.refused[i];
        EXPECT_EQ(more, verdict.refusal == static_cast<Refusal>(i) ? verdict.times : 0)
            << kmf::kRefusalNames[i];
    }
    const bool looks_at_alert = verdict.alert != 0;
    EXPECT_EQ(looks_at_alert ? scene.world.client(kBad).failure_reason() : 0, verdict.alert);
    EXPECT_EQ(after.handshakes_completed - scene.before.handshakes_completed, verdict.handshakes);
    EXPECT_EQ(after.failed, verdict.failed);
    EXPECT_EQ(after.disconnected, verdict.disconnected);
    EXPECT_EQ(after.closed, 0u);
    EXPECT_EQ(after.put_out, 0u);

    // The good member is still heard.
    scene.world.route = World::kTunnel;
    scene.world.conference = conference_id(0xC0);
    scene.world.mdd_profiles = {0x0009, 0x000A, 0x0007, 0x0008};
    ASSERT_FALSE(scene.good().was_closed());
    scene.good().close();
    EXPECT_TRUE(scene.world.run_until([&] { return scene.world.tally().closed == 1; }));
}

INSTANTIATE_TEST_SUITE_P(Peers, Hostile, ::testing::ValuesIn(all_cases()),
                         [](const auto& one) { return std::string(one.param.name); });

}  // namespace
}  // namespace mdd::test::hostile
