// A KMF that goes on with what another one kept. Wherever the first one died, no nonce comes twice
// and no member's key is lost. The file itself: state_test.cpp.
#include <gtest/gtest.h>

#include <map>
#include <set>
#include <thread>

#include "tests/support/hex.h"
#include "tests/unit/kmf/world.h"

namespace mdd::test {
namespace {

using namespace std::chrono_literals;
using kmf::RekeyCause;
using tunnel::Dialect;

std::uint64_t explicit_nonce(const tunnel::Record& record) {
    std::uint64_t nonce = 0;
    for (const auto byte : record.fragment.first(8)) nonce = nonce << 8 | byte;
    return nonce;
}

// A world whose KMF keeps its state; every record it ever sealed is remembered.
class Restart : public ::testing::TestWithParam<Dialect> {
  protected:
    World world{mdd::test::Setup{.dialect = GetParam(), .keeps_state = true}};

    bool run_until_shared(const std::vector<std::uint8_t>& tags) {
        return world.run_until([&] {
            const auto* keys = world.kmf->ekt_of(world.conference);
            if (keys == nullptr || keys->is_stale()) return false;
            return std::ranges::all_of(tags, [&](auto tag) {
                const auto& heard = world.client(tag).keys();
                return !heard.empty() && heard.back().spi == keys->current()->spi;
            });
        });
    }
    void join_three() {
        world.join(1, world.alice, {.tls_id = kAliceTlsId});
        world.join(2, world.bob, {.tls_id = kBobTlsId});
        world.join(3, world.carol, {.tls_id = kCarolTlsId});
        ASSERT_TRUE(world.run_until([&] { return world.kmf->live_associations() == 3; }));
        ASSERT_TRUE(run_until_shared({1, 2, 3}));
    }
    void restart() {
        world.start();
        world.bring_up(World::kTunnel, world.mdd);
    }
    // (association, explicit nonce) of every protected record but those that were sent again as
    // they were.
    void expect_no_nonce_twice() const {
        std::map<std::pair<tunnel::AssociationId, std::uint64_t>, Datagram> seen;
        for (const auto& [tunnel, message] : world.sent) {
            tunnel::RecordWalk walk(message.dtls);
            while (const auto record = walk.next()) {
                if (record->epoch == 0) continue;
                const auto nonce = explicit_nonce(*record);
                const Datagram whole(record->whole.begin(), record->whole.end());
                const auto [place, is_new] =
                    seen.emplace(std::pair{message.association, nonce}, whole);
                EXPECT_TRUE(is_new || place->second == whole) << "nonce " << nonce;
            }
        }
    }
};

TEST_P(Restart, AssociationsGoOnAndARekeyReachesMembersFromBefore) {
    join_three();
    const auto before = world.client(1).keys().back().spi;
    restart();
    EXPECT_EQ(world.tally().restored, 3u);
    EXPECT_EQ(world.kmf->live_associations(), 3u);
    EXPECT_EQ(world.kmf->ekt_of(world.conference)->current()->spi, before);
    world.client(3).close();
    ASSERT_TRUE(world.run_until([&] { return world.tally().closed == 1; }))
        << "the endpoint is heard";
    ASSERT_TRUE(run_until_shared({1, 2}));
    EXPECT_EQ(world.client(1).keys().back().spi, static_cast<std::uint16_t>(before + 1));
    expect_no_nonce_twice();
}

TEST_P(Restart, AMemberFromBeforeAndAJoinerFromAfterwardsShareAKey) {
    world.join(1, world.alice, {.tls_id = kAliceTlsId});
    ASSERT_TRUE(run_until_shared({1}));
    restart();
    world.join(2, world.bob, {.tls_id = kBobTlsId});
    ASSERT_TRUE(run_until_shared({1, 2}));
    EXPECT_EQ(to_hex(world.client(1).keys().back().key_value()),
              to_hex(world.client(2).keys().back().key_value()));
    expect_no_nonce_twice();
}

TEST_P(Restart, TwiceInARowIsNoDifference) {
    join_three();
    restart();
    restart();
    restart();
    EXPECT_EQ(world.tally().restored, 3u);
    world.client(3).close();
    ASSERT_TRUE(world.run_until([&] { return world.tally().closed == 1; }));
    ASSERT_TRUE(run_until_shared({1, 2}));
    expect_no_nonce_twice();
}

// Explicit nonces of the protected records among the first `count` messages of an association.
std::set<std::uint64_t> nonces_sent(const World& world, std::size_t count,
                                    const tunnel::AssociationId& id) {
    std::set<std::uint64_t> nonces;
    for (std::size_t i = 0; i < count; ++i) {
        const auto& message = world.sent[i].second;
        tunnel::RecordWalk walk(message.dtls);
        while (const auto record = walk.next())
            if (record->epoch > 0 && message.association == id)
                nonces.insert(explicit_nonce(*record));
    }
    return nonces;
}

// Between two frames the process may die at any time: what it sent meanwhile depends on nothing
// that the frames so far do not tell.
TEST_P(Restart, AtEachMomentLosesNoKeyThatAMemberHasAndRepeatsNoNonce) {
    join_three();
    world.client(3).close();
    ASSERT_TRUE(world.run_until([&] { return world.tally().closed == 1; }));
    ASSERT_TRUE(run_until_shared({1, 2}));
    ASSERT_GE(world.kept.size(), 5u);
    std::set<std::uint16_t> spis_heard;
    for (std::uint8_t tag : {1, 2, 3})
        for (const auto& key : world.client(tag).keys()) spis_heard.insert(key.spi);

    std::set<std::uint16_t> spis_kept;
    std::size_t resumed = 0;
    for (std::size_t count = 1; count <= world.kept.size(); ++count) {
        kmf::SavedState state;
        for (std::size_t i = 0; i < count; ++i) state.apply(*kmf::decode_changes(world.kept[i]));
        const auto sent = count < world.kept.size() ? world.sent_until[count] : world.sent.size();
        for (const auto& [conference, keys] : state.conferences)
            spis_kept.insert(keys.keys.key.spi);
        for (auto& [name, association] : state.associations) {
            EXPECT_TRUE(state.conferences.contains(association.admitted.conference));
            std::vector<std::uint64_t> next;
            kmf::Tally tally;
            auto resumed_connection = kmf::Connection::restore(
                association.connection.bytes(), association.admitted, World::kmf_now(), tally,
                [&](srtp::Bytes datagram, const srtp::HopKeys*) {
                    next.push_back(explicit_nonce(*tunnel::RecordWalk(datagram).next()));
                });
            ASSERT_TRUE(resumed_connection);
            resumed_connection->close();
            ASSERT_EQ(next.size(), 1u);
            EXPECT_FALSE(nonces_sent(world, sent, name.second).contains(next[0]));
            ++resumed;
        }
    }
    EXPECT_GE(resumed, 6u);
    EXPECT_EQ(spis_kept, spis_heard) << "each key was kept, and none but those";
}

TEST_P(Restart, KeepsAKeyBeforeItSendsIt) {
    join_three();
    std::optional<std::uint16_t> kept_spi;
    bool was_kept_first = true;
    world.loses_to_endpoint = [&](const tunnel::Message& message) {
        if (!tunnel::has_protected_handshake(message.dtls)) return false;
        kmf::SavedState state;
        for (const auto& frame : world.kept) state.apply(*kmf::decode_changes(frame));
        kept_spi = state.conferences.at(world.conference).keys.key.spi;
        was_kept_first =
            was_kept_first && kept_spi == world.kmf->ekt_of(world.conference)->current()->spi;
        return false;
    };
    world.client(3).close();
    ASSERT_TRUE(world.run_until([&] { return world.tally().closed == 1; }));
    ASSERT_TRUE(run_until_shared({1, 2}));
    EXPECT_TRUE(kept_spi);
    EXPECT_TRUE(was_kept_first);
}

TEST_P(Restart, KeepsAnAssociationBeforeItsMediaKeysGoOut) {
    bool was_kept_first = false;
    world.loses_to_endpoint = [&](const tunnel::Message& message) {
        if (!std::holds_alternative<tunnel::KeyInformation>(message.body)) return false;
        kmf::SavedState state;
        for (const auto& frame : world.kept) state.apply(*kmf::decode_changes(frame));
        was_kept_first = state.associations.size() == 1;
        return false;
    };
    ASSERT_TRUE(world.run_until_established(world.join(1, world.alice, {.tls_id = kAliceTlsId})));
    EXPECT_TRUE(was_kept_first);
}

TEST_P(Restart, DeliversAKeyThatWasUnderWay) {
    join_three();
    const auto before = world.client(1).keys().back().spi;
    world.loses_to_endpoint = [](const tunnel::Message& message) {
        return tunnel::has_protected_handshake(message.dtls);
    };
    world.client(3).close();
    ASSERT_TRUE(world.run_until([&] { return world.tally().closed == 1; }));
    world.loses_to_endpoint = nullptr;
    restart();
    ASSERT_TRUE(run_until_shared({1, 2}));
    EXPECT_NE(world.client(1).keys().back().spi, before);
    expect_no_nonce_twice();
}

TEST_P(Restart, ARosterThatForgotAMemberPutsItOut) {
    join_three();
    world.set_edit([](auto&, auto& conferences) {
        std::erase_if(conferences[0].endpoints,
                      [](const auto& listed) { return listed.second.id == "bob"; });
    });
    const auto before = world.client(1).keys().back().spi;
    world.sent.clear();
    restart();
    EXPECT_EQ(world.tally().restored, 2u);
    EXPECT_EQ(world.tally().put_out, 1u);
    EXPECT_EQ(world.disconnects_sent(2), GetParam() == Dialect::rfc9185 ? 1u : 0u)
        << "with its MDD's first tunnel";
    ASSERT_TRUE(run_until_shared({1, 3}));
    EXPECT_NE(world.client(1).keys().back().spi, before) << "a leave";
}

TEST_P(Restart, AnEmptyConferenceStillChangesItsKeyForTheNextMember) {
    // A join alone would not change it.
    world.reload([](auto&, auto& conferences) {
        conferences[0].rekey = {.on_join = false, .on_leave = true};
    });
    auto& alice = world.join(1, world.alice, {.tls_id = kAliceTlsId});
    ASSERT_TRUE(run_until_shared({1}));
    const auto before = alice.keys().back().spi;
    alice.close();
    ASSERT_TRUE(world.run_until([&] { return world.tally().closed == 1; }));
    restart();
    EXPECT_EQ(world.tally().restored, 0u);
    world.join(2, world.bob, {.tls_id = kBobTlsId});
    ASSERT_TRUE(run_until_shared({2}));
    EXPECT_EQ(world.client(2).keys().back().spi, static_cast<std::uint16_t>(before + 1));
}

TEST_P(Restart, AJoinerWhoWaitedForTheNextKeyStillGetsNoOlderOne) {
    world.join(1, world.alice, {.tls_id = kAliceTlsId});
    ASSERT_TRUE(run_until_shared({1}));
    const auto before = world.client(1).keys().back().spi;
    world.join(2, world.bob, {.tls_id = kBobTlsId});
    // Until the moment between the joining and the key that it brings.
    ASSERT_TRUE(world.run_until([&] { return world.kmf->live_associations() == 2; }));
    if (world.kmf->ekt_of(world.conference)->current()->spi != before) GTEST_SKIP() << "too slow";
    restart();
    ASSERT_TRUE(run_until_shared({1, 2}));
    for (const auto& key : world.client(2).keys()) EXPECT_NE(key.spi, before);
}

TEST_P(Restart, AKeyIsAsOldAsItIs) {
    world.join(1, world.alice, {.tls_id = kAliceTlsId});
    ASSERT_TRUE(run_until_shared({1}));
    kmf::SavedState state;
    for (const auto& frame : world.kept) state.apply(*kmf::decode_changes(frame));
    state.conferences.at(world.conference).made_at -= 48h;
    kmf::StateChanges older;
    older.emplace_back(
        kmf::KeysChange{world.conference, std::move(state.conferences.at(world.conference))});
    const auto frame = kmf::encode(older);
    world.kept.emplace_back(frame.bytes().begin(), frame.bytes().end());
    const auto before = world.client(1).keys().back().spi;
    restart();
    ASSERT_TRUE(run_until_shared({1}));
    EXPECT_EQ(world.tally()[RekeyCause::ttl], 1u);
    EXPECT_NE(world.client(1).keys().back().spi, before);
}

TEST_P(Restart, AClockThatWentBackMakesANewKey) {
    world.join(1, world.alice, {.tls_id = kAliceTlsId});
    ASSERT_TRUE(run_until_shared({1}));
    kmf::SavedState state;
    for (const auto& frame : world.kept) state.apply(*kmf::decode_changes(frame));
    state.conferences.at(world.conference).made_at += 48h;
    kmf::StateChanges newer;
    newer.emplace_back(
        kmf::KeysChange{world.conference, std::move(state.conferences.at(world.conference))});
    const auto frame = kmf::encode(newer);
    world.kept.emplace_back(frame.bytes().begin(), frame.bytes().end());
    restart();
    ASSERT_TRUE(run_until_shared({1}));
    EXPECT_EQ(world.tally()[RekeyCause::ttl], 1u);
}

TEST_P(Restart, AnUnreadableAssociationIsAnErrorAndNoFreshStart) {
    world.join(1, world.alice, {.tls_id = kAliceTlsId});
    ASSERT_TRUE(run_until_shared({1}));
    kmf::SavedState state;
    for (const auto& frame : world.kept) state.apply(*kmf::decode_changes(frame));
    state.associations.begin()->second.connection = tunnel::SecretBytes(std::size_t{10});
    kmf::StateChanges broken;
    broken.emplace_back(kmf::AssociationChange{state.associations.begin()->first,
                                               std::move(state.associations.begin()->second)});
    const auto frame = kmf::encode(broken);
    world.kept.emplace_back(frame.bytes().begin(), frame.bytes().end());
    EXPECT_THROW(world.start(), std::runtime_error);
}

TEST_P(Restart, AFlightWhoseKeysAreGoneIsNotSentAgain) {
    Datagram finished;
    world.loses_to_kmf = [&](const Datagram& datagram) {
        if (finished.empty() && tunnel::has_protected_handshake(datagram)) finished = datagram;
        return false;
    };
    world.loses_to_endpoint = [](const tunnel::Message& message) {
        return tunnel::has_protected_handshake(message.dtls);
    };
    world.join(1, world.alice, {.tls_id = kAliceTlsId});
    ASSERT_TRUE(world.run_until([&] { return world.tally().handshakes_completed == 1; }));
    restart();
    std::this_thread::sleep_for(120ms);
    const auto keys = world.keys_sent(1).size();
    world.to_kmf(1, finished);
    EXPECT_EQ(world.keys_sent(1).size(), keys);
    EXPECT_EQ(world.tally().flights_lost, 1u);
}

INSTANTIATE_TEST_SUITE_P(OverBothDialects, Restart,
                         ::testing::Values(Dialect::dtls_v1, Dialect::rfc9185),
                         [](const auto& dialect) {
                             return dialect.param == Dialect::rfc9185 ? "Rfc9185" : "DtlsV1";
                         });

}  // namespace
}  // namespace mdd::test
