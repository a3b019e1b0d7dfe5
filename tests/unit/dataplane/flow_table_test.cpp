// The flow table against a plain map, and how a burst's packets are put into groups. No DPDK.
#include "dataplane/flow_table.h"

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <random>

#include "dataplane/batch.h"

namespace mdd::test {
namespace {

Flow flow(unsigned remote, std::uint16_t port = 4000) {
    return {{net::to_be(remote), net::to_be(port)},
            {net::to_be(1U), net::to_be(std::uint16_t{5004})}};
}

TEST(FlowTable, finds_nobody_in_an_empty_table) {
    EXPECT_EQ(FlowTable(0).find(flow(7)), nullptr);
    EXPECT_EQ(FlowTable(100).find(flow(7)), nullptr);
}

TEST(FlowTable, tells_flows_apart_by_every_part_of_their_addresses) {
    Member member;
    FlowTable table(4);
    const auto known = flow(7);
    table.put(known, &member);
    EXPECT_EQ(table.find(known), &member);
    auto other = known;
    other.remote.ip = net::to_be(8U);
    EXPECT_EQ(table.find(other), nullptr);
    other = known;
    other.remote.port = net::to_be(std::uint16_t{4001});
    EXPECT_EQ(table.find(other), nullptr);
    other = known;
    other.local.ip = net::to_be(2U);
    EXPECT_EQ(table.find(other), nullptr);
    other = known;
    other.local.port = net::to_be(std::uint16_t{5005});
    EXPECT_EQ(table.find(other), nullptr);
}

TEST(FlowTable, gives_a_known_flow_to_another_member) {
    Member one, two;
    FlowTable table(1);
    table.put(flow(7), &one);
    table.put(flow(7), &two);
    EXPECT_EQ(table.find(flow(7)), &two);
    table.erase(flow(7));
    EXPECT_EQ(table.find(flow(7)), nullptr);
    EXPECT_TRUE(table.is_nobodys(FlowTable::hash(flow(7))));
}

TEST(FlowTable, nobody_is_known_to_an_empty_one) {
    EXPECT_TRUE(FlowTable(0).is_nobodys(FlowTable::hash(flow(7))));
    EXPECT_TRUE(FlowTable(100).is_nobodys(FlowTable::hash(flow(7))));
}

// Full, emptied and filled again in random order: probes run into each other and round the end, and
// what is erased leaves no hole that hides what stands behind it.
TEST(FlowTable, holds_what_a_map_holds_whatever_comes_and_goes) {
    constexpr unsigned kFlows = 24, kSteps = 40000;
    std::vector<Member> members(4 * kFlows);
    std::map<unsigned, Member*> expected;
    std::mt19937 random(1);
    FlowTable table(kFlows);
    unsigned strangers = 0, seen_through = 0;
    for (unsigned step = 0; step < kSteps; ++step) {
        const auto key = random() % members.size();
        if (expected.contains(key)) {
            table.erase(flow(key));
            expected.erase(key);
        } else if (expected.size() < kFlows) {
            table.put(flow(key), &members[key]);
            expected[key] = &members[key];
        }
        if (step % 16 != 0) continue;
        for (unsigned k = 0; k < members.size(); ++k) {
            const auto found = expected.find(k);
            const auto hash = FlowTable::hash(flow(k));
            ASSERT_EQ(table.find_and_prefetch(flow(k), table.prefetch(hash)),
                      found == expected.end() ? nullptr : found->second)
                << "flow " << k << " after " << step << " steps";
            const bool is_nobodys = table.is_nobodys(hash);
            ASSERT_FALSE(is_nobodys && found != expected.end())
                << "flow " << k << " after " << step << " steps";
            strangers += found == expected.end();
            seen_through += is_nobodys;
        }
    }
    EXPECT_GT(seen_through, strangers * 7 / 8);
    for (const auto& [key, member] : expected) table.erase(flow(key));
    for (unsigned k = 0; k < members.size(); ++k)
        EXPECT_TRUE(table.is_nobodys(FlowTable::hash(flow(k)))) << "flow " << k;
}

// More than a count of them can say.
TEST(FlowTable, flows_whose_hashes_end_alike_are_all_known_as_long_as_they_are_there) {
    constexpr unsigned kFlows = 300, kEnd = 0x1fff;
    std::vector<Flow> alike;
    for (unsigned remote = 1; alike.size() < kFlows; ++remote)
        if ((FlowTable::hash(flow(remote)) & kEnd) == 0) alike.push_back(flow(remote));
    Member member;
    FlowTable table(kFlows);
    for (const auto& one : alike) table.put(one, &member);
    for (; !alike.empty(); alike.pop_back()) {
        for (const auto& one : alike) {
            ASSERT_FALSE(table.is_nobodys(FlowTable::hash(one)));
            ASSERT_EQ(table.find(one), &member);
        }
        table.erase(alike.back());
    }
}

TEST(FlowTable, erasing_what_is_not_there_changes_nothing) {
    Member member;
    FlowTable table(2);
    table.put(flow(7), &member);
    table.erase(flow(8));
    EXPECT_EQ(table.find(flow(7)), &member);
}

// A lane whose packets belong to these conferences.
struct LaneOf {
    explicit LaneOf(const std::vector<ConferenceSlot>& conferences) {
        for (const auto conference : conferences) {
            auto member = std::make_unique<Member>();
            member->conference = conference;
            lane.add({.sender = member.get()});
            members.push_back(std::move(member));
        }
    }
    // The places of each group's packets, groups in order.
    std::vector<std::vector<unsigned>> grouped() const {
        LaneGroups groups;
        groups.form(lane);
        std::vector<std::vector<unsigned>> places;
        for (const auto& group : groups.all()) {
            auto& list = places.emplace_back();
            for (unsigned i = 0; i < group.count; ++i) {
                EXPECT_EQ(group.conference, lane.packets[group.places[i]].sender->conference);
                list.push_back(group.places[i]);
            }
        }
        return places;
    }
    std::vector<std::unique_ptr<Member>> members;
    Lane lane;
};
using Groups = std::vector<std::vector<unsigned>>;

TEST(LaneGroups, an_empty_lane_has_none) {
    EXPECT_TRUE(LaneOf({}).grouped().empty());
}

TEST(LaneGroups, packets_of_one_conference_go_together_wherever_they_stand) {
    EXPECT_EQ(LaneOf({5, 6, 5, 7, 6, 5}).grouped(), (Groups{{0, 2, 5}, {1, 4}, {3}}));
}

TEST(LaneGroups, a_full_group_is_followed_by_another_and_order_stays) {
    const std::vector<ConferenceSlot> same(2 * kMaxGroup + 1, 3);
    const auto groups = LaneOf(same).grouped();
    ASSERT_EQ(groups.size(), 3U);
    unsigned next = 0;
    for (const auto& group : groups)
        for (const auto place : group) EXPECT_EQ(place, next++);
    EXPECT_EQ(next, same.size());
}

TEST(LaneGroups, a_whole_burst_of_strangers_fits) {
    std::vector<ConferenceSlot> all(kMaxBurst);
    for (unsigned i = 0; i < kMaxBurst; ++i) all[i] = static_cast<ConferenceSlot>(i);
    EXPECT_EQ(LaneOf(all).grouped().size(), kMaxBurst);
}

}  // namespace
}  // namespace mdd::test
