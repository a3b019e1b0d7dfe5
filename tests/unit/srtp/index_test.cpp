// Index estimation and replay window against their definitions: exhaustively at small widths, at
// random at full width.
#include "dataplane/srtp/index.h"

#include <gtest/gtest.h>

#include <random>
#include <set>

namespace mdd::srtp {
namespace {

// RFC 3711 §3.3.1: of ROC - 1, ROC, ROC + 1 the one whose index lies nearest to the highest; at
// equal distance ROC itself (App. A compares with > and not with >=).
template <unsigned SeqBits>
std::optional<std::uint64_t> nearest_index(std::uint64_t highest, std::uint32_t sequence) {
    const auto span = std::int64_t{1} << SeqBits;
    const auto roc = static_cast<std::int64_t>(highest) / span;
    std::int64_t best = roc * span + sequence;
    for (auto v : {roc - 1, roc + 1}) {
        const auto candidate = v * span + sequence;
        const auto distance = [&](std::int64_t index) {
            return std::abs(index - static_cast<std::int64_t>(highest));
        };
        if (distance(candidate) < distance(best)) best = candidate;
    }
    if (best < 0) return std::nullopt;
    return static_cast<std::uint64_t>(best);
}

TEST(EstimateIndex, AgreesWithTheRfcForEveryPairOfAFourBitSequence) {
    for (std::uint64_t highest = 0; highest < 16 * 16; ++highest)
        for (std::uint32_t sequence = 0; sequence < 16; ++sequence)
            ASSERT_EQ(estimate_index<4>(highest, sequence), nearest_index<4>(highest, sequence))
                << highest << " " << sequence;
}

TEST(EstimateIndex, AgreesWithTheRfcAtFullWidth) {
    std::mt19937_64 random(20240501);
    const std::uint64_t edges[] = {0, 1, 0x7fff, 0x8000, 0x8001, 0xffff};
    for (int i = 0; i < 2'000'000; ++i) {
        const auto roc = random() % 4 == 0 ? random() & 0xffffffff : random() % 3;
        const auto s_l = random() % 2 == 0 ? edges[random() % 6] : random() & 0xffff;
        const auto highest = roc << 16 | s_l;
        const auto sequence = static_cast<std::uint32_t>(
            random() % 2 == 0 ? (highest + edges[random() % 6] + random() % 3 - 1) & 0xffff
                              : random() & 0xffff);
        ASSERT_EQ(estimate_index<16>(highest, sequence), nearest_index<16>(highest, sequence))
            << highest << " " << sequence;
    }
}

TEST(EstimateIndex, RefusesWhatLiesBeforeTheStart) {
    EXPECT_EQ(estimate_index<16>(5, 0xfff0), std::nullopt);
    EXPECT_EQ(estimate_index<16>(0x10005, 0xfff0), 0xfff0u);
    EXPECT_EQ(estimate_index<16>(0xfff0, 5), 0x10005u);
}

// The window by its definition: remembers everything that was ever accepted.
struct ReferenceWindow {
    std::set<std::uint64_t> accepted;

    Replay check(std::uint64_t index, unsigned in_use) const {
        if (accepted.empty() || index > *accepted.rbegin()) return Replay::fresh;
        if (*accepted.rbegin() - index >= in_use) return Replay::too_old;
        return accepted.contains(index) ? Replay::duplicate : Replay::fresh;
    }
};

struct Receiver {
    ReplayWindow<4> window;
    ReferenceWindow reference;
};

// One packet with a 4-bit sequence reaches both; false: they disagree.
bool receive(Receiver& receiver, std::uint32_t sequence, unsigned in_use) {
    const auto& accepted = receiver.reference.accepted;
    if (receiver.window.started() != !accepted.empty()) return false;
    std::optional<std::uint64_t> index = sequence;
    if (!accepted.empty()) {
        if (receiver.window.highest() != *accepted.rbegin()) return false;
        index = estimate_index<4>(receiver.window.highest(), sequence);
        if (index != nearest_index<4>(*accepted.rbegin(), sequence)) return false;
    }
    if (!index) return true;
    const auto verdict = receiver.window.check(*index, in_use);
    if (verdict != receiver.reference.check(*index, in_use)) return false;
    if (verdict == Replay::fresh) {
        receiver.window.mark(*index);
        receiver.reference.accepted.insert(*index);
    }
    return true;
}

std::uint64_t explore(const Receiver& receiver, int length, unsigned in_use) {
    if (length == 0) return 1;
    std::uint64_t sequences = 0;
    for (std::uint32_t sequence = 0; sequence < 16; ++sequence) {
        Receiver next = receiver;
        if (!receive(next, sequence, in_use)) return 0;
        const auto below = explore(next, length - 1, in_use);
        if (below == 0) return 0;
        sequences += below;
    }
    return sequences;
}

TEST(ReplayWindow, EverySequenceOfFivePacketsMatchesTheDefinition) {
    EXPECT_EQ(explore(Receiver{}, 5, 4), 16u * 16 * 16 * 16 * 16);
}

TEST(ReplayWindow, EverySequenceOfFourPacketsMatchesTheDefinitionWithANarrowerWindow) {
    for (unsigned in_use : {1u, 2u, 3u})
        EXPECT_EQ(explore(Receiver{}, 4, in_use), 16u * 16 * 16 * 16);
}

TEST(ReplayWindow, LongRandomTrafficMatchesTheDefinition) {
    constexpr unsigned kWindow = 1024;
    std::mt19937_64 random(7);
    ReplayWindow<kWindow> window;
    ReferenceWindow reference;
    std::uint64_t base = 1000;
    for (int i = 0; i < 1'000'000; ++i) {
        const auto kind = random() % 1000;
        if (kind < 900) base += random() % 3;
        if (kind == 999) base += random() % (3 * kWindow);
        const auto reorder = kind % 2 == 0 ? random() % 8 : random() % (kWindow + 50);
        const auto index = base > reorder ? base - reorder : 0;
        const auto verdict = window.check(index);
        ASSERT_EQ(verdict, reference.check(index, kWindow)) << "step " << i;
        if (verdict != Replay::fresh) continue;
        window.mark(index);
        reference.accepted.insert(index);
        ASSERT_EQ(window.highest(), *reference.accepted.rbegin());
        if (reference.accepted.size() > 4 * kWindow)
            reference.accepted.erase(reference.accepted.begin());
    }
}

TEST(ReplayWindow, CheckingChangesNothing) {
    ReplayWindow<64> window;
    EXPECT_EQ(window.check(70000), Replay::fresh);
    EXPECT_FALSE(window.started());
    window.mark(100);
    EXPECT_EQ(window.check(70000), Replay::fresh);
    EXPECT_EQ(window.highest(), 100u);
    EXPECT_EQ(window.check(99), Replay::fresh);
    EXPECT_EQ(window.check(99), Replay::fresh);
}

TEST(ReplayWindow, ForgetsEverythingWhenReset) {
    ReplayWindow<64> window;
    window.mark(100);
    window.reset();
    EXPECT_FALSE(window.started());
    EXPECT_EQ(window.check(3), Replay::fresh);
}

TEST(ReplayWindow, a_size_in_use_beyond_its_memory_lets_nothing_old_through) {
    srtp::ReplayWindow<64> window;
    window.mark(1000);
    EXPECT_EQ(window.check(1000 - 64, 4096), srtp::Replay::too_old);
    EXPECT_EQ(window.check(1000 - 63, 4096), srtp::Replay::fresh);
    EXPECT_EQ(window.check(1000 - 16, 16), srtp::Replay::too_old);
}

}  // namespace
}  // namespace mdd::srtp
