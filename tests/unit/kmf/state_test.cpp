// What outlives the KMF: the sealed file and its lock, and a KMF that goes on with what another one
// kept. Wherever the first one dies, no nonce comes twice and no member's key is lost.
#include <gtest/gtest.h>

#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <set>

#include "tests/support/hex.h"
#include "tests/unit/kmf/world.h"
#include "tools/mdd-kmf/state_file.h"

namespace mdd::test {
namespace {

using namespace std::chrono_literals;
using kmf::Notice;
using kmf::RekeyCause;
using kmf::StateFile;
using tunnel::Dialect;

class StateFiles : public ::testing::Test {
  protected:
    StateFiles() {
        std::string name = (std::filesystem::temp_directory_path() / "mdd-state-XXXXXX").string();
        folder_ = ::mkdtemp(name.data());
        file_ = folder_ / "kmf.state";
    }
    ~StateFiles() override { std::filesystem::remove_all(folder_); }

    static srtp::Secret<32> key(std::uint8_t byte = 7) {
        return srtp::Secret<32>(std::vector<std::uint8_t>(32, byte));
    }
    static Datagram bytes(const std::string& text) { return {text.begin(), text.end()}; }
    Datagram content() const {
        std::ifstream in(file_, std::ios::binary);
        return {std::istreambuf_iterator<char>(in), {}};
    }
    void put(const Datagram& content) const {
        std::ofstream(file_, std::ios::binary | std::ios::trunc)
            .write(reinterpret_cast<const char*>(content.data()),
                   static_cast<std::streamsize>(content.size()));
    }
    std::vector<std::string> frames(std::uint8_t key_byte = 7) const {
        auto state = StateFile::open(file_, key(key_byte));
        std::vector<std::string> texts;
        for (const auto& frame : state->take_frames())
            texts.emplace_back(frame.bytes().begin(), frame.bytes().end());
        return texts;
    }
    std::string refusal(std::uint8_t key_byte = 7) const {
        try {
            StateFile::open(file_, key(key_byte));
        } catch (const std::runtime_error& error) {
            return error.what();
        }
        return "accepted";
    }
    // A first frame "one", then "two" and "three".
    void write_three() const {
        auto state = StateFile::open(file_, key());
        state->replace(bytes("one"));
        state->append(bytes("two"), false);
        state->append(bytes("three"), true);
    }

