// What outlives the KMF: the sealed file and its lock, and the records in it. What another KMF
// makes of them: restart_test.cpp.
#include <gtest/gtest.h>

#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "tests/support/hex.h"
#include "tests/unit/kmf/world.h"
#include "tools/mdd-kmf/state_file.h"

namespace mdd::test {
namespace {

using namespace std::chrono_literals;
using kmf::StateFile;

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

}  // namespace
}  // namespace mdd::test
