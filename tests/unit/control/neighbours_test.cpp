// Next hops, and when to ask for them.
#include "controlplane/neighbours.h"

#include <gtest/gtest.h>

#include "tests/unit/control/who_and_when.h"

namespace mdd::control {
namespace {

using namespace std::chrono_literals;
using test::kStart;

const net::MacAddress kMac{{2, 0, 0, 0, 0, 1}};
const net::MacAddress kOtherMac{{2, 0, 0, 0, 0, 2}};

NextHop hop(const char* ip) {
    return {0, *net::parse_ipv4(ip)};
}

PortFacts port() {
    PortFacts facts;
    facts.address = *net::parse_ipv4_network("192.0.2.10/24");
    return facts;
}

TEST(NextHop, IsTheDestinationOnLinkAndTheGatewayOtherwise) {
    auto facts = port();
    EXPECT_EQ(next_hop(facts, *net::parse_ipv4("192.0.2.77")), net::parse_ipv4("192.0.2.77"));
    EXPECT_EQ(next_hop(facts, *net::parse_ipv4("198.51.100.1")), std::nullopt);
    facts.gateway = net::parse_ipv4("192.0.2.1");
    EXPECT_EQ(next_hop(facts, *net::parse_ipv4("198.51.100.1")), net::parse_ipv4("192.0.2.1"));
    EXPECT_EQ(next_hop(facts, *net::parse_ipv4("192.0.2.77")), net::parse_ipv4("192.0.2.77"));
}

TEST(Neighbours, AsksForAnUnknownAddressAtOnceThenEverySecondThenSeldom) {
    Neighbours neighbours;
    neighbours.use(hop("192.0.2.77"));
    unsigned asked = 0;
    for (auto t = 0s; t < 60s; t += 1s) asked += neighbours.due(kStart + t).size();
    EXPECT_EQ(asked, Neighbours::kRetries + 1);
    asked = 0;
    for (auto t = 60s; t < 120s; t += 1s) asked += neighbours.due(kStart + t).size();
    EXPECT_EQ(asked, 2U);
}

TEST(Neighbours, RefreshesAKnownAddressEveryThirtySeconds) {
    Neighbours neighbours;
    EXPECT_TRUE(neighbours.learn(hop("192.0.2.77"), kMac));
    neighbours.use(hop("192.0.2.77"));
    EXPECT_TRUE(neighbours.due(kStart).empty());
    EXPECT_TRUE(neighbours.due(kStart + 29s).empty());
    EXPECT_EQ(neighbours.due(kStart + 30s), std::vector{hop("192.0.2.77")});
    EXPECT_TRUE(neighbours.due(kStart + 31s).empty());
}

TEST(Neighbours, TellsNewsFromRepetition) {
    Neighbours neighbours;
    EXPECT_TRUE(neighbours.learn(hop("192.0.2.77"), kMac));
    EXPECT_FALSE(neighbours.learn(hop("192.0.2.77"), kMac));
    EXPECT_TRUE(neighbours.learn(hop("192.0.2.77"), kOtherMac));
    EXPECT_EQ(neighbours.find(hop("192.0.2.77")), kOtherMac);
    EXPECT_EQ(neighbours.find(hop("192.0.2.78")), std::nullopt);
}

TEST(Neighbours, NeverAsksForAddressesThatNobodyUses) {
    Neighbours neighbours;
    neighbours.learn(hop("192.0.2.77"), kMac);
    EXPECT_TRUE(neighbours.due(kStart + 1h).empty());
}

TEST(Neighbours, RemembersABoundedNumber) {
    Neighbours neighbours;
    for (std::uint32_t i = 0; i < Neighbours::kCapacity; ++i)
        EXPECT_TRUE(neighbours.learn({0, net::to_be(0x0a000000U + i)}, kMac));
    EXPECT_FALSE(neighbours.learn({0, net::to_be(0x0b000000U)}, kMac));
    neighbours.use({0, net::to_be(0x0b000000U)});
    EXPECT_TRUE(neighbours.learn({0, net::to_be(0x0b000000U)}, kMac)) << "in use: always";
}

}  // namespace
}  // namespace mdd::control
