// Endpoints of a port that leaves it to control to spread them: who owns them, and for how long.
#include <gtest/gtest.h>

#include "tests/support/memory_policy.h"
#include "tests/unit/control/control_bed.h"
#include "tests/unit/control/dtls_datagrams.h"

namespace mdd::control {
namespace {

using namespace std::chrono_literals;

class Spreading : public test::ControlBed {
  protected:
    Spreading() { settings.ports[0].spreads_flows = false; }

    Notice seen(MemberSlot member, std::uint32_t ssrc) const {
        auto made = notice(Notice::Kind::ssrc_seen, member);
        made.ssrc = ssrc;
        return made;
    }
};

TEST_F(Spreading, TakesTurnsAndLeavesReceivingToTheOwner) {
    start();
    key("alice", 1, 2);
    key("bob", 3, 4);
    key("carol", 5, 6);
    for (const auto* member : {"0", "2"}) {
        EXPECT_EQ(count(0, std::string("AddMember ") + member + " owner 0 receives"), 1U);
        EXPECT_EQ(count(0, std::string("InstallReceiveKeys ") + member), 1U);
        EXPECT_EQ(count(1, std::string("AddMember ") + member + " owner 0"), 1U);
    }
    EXPECT_EQ(count(1, "AddMember 1 owner 1 receives"), 1U);
    EXPECT_EQ(count(1, "InstallReceiveKeys 1"), 1U);
    EXPECT_EQ(count(0, "InstallReceiveKeys 1"), 0U);
    EXPECT_EQ(workers[1].sent.size(), 1U) << "bob's Finished leaves where he belongs";
}

TEST_F(Spreading, KeepsAnOwnerOverNewKeysAndANewAddress) {
    start();
    key("alice", 1, 2);
    const auto id = key("bob", 3, 4);
    kmfs[0]->say(keys(id, 5, 6));
    run_until([&] { return count(1, "InstallReceiveKeys 1 epoch 2") == 1; });
    // An endpoint without keys may go to another address of ours.
    from_endpoint("carol", test::client_hello({}));
    run_until([&] { return count(0, "AddMember 2 owner 0 receives") == 1; });
    from_endpoint("carol", test::client_hello({}), 1,
                  *net::parse_socket_address("192.0.2.10:5006"));
    run_until([&] { return count(0, "AddMember 2 owner 0 receives") == 2; });
    EXPECT_EQ(count(0, "InstallReceiveKeys 1"), 0U);
}

TEST_F(Spreading, GivesAReturningEndpointAndItsStreamsBackToItsOwner) {
    settings.endpoint_timeout = 250ms;
    start();
    key("alice", 1, 2);
    workers[0].hears = true;  // alice stays
    key("bob", 3, 4);
    notify(1, seen(1, 77));
    run_until([&] { return count(1, "GrantSsrc 1 77") == 1; });
    run_until([&] { return statistics().departures == 1; });
    const auto again = begin("bob");
    kmfs[0]->say(keys(again, 5, 6));
    run_until([&] { return count(1, "InstallReceiveKeys 1 epoch 2") == 1; });
    notify(1, seen(1, 77));
    run_until([&] { return workers[1].granted.size() == 2; });
    EXPECT_EQ(workers[1].granted[0], workers[1].granted[1]);
    EXPECT_EQ(count(0, "InstallReceiveKeys 1"), 0U);
    EXPECT_EQ(count(0, "GrantSsrc 1"), 0U);
}

TEST_F(Spreading, PutsWhatAWorkerReadsOnItsNode) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    GTEST_SKIP() << "the sanitizer's allocator knows no nodes";
#endif
    workers[1].node = 0;  // and worker 0 on whatever node
    start();
    key("alice", 1, 2);
    key("bob", 3, 4);
    notify(0, seen(0, 77));
    notify(1, seen(1, 78));
    run_until([&] { return workers[0].granted.size() + workers[1].granted.size() == 2; });
    if (!srtp::hot_memory_keeps_nodes()) GTEST_SKIP() << "this kernel lets nobody choose";
    const auto node_of = [](const void* memory) { return test::preferred_node(memory); };
    EXPECT_EQ(node_of(workers[0].receive_keys), std::nullopt);
    EXPECT_EQ(node_of(workers[0].transmit_keys), std::nullopt);
    EXPECT_EQ(node_of(workers[0].granted[0]), std::nullopt);
    EXPECT_EQ(node_of(workers[1].receive_keys), 0);
    EXPECT_EQ(node_of(workers[1].transmit_keys), 0);
    EXPECT_EQ(node_of(workers[1].granted[0]), 0);
    EXPECT_EQ(node_of(workers[1].granted[0]->legs.data()), 0);
}

}  // namespace
}  // namespace mdd::control
