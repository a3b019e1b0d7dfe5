// Which worker gets an endpoint, with and without a port that spreads flows.
#include "controlplane/owners.h"

#include <gtest/gtest.h>

#include <vector>

namespace mdd::control {
namespace {

constexpr bool kSpread = true, kNotSpread = false;

std::vector<unsigned> choose(Owners& owners, unsigned count, bool spread, WorkerIndex first,
                             std::size_t members) {
    std::vector<unsigned> chosen;
    for (unsigned i = 0; i < count; ++i) chosen.push_back(owners.choose(spread, first, members));
    return chosen;
}

TEST(Owners, AreTheWorkersOfTheFirstPacketWhereThePortSpreadsFlows) {
    Owners owners(3);
    EXPECT_EQ(choose(owners, 4, kSpread, 2, 10), (std::vector<unsigned>{2, 2, 2, 2}));
    EXPECT_EQ(owners.choose(kSpread, 1, 10), 1);
}

TEST(Owners, TakeTurnsWhereEverythingComesToOneWorker) {
    Owners owners(3);
    EXPECT_EQ(choose(owners, 7, kNotSpread, 0, 10), (std::vector<unsigned>{0, 1, 2, 0, 1, 2, 0}));
}

TEST(Owners, BeginWithTheWorkerThatNeedsNoHandOff) {
    Owners owners(3);
    EXPECT_EQ(choose(owners, 4, kNotSpread, 1, 10), (std::vector<unsigned>{1, 0, 2, 1}));
}

TEST(Owners, OfAFewBusyEndpointsGetFewerOfTheOthers) {
    Owners owners(2);
    EXPECT_EQ(owners.choose(kNotSpread, 0, 50), 0);
    EXPECT_EQ(choose(owners, 25, kNotSpread, 0, 2), std::vector<unsigned>(25, 1));
    EXPECT_EQ(choose(owners, 2, kNotSpread, 0, 2), (std::vector<unsigned>{0, 1}));
}

TEST(Owners, OfEndpointsThatAPortHasSpreadGetFewerOfTheOthers) {
    Owners owners(2);
    choose(owners, 3, kSpread, 1, 10);
    EXPECT_EQ(choose(owners, 5, kNotSpread, 1, 10), (std::vector<unsigned>{0, 0, 0, 1, 0}));
}

}  // namespace
}  // namespace mdd::control
