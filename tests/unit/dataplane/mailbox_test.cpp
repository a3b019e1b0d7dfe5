// The queues between threads, with real threads and no EAL, so that a race detector sees every
// access: commands change a worker's table while it reads, keys are freed only after every worker
// has let go.
#include "dataplane/mailbox.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <numeric>
#include <thread>

#include "dataplane/counters.h"

namespace mdd::test {
namespace {

std::unique_ptr<const srtp::Keyset> keyset(std::uint8_t fill, std::uint64_t epoch) {
    const std::vector<std::uint8_t> key(16, fill), salt(12, fill);
    return srtp::make_keyset(srtp::Profile::double_aes_128_gcm,
                             {srtp::Secret<32>(key), srtp::Secret<12>(salt)}, epoch);
}

TEST(Mailbox, takes_no_more_commands_than_it_can_acknowledge) {
    Mailbox mailbox(4);
    for (int i = 0; i < 4; ++i) {
        auto command = std::make_unique<Command>();
        EXPECT_TRUE(mailbox.post(command));
        EXPECT_EQ(command, nullptr);
    }
    auto fifth = std::make_unique<Command>();
    EXPECT_FALSE(mailbox.post(fifth));
    EXPECT_NE(fifth, nullptr);
    mailbox.acknowledge(mailbox.next_command());
    EXPECT_FALSE(mailbox.post(fifth))
        << "room counts only once control has seen the acknowledgement";
    EXPECT_NE(mailbox.acknowledged(), nullptr);
    EXPECT_TRUE(mailbox.post(fifth));
}

TEST(Mailbox, commands_come_back_in_order_with_what_the_worker_put_in) {
    Mailbox mailbox(8);
    for (std::uint64_t ticket = 1; ticket <= 3; ++ticket) {
        auto command = std::make_unique<Command>();
        command->ticket = ticket;
        command->body = PollActivity{0, 0};
        ASSERT_TRUE(mailbox.post(command));
    }
    while (auto* command = mailbox.next_command()) {
        std::get<PollActivity>(command->body).heard = command->ticket == 2;
        mailbox.acknowledge(command);
    }
    for (std::uint64_t ticket = 1; ticket <= 3; ++ticket) {
        auto command = mailbox.acknowledged();
        ASSERT_NE(command, nullptr);
        EXPECT_EQ(command->ticket, ticket);
        EXPECT_EQ(std::get<PollActivity>(command->body).heard, ticket == 2);
    }
}

TEST(Mailbox, what_was_never_fetched_is_freed) {
    Mailbox mailbox(4);
    auto command = std::make_unique<Command>();
    command->body = AddConference{0, std::make_unique<Conference>(3)};
    ASSERT_TRUE(mailbox.post(command));  // the leak checker watches
}

TEST(Mailbox, what_strangers_cause_leaves_room_for_what_endpoints_cause) {
    Mailbox mailbox(64);
    const Notice dtls{.kind = Notice::Kind::dtls};
    unsigned taken = 0;
    while (mailbox.notify_unproven(dtls)) ++taken;
    EXPECT_EQ(taken, 8U);
    for (int i = 0; i < 56; ++i)
        EXPECT_TRUE(mailbox.notify(Notice{.kind = Notice::Kind::ssrc_seen}));
    EXPECT_FALSE(mailbox.notify(Notice{.kind = Notice::Kind::ssrc_seen}));
    Notice notice{};
    for (int i = 0; i < 56; ++i) ASSERT_TRUE(mailbox.next(notice));
    EXPECT_FALSE(mailbox.notify_unproven(dtls)) << "eight others wait";
    ASSERT_TRUE(mailbox.next(notice));
    EXPECT_TRUE(mailbox.notify_unproven(dtls));
}

// A worker that reads its table in every round while control re-keys it. Keys are wiped as soon as
// the command that replaced them is back: a read after that is what the race detector would report.
TEST(Mailbox, keys_are_freed_only_after_every_worker_has_let_go) {
    ASSERT_EQ(srtp::aead_start(), srtp::AeadStart::ok);
    constexpr int kWorkers = 2, kRounds = 300;
    std::vector<std::unique_ptr<Mailbox>> mailboxes;
    for (int w = 0; w < kWorkers; ++w) mailboxes.push_back(std::make_unique<Mailbox>(16));
    std::atomic<bool> stop{false};
    std::array<Counters, kWorkers> counters;
    std::vector<std::thread> threads;
    for (int w = 0; w < kWorkers; ++w)
        threads.emplace_back([&, w] {
            Table table(1, 4);
            table.put(0, std::make_unique<Conference>(1));
            table.add(std::make_unique<Member>(), {});
            auto& recipient = table.recipient(*table.find(0, 0));
            std::array<std::uint8_t, 64> packet{};
            while (!stop.load(std::memory_order_relaxed)) {
                while (auto* command = mailboxes[w]->next_command()) {
                    auto& keys = std::get<SetTransmitKeys>(command->body);
                    recipient.key(keys.keys, keys.key_start);
                    mailboxes[w]->acknowledge(command);
                }
                if (recipient.tx == nullptr) continue;
                const auto nonce = recipient.tx->rtp.rtp_nonce(static_cast<std::uint32_t>(w), 1);
                static_cast<void>(srtp::open(recipient.tx->rtp, nonce, {}, packet, packet.data()));
                counters[w].consumed.add();
            }
        });
    std::unique_ptr<const srtp::Keyset> current;
    for (int round = 1; round <= kRounds; ++round) {
        auto next = keyset(static_cast<std::uint8_t>(round), static_cast<std::uint64_t>(round));
        for (auto& mailbox : mailboxes) {
            auto command = std::make_unique<Command>();
            command->body = SetTransmitKeys{0, 0, next.get(), 1};
            ASSERT_TRUE(mailbox->post(command));
        }
        for (auto& mailbox : mailboxes)
            while (mailbox->acknowledged() == nullptr) std::this_thread::yield();
        current = std::move(next);
    }
    stop = true;
    for (auto& thread : threads) thread.join();
    for (const auto& counter : counters) EXPECT_GT(counter.consumed.read(), 0u);
}

TEST(SpscQueue, hands_every_item_over_once_and_in_order) {
    SpscQueue<std::uint64_t> queue(64);
    constexpr std::uint64_t kItems = 200000;
    std::thread producer([&] {
        // One by one, then several at once, of which a part may find room.
        for (std::uint64_t i = 0; i < kItems / 2;) i += queue.push(i) ? 1 : 0;
        for (std::uint64_t i = kItems / 2; i < kItems;) {
            std::array<std::uint64_t, 16> items;
            std::iota(items.begin(), items.end(), i);
            i += queue.push(items.data(), std::min<std::size_t>(items.size(), kItems - i));
        }
    });
    std::uint64_t expected = 0;
    while (expected < kItems) {
        std::array<std::uint64_t, 16> items;
        const auto count = queue.pop(items.data(), items.size());
        for (std::size_t i = 0; i < count; ++i) ASSERT_EQ(items[i], expected++);
    }
    producer.join();
    EXPECT_TRUE(queue.empty());
}

}  // namespace
}  // namespace mdd::test