    std::filesystem::path folder_, file_;
};

TEST_F(StateFiles, HoldsFramesInTheirOrder) {
    write_three();
    EXPECT_EQ(frames(), (std::vector<std::string>{"one", "two", "three"}));
}

TEST_F(StateFiles, StartsWithNothingWhereThereIsNone) {
    EXPECT_EQ(frames(), std::vector<std::string>{""});
    EXPECT_TRUE(std::filesystem::exists(file_));
    EXPECT_EQ(std::filesystem::status(file_).permissions(), std::filesystem::perms(0600));
}

TEST_F(StateFiles, ShowsNothingOfWhatItHolds) {
    write_three();
    const auto content = this->content();
    for (const auto* text : {"one", "two", "three"}) {
        const auto wanted = bytes(text);
        EXPECT_TRUE(std::ranges::search(content, wanted).empty());
    }
}

TEST_F(StateFiles, SealsTheSameFrameDifferentlyInEachFile) {
    write_three();
    const auto before = content();
    write_three();
    const auto after = content();
    ASSERT_EQ(before.size(), after.size());
    EXPECT_FALSE(std::equal(before.begin() + 40, before.end(), after.begin() + 40));
}

TEST_F(StateFiles, TellsAnotherKeyFromDamage) {
    write_three();
    EXPECT_NE(refusal(8).find("sealed with another key"), std::string::npos);
    EXPECT_EQ(frames().size(), 3u) << "and leaves it alone";
}

TEST_F(StateFiles, RefusesWhatIsNoStateOfOurs) {
    for (const auto& text : {std::string(), std::string("[state]\n"), std::string(31, 'x'),
                             std::string("mdd-kmf-state 1\n") + std::string(100, 'x')}) {
        put(bytes(text));
        EXPECT_NE(refusal().find("is not a state of this mdd-kmf"), std::string::npos) << text;
        EXPECT_EQ(content(), bytes(text)) << "not touched";
    }
}

TEST_F(StateFiles, FindsEveryFlippedBit) {
    write_three();
    const auto good = content();
    for (std::size_t at = 0; at < good.size(); ++at) {
        auto damaged = good;
        damaged[at] ^= 0x10;
        put(damaged);
        EXPECT_NE(refusal(), "accepted") << "byte " << at;
    }
}

TEST_F(StateFiles, CutOffAnywhereHoldsTheWholeFramesBeforeOrIsRefused) {
    write_three();
    const auto good = content();
    const std::size_t after_first = 32 + 8 + 3 + 16;
    const std::size_t after_second = after_first + 8 + 3 + 16;
    for (std::size_t size = 0; size < good.size(); ++size) {
        put({good.begin(), good.begin() + static_cast<std::ptrdiff_t>(size)});
        if (size < after_first)
            EXPECT_NE(refusal(), "accepted") << size;
        else
            EXPECT_EQ(frames().size(), size < after_second ? 1u : 2u) << size;
    }
}

TEST_F(StateFiles, OneProcessHoldsItAtATime) {
    auto mine = StateFile::open(file_, key());
    ASSERT_TRUE(mine);
    EXPECT_FALSE(StateFile::open(file_, key()));
    mine->replace(bytes("one"));
    EXPECT_FALSE(StateFile::open(file_, key())) << "the new file is held as well";
    mine->append(bytes("two"), false);
    mine.reset();
    EXPECT_EQ(frames().size(), 2u);
}

TEST_F(StateFiles, IsFreeWhenItsHolderIsKilled) {
    const auto child = ::fork();
    if (child == 0) {
        auto held = StateFile::open(file_, key());
        held->replace(bytes("one"));
        ::raise(SIGKILL);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(frames(), std::vector<std::string>{"one"});
}

TEST_F(StateFiles, AFailedReplacementLeavesTheOldFile) {
    write_three();
    auto state = StateFile::open(file_, key());
    std::filesystem::create_directory(file_.string() + ".new");
    EXPECT_THROW(state->replace(bytes("four")), std::runtime_error);
    state.reset();
    EXPECT_EQ(frames().size(), 3u);
}

TEST_F(StateFiles, WantsReplacingWhenItHasGrown) {
    auto state = StateFile::open(file_, key());
    state->replace(bytes("one"));
    const Datagram large(1 << 20, 1);
    for (int i = 0; i < 4; ++i) {
        EXPECT_FALSE(state->wants_replacing());
        state->append(large, false);
    }
    state->append(large, false);
    EXPECT_TRUE(state->wants_replacing());
    state->replace(bytes("one"));
    EXPECT_FALSE(state->wants_replacing());
}

TEST_F(StateFiles, TheKeyFileHolds64DigitsAndNothingElse) {
    const auto key_file = folder_ / "state.key";
    const auto read = [&](const std::string& text) {
        std::ofstream(key_file) << text;
        return to_hex(kmf::read_state_key(key_file).bytes());
    };
    const std::string digits(64, 'a');
    EXPECT_EQ(read(digits), digits);
    EXPECT_EQ(read(digits + "\n"), digits);
    for (const auto& text : {std::string(), std::string(63, 'a'), std::string(65, 'a'),
                             digits + "\n\n", std::string(63, 'a') + "g"}) {
        try {
            read(text);
            ADD_FAILURE() << "accepted: " << text;
        } catch (const std::runtime_error& error) {
            EXPECT_EQ(std::string(error.what()).find("aaaa"), std::string::npos);
        }
    }
    EXPECT_THROW(kmf::read_state_key(folder_ / "absent"), std::runtime_error);
}

TEST(StateRecords, ComeBackAsTheyWere) {
    kmf::SavedAssociation saved;
    saved.mdd = "mdd-2";
    saved.profiles = {9, 10};
    saved.admitted.conference = conference_id(2);
    saved.admitted.endpoint.fill(3);
    saved.admitted.profile = srtp::Profile::double_aes_256_gcm;
    saved.admitted.has_ekt = true;
    saved.admitted.tls_id = kAliceTlsId;
    saved.connection = tunnel::SecretBytes(std::vector<std::uint8_t>{4, 5, 6});
    kmf::SavedKeys keys;
    keys.key_bytes = 32;
    keys.keys.key.spi = 77;
    keys.keys.key.key.writable()[31] = 9;
    keys.keys.spis_used = 65536;
    keys.keys.is_stale = true;
    keys.made_at = std::chrono::system_clock::time_point(1234567890123ms);
    kmf::StateChanges changes;
    const kmf::AssociationKey name{"mdd-1", association_id(1)};
    changes.emplace_back(kmf::AssociationChange{name, std::move(saved)});
    changes.emplace_back(kmf::KeysChange{conference_id(2), std::move(keys)});
    const auto encoded = kmf::encode(changes);
    kmf::SavedState state;
    state.apply(*kmf::decode_changes(encoded.bytes()));
    ASSERT_EQ(state.associations.size(), 1u);
    const auto& one = state.associations.at(name);
    EXPECT_EQ(one.mdd, "mdd-2");
    EXPECT_EQ(one.profiles, (std::vector<std::uint16_t>{9, 10}));
    EXPECT_EQ(one.admitted.conference, conference_id(2));
    EXPECT_EQ(one.admitted.profile, srtp::Profile::double_aes_256_gcm);
    EXPECT_TRUE(one.admitted.has_ekt);
    EXPECT_EQ(one.admitted.tls_id, kAliceTlsId);
    EXPECT_EQ(to_hex(one.connection.bytes()), "040506");
    const auto& other = state.conferences.at(conference_id(2));
    EXPECT_EQ(other.key_bytes, 32u);
    EXPECT_EQ(other.keys.key.spi, 77);
    EXPECT_EQ(other.keys.key.key.bytes()[31], 9);
    EXPECT_EQ(other.keys.spis_used, 65536u);
    EXPECT_TRUE(other.keys.is_stale);
    EXPECT_EQ(other.made_at, std::chrono::system_clock::time_point(1234567890123ms));

    kmf::StateChanges gone;
    gone.emplace_back(kmf::AssociationChange{name, std::nullopt});
    gone.emplace_back(kmf::KeysChange{conference_id(2), std::nullopt});
    state.apply(*kmf::decode_changes(kmf::encode(gone).bytes()));
    EXPECT_TRUE(state.associations.empty());
    EXPECT_TRUE(state.conferences.empty());
    for (std::size_t size = 1; size < encoded.size(); ++size) {
        const auto cut = kmf::decode_changes(encoded.bytes().first(size));
        EXPECT_TRUE(!cut || cut->size() == 1) << size;
    }
}

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
