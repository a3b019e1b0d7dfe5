// Changes on their way to workers, over real mailboxes whose other side the test plays.
#include "controlplane/courier.h"

#include <gtest/gtest.h>

#include "tests/unit/control/keys_for_tests.h"
#include "tests/unit/control/who_and_when.h"

namespace mdd::control {
namespace {

using test::kAlice;

class CourierTest : public testing::Test {
  protected:
    // Carries out up to `count` commands on one worker; returns how many there were.
    unsigned carry_out(Mailbox& mailbox, unsigned count = 1000) {
        unsigned done = 0;
        for (; done < count; ++done) {
            auto* command = mailbox.next_command();
            if (command == nullptr) break;
            if (auto* poll = std::get_if<PollActivity>(&command->body)) poll->heard = true;
            mailbox.acknowledge(command);
        }
        return done;
    }

    Mailbox first_{4}, second_{4};
    unsigned wakes_ = 0;
    std::vector<bool> heard_;
    Publisher publisher_{Homes::on_one_node(2)};
    Courier courier_{{{&first_, [this] { ++wakes_; }}, {&second_, {}}},
                     [this](const Command& command) {
                         if (const auto* poll = std::get_if<PollActivity>(&command.body))
                             heard_.push_back(poll->heard);
                     }};
};

TEST_F(CourierTest, IsDoneOnlyWhenEveryWorkerHasCarriedItsPartOut) {
    bool done = false;
    courier_.send(publisher_.transmit_keys(kAlice, nullptr, 0), [&] { done = true; });
    EXPECT_EQ(wakes_, 1U);
    carry_out(first_);
    EXPECT_TRUE(courier_.poll());
    EXPECT_FALSE(done);
    EXPECT_EQ(courier_.outstanding(), 1U);
    carry_out(second_);
    EXPECT_TRUE(courier_.poll());
    EXPECT_TRUE(done);
    EXPECT_EQ(courier_.outstanding(), 0U);
    EXPECT_FALSE(courier_.poll());
}

TEST_F(CourierTest, KeepsReplacedKeysUntilThen) {
    auto keys = test::keyset(1);
    const std::weak_ptr<const srtp::Keyset> watch = keys;
    auto change = publisher_.transmit_keys(kAlice, nullptr, 0);
    change.replaced.push_back(std::move(keys));
    courier_.send(std::move(change));
    carry_out(first_);
    courier_.poll();
    EXPECT_FALSE(watch.expired());
    carry_out(second_);
    courier_.poll();
    EXPECT_TRUE(watch.expired());
}

TEST_F(CourierTest, KeepsOrderWhenAMailboxIsFull) {
    std::vector<int> order;
    for (int i = 0; i < 12; ++i)
        courier_.send(publisher_.poll_activity(kAlice, 1), [&order, i] { order.push_back(i); });
    unsigned carried = 0;
    while (const auto now = carry_out(second_, 3)) {
        carried += now;
        courier_.poll();
    }
    EXPECT_EQ(carried, 12U);
    EXPECT_EQ(order, (std::vector{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}));
}

TEST_F(CourierTest, ShowsWhatAWorkerAnswered) {
    courier_.send(publisher_.poll_activity(kAlice, 1));
    carry_out(second_);
    courier_.poll();
    EXPECT_EQ(heard_, std::vector{true});
}

TEST_F(CourierTest, AChangeWithoutCommandsIsDoneAtOnce) {
    bool done = false;
    courier_.send({}, [&] { done = true; });
    EXPECT_TRUE(done);
}

TEST_F(CourierTest, DoneMaySendAgain) {
    bool again = false;
    courier_.send(publisher_.poll_activity(kAlice, 0), [&] {
        courier_.send(publisher_.poll_activity(kAlice, 0), [&] { again = true; });
    });
    carry_out(first_);
    courier_.poll();
    carry_out(first_);
    courier_.poll();
    EXPECT_TRUE(again);
}

}  // namespace
}  // namespace mdd::control
