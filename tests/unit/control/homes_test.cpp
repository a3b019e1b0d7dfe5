// Keys and tables on the nodes of their workers; the topology is the test's, whatever the machine
// has.
#include "controlplane/homes.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <vector>

#include "controlplane/courier.h"
#include "controlplane/endpoint_keys.h"
#include "tests/unit/control/keys_for_tests.h"
#include "tests/unit/control/who_and_when.h"

namespace mdd::control {
namespace {

using test::kBob;
using test::kOwner;

// Workers 0 and 2 on one node, worker 1 on another.
Homes two_nodes() {
    return Homes({0, 1, 0});
}

const srtp::Keyset* transmit_keys_of(const Change& change, WorkerIndex worker) {
    for (const auto& posting : change.postings)
        if (const auto* set = std::get_if<SetTransmitKeys>(&posting.command.body);
            set != nullptr && posting.worker == worker)
            return set->keys;
    return nullptr;
}

std::vector<std::uint8_t> sealed_by(const srtp::AeadKey& key) {
    const std::array<std::uint8_t, 32> plain{1, 2, 3};
    std::vector<std::uint8_t> sealed(plain.size() + 16);
    srtp::seal(key, key.rtp_nonce(1, 2), {}, plain, sealed.data());
    return sealed;
}

TEST(Homes, NamesEachNodeOnce) {
    const auto homes = two_nodes();
    EXPECT_EQ(homes.workers(), 3U);
    EXPECT_EQ(homes.nodes(), (std::vector<srtp::NumaNode>{0, 1}));
    EXPECT_EQ(homes.place_of(0), 0U);
    EXPECT_EQ(homes.place_of(1), 1U);
    EXPECT_EQ(homes.place_of(2), 0U);
    EXPECT_EQ(Homes::on_one_node(4).nodes().size(), 1U);
}

TEST(Homes, OfTwoNodesHaveAnEqualKeyEachAndWorkersOfOneShareIt) {
    const Publisher publisher(two_nodes());
    const auto keys = test::key_copies(3, 7, publisher.homes());
    const auto change = publisher.transmit_keys(kBob, keys.get(), 1);
    const auto* first = transmit_keys_of(change, 0);
    const auto* second = transmit_keys_of(change, 1);
    EXPECT_NE(first, second);
    EXPECT_EQ(first, transmit_keys_of(change, 2));
    EXPECT_EQ(first->epoch, 7U);
    EXPECT_EQ(second->epoch, 7U);
    EXPECT_EQ(sealed_by(first->rtp), sealed_by(second->rtp));
    EXPECT_EQ(sealed_by(first->rtcp()), sealed_by(second->rtcp()));
}

TEST(Homes, OfOneNodeHaveOneKey) {
    const Publisher publisher(Homes::on_one_node(3));
    const auto keys = test::key_copies(3, 7, publisher.homes());
    const auto change = publisher.transmit_keys(kBob, keys.get(), 1);
    for (WorkerIndex worker = 0; worker < 3; ++worker)
        EXPECT_EQ(transmit_keys_of(change, worker), keys->at(0));
}

// Round keys, hash powers and salt; also read when the key is gone and its memory serves
// nobody yet.
bool is_wiped(const srtp::AeadKey& key) {
    const auto* from = reinterpret_cast<const volatile std::uint8_t*>(&key);
    return std::all_of(from, from + srtp::kVaesKeyBytes,
                       [](std::uint8_t byte) { return byte == 0; });
}

TEST(Homes, OfTwoNodesLoseTheirKeysTogetherOnceEveryWorkerHasLetGo) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    GTEST_SKIP() << "nothing may be read where it was freed";
#endif
    std::array<Mailbox, 3> mailboxes{Mailbox(16), Mailbox(16), Mailbox(16)};
    Courier courier({{&mailboxes[0]}, {&mailboxes[1]}, {&mailboxes[2]}}, {});
    const auto carry_out = [&](unsigned worker) {
        while (auto* command = mailboxes[worker].next_command())
            mailboxes[worker].acknowledge(command);
        courier.poll();
    };
    Publisher publisher(two_nodes());
    EndpointKeys keys;
    auto change = keys.install(publisher, kBob, kOwner, test::keyset(1),
                               test::key_copies(2, 1, publisher.homes()), TimePoint{});
    const std::array copies{transmit_keys_of(change, 0), transmit_keys_of(change, 1)};
    courier.send(std::move(change));
    for (const unsigned worker : {0, 1, 2}) carry_out(worker);
    courier.send(keys.leave(publisher, kBob, kOwner));
    for (const unsigned worker : {0, 1}) {
        carry_out(worker);
        for (const auto* copy : copies) EXPECT_FALSE(is_wiped(copy->rtp)) << worker;
    }
    carry_out(2);
    for (const auto* copy : copies) {
        EXPECT_TRUE(is_wiped(copy->rtp));
        EXPECT_TRUE(is_wiped(copy->rtcp()));
    }
}

}  // namespace
}  // namespace mdd::control
