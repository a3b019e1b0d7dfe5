// The sums at the end, and whether they balance.
#include "controlplane/totals.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <sstream>

namespace mdd::control {
namespace {

using srtp::Verdict;

class TotalsTest : public testing::Test {
  protected:
    TotalsTest() {
        worker_[0].received.add(10);
        worker_[0].handed_over.add(3);
        worker_[0].rtp_sent.add(4);
        worker_[0].consumed.add(6);
        worker_[0].drop(Verdict::auth_fail, 2);
        worker_[0].planned.add(12);
        worker_[0].sent.add(11);
        worker_[0].drop(Verdict::no_neighbour);
        worker_[1].received.add(1);
        worker_[1].drop(Verdict::replay_dup);
        worker_[1].originated.add(1);
        worker_[1].sent.add(1);
        control_.consumed.add(1);
        control_.drop(Verdict::dtls_rate);
    }
    Totals totals() const {
        const std::array<const Counters*, 2> workers{&worker_[0], &worker_[1]};
        return sum(workers, control_);
    }

    std::array<Counters, 2> worker_;
    Counters control_;
};

TEST_F(TotalsTest, BalanceOverWorkersAndControlTogether) {
    const auto all = totals();
    EXPECT_EQ(all.received, 11U);
    EXPECT_EQ(all.consumed, 7U);
    EXPECT_EQ(all.dropped(), 4U);
    EXPECT_EQ(all.leg_dropped(), 1U);
    EXPECT_TRUE(all.conserves());
}

TEST_F(TotalsTest, NoticeOneLostPacket) {
    worker_[0].received.add();
    EXPECT_FALSE(totals().conserves());
    worker_[1].consumed.add();
    EXPECT_TRUE(totals().conserves());
    worker_[1].planned.add();
    EXPECT_FALSE(totals().conserves());
}

TEST_F(TotalsTest, AreWrittenWithEveryDropThatHappenedAndNoOther) {
    auto all = totals();
    all.statistics.handshakes = 3;
    all.statistics.key_refusals[static_cast<std::size_t>(KeyRefusal::e2e_leak)] = 2;
    TunnelReport report;
    report.kmf = "kmf-a";
    report.protocol = tunnel::Dialect::rfc9185;
    report.tunnels = report.tunnels_up = 1;
    report.reconnects = 2;
    report.disconnects_sent = 4;
    report.disconnects_received = 5;
    all.tunnels.push_back(report);
    all.statistics.hellos[static_cast<std::size_t>(Admission::Ruling::source_rate)] = 7;
    const auto json = nlohmann::json::parse(to_json(all));
    EXPECT_EQ(json.at("received"), 11);
    EXPECT_EQ(json.at("dropped"), 4);
    EXPECT_EQ(json.at("drops"),
              nlohmann::json({{"auth_fail", 2}, {"dtls_rate", 1}, {"replay_dup", 1}}));
    EXPECT_EQ(json.at("leg_drops"), nlohmann::json({{"no_neighbour", 1}}));
    EXPECT_EQ(json.at("conservation"), true);
    EXPECT_EQ(json.at("handshakes"), 3);
    EXPECT_EQ(json.at("key_refusals"), nlohmann::json({{"e2e_leak", 2}}));
    EXPECT_EQ(json.at("tunnels").at(0).at("kmf"), "kmf-a");
    EXPECT_EQ(json.at("tunnels").at(0).at("protocol"), "rfc9185");
    EXPECT_EQ(json.at("tunnels").at(0).at("up"), true);
    EXPECT_EQ(json.at("tunnels").at(0).at("reconnects"), 2);
    EXPECT_EQ(json.at("tunnels").at(0).at("disconnects_sent"), 4);
    EXPECT_EQ(json.at("tunnels").at(0).at("disconnects_received"), 5);
    EXPECT_EQ(json.at("hellos").at("source_rate"), 7);
    ASSERT_EQ(json.at("workers").size(), 2U);
    EXPECT_EQ(json.at("workers").at(0).at("received"), 10);
    EXPECT_EQ(json.at("workers").at(0).at("handed_over"), 3);
    EXPECT_EQ(json.at("workers").at(0).at("forwarded"), 4);
    EXPECT_EQ(json.at("workers").at(1).at("handed_over"), 0);
    std::ostringstream text;
    print(text, all);
    EXPECT_NE(text.str().find("drop no_neighbour"), std::string::npos);
    EXPECT_EQ(text.str().find("drop tx_full"), std::string::npos);
    EXPECT_EQ(text.str().find("BROKEN"), std::string::npos);
}

}  // namespace
}  // namespace mdd::control
