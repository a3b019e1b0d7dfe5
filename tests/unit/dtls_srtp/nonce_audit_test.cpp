// Many associations through heavy loss, with every protected record of both ends on record: no key
// and explicit nonce come twice with other bytes, and every EKT key arrives.
#include <map>
#include <random>

#include <unistd.h>

#include "kmf-tunnel/record.h"
#include "tests/unit/dtls_srtp/end.h"

namespace mdd::test {
namespace {

constexpr std::size_t kAssociations = 160;
constexpr std::uint16_t kKeys = 3;
constexpr double kLoss = 0.25;

// All epoch-1 records of some writers, before any is lost.
class NonceAudit {
  public:
    // `direction`: one for each key. False: a nonce was used again for other bytes.
    bool note(std::size_t direction, srtp::Bytes datagram) {
        bool good = true;
        tunnel::RecordWalk walk(datagram);
        while (const auto record = walk.next()) {
            if (record->epoch == 0) continue;
            const Datagram nonce(record->fragment.begin(), record->fragment.begin() + 8);
            const Datagram bytes(record->whole.begin(), record->whole.end());
            const auto [known, is_new] = seen_.try_emplace({direction, nonce}, bytes);
            ++(is_new ? records_ : repeats_);
            good &= known->second == bytes;
        }
        return good && walk.well_formed();
    }
    std::size_t records() const { return records_; }
    std::size_t repeats() const { return repeats_; }  // of the same bytes

  private:
    std::map<std::pair<std::size_t, Datagram>, Datagram> seen_;
    std::size_t records_ = 0;
    std::size_t repeats_ = 0;
};

// One association from ClientHello to its last key.
struct Story {
    End client;
    End server;
    std::uint16_t delivered = 0;
    std::size_t restarts = 0;

    explicit Story(const EndOptions& options)
        : client(Role::client, options), server(Role::server, options) {
        client.start();
    }
    bool is_done() const {
        return client.has_failed || server.has_failed || acknowledged() == kKeys;
    }
    std::size_t acknowledged() const { return server.events<dtls::Acknowledged>().size(); }
    bool succeeded() const {
        if (acknowledged() != kKeys || client.keys.size() != kKeys) return false;
        for (std::uint16_t i = 0; i < kKeys; ++i)
            if (client.keys[i].spi != i) return false;
        return true;
    }

    // What an owner does between datagrams.
    void live(TimePoint now) {
        if (!server.server) return;
        if (!server.server->is_delivering() && delivered == acknowledged() && delivered < kKeys) {
            const auto key_bytes = dtls::ekt_key_bytes(*server.hello().ekt_cipher);
            server.server->deliver(ekt_key(delivered++, key_bytes), now);
        }
        server.collect();
    }

    // A server that goes on from what it stored before it sealed a few records more.
    void restart(TimePoint now) {
        if (!server.server || !server.outbox.empty()) return;
        const auto frozen = server.server->freeze();
        constexpr std::uint64_t kUnsaved = 4;
        for (std::uint64_t i = 1; i <= kUnsaved; ++i) {
            server.server->expire(now + i * std::chrono::hours(1));
            server.collect();
        }
        auto thawed = dtls::EktServer::thaw(frozen.bytes(), {kUnsaved, 0}, now);
        ASSERT_TRUE(thawed);
        server.server = std::move(thawed);
        ++restarts;
    }
};

TEST(NonceAudit, SeesARepeat) {
    Pair pair;
    pair.take_over(kStart);
    const auto frozen = pair.server.server->freeze();
    NonceAudit audit;
    pair.server.server->deliver(ekt_key(1), kStart);
    const auto first = pair.server.server->next_datagram();
    EXPECT_TRUE(audit.note(0, first->datagram));
    EXPECT_TRUE(audit.note(0, first->datagram)) << "the same bytes again";
    EXPECT_EQ(audit.repeats(), 1u);
    auto twice = dtls::EktServer::thaw(frozen.bytes(), {0, 0}, kStart);
    ASSERT_TRUE(twice);
    twice->deliver(ekt_key(2), kStart);
    EXPECT_FALSE(audit.note(0, twice->next_datagram()->datagram));
}

TEST(NonceAudit, NoNonceRepeatsAndEveryKeyArrivesThroughHeavyLoss) {
    NonceAudit audit;
    std::mt19937 random(20161);
    std::bernoulli_distribution is_lost(kLoss);
    std::vector<std::unique_ptr<Story>> stories;
    for (std::size_t i = 0; i < kAssociations; ++i) {
        EndOptions options;
        options.openssl_timer_us = 20'000;
        options.takes_over = true;
        options.ciphers = i % 2 == 0 ? kAes128 : kAes256;
        options.hello.ekt_ciphers = {i % 2 == 0 ? dtls::EktCipher::aeskw_128
                                                : dtls::EktCipher::aeskw_256};
        stories.push_back(std::make_unique<Story>(options));
    }
    std::size_t lost = 0;
    const auto carry = [&](End& from, End& to, std::size_t direction, TimePoint now) {
        bool moved = false;
        while (!from.outbox.empty()) {
            const auto datagram = from.next();
            EXPECT_TRUE(audit.note(direction, datagram)) << "direction " << direction;
            moved = true;
            if (is_lost(random))
                ++lost;
            else
                to.feed(datagram, now);
        }
        return moved;
    };

    TimePoint now = kStart;
    bool all_done = false;
    for (int round = 0; round < 1500 && !all_done; ++round) {
        all_done = true;
        for (std::size_t i = 0; i < stories.size(); ++i) {
            auto& story = *stories[i];
            if (story.is_done()) continue;
            all_done = false;
            bool moved = true;
            while (moved) {
                moved = carry(story.client, story.server, 2 * i, now);
                story.live(now);
                moved |= carry(story.server, story.client, 2 * i + 1, now);
                story.live(now);
            }
            if (i % 4 == 0 && random() % 8 == 0) story.restart(now);
            story.client.tick(now);
            story.server.tick(now);
        }
        usleep(5'000);
        now += 50ms;
    }

    std::size_t succeeded = 0, flights_resent = 0, restarts = 0;
    for (const auto& story : stories) {
        const bool established = !story->client.has_failed && !story->server.has_failed;
        if (established) {
            EXPECT_TRUE(story->succeeded());
        }
        succeeded += story->succeeded();
        flights_resent += story->server.flights_resent;
        restarts += story->restarts;
    }
    // OpenSSL gives a handshake up after twelve repeats; some may end so.
    EXPECT_GE(succeeded, 150u);
    EXPECT_GT(lost, 500u);
    EXPECT_GT(flights_resent, 10u);
    EXPECT_GT(restarts, 20u);
    EXPECT_GT(audit.records(), kAssociations * (2 + 2 * kKeys));
    RecordProperty("succeeded", static_cast<int>(succeeded));
    std::printf(
        "%zu of %zu associations, %zu records, %zu lost datagrams, %zu flights again, "
        "%zu restarts\n",
        succeeded, kAssociations, audit.records(), lost, flights_resent, restarts);
}

}  // namespace
}  // namespace mdd::test
