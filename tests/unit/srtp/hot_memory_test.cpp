// Hot memory: what is handed out, what comes back, and what happens when there is none. What it
// does for speed: tests/bench.
#include "dataplane/srtp/hot_memory.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <memory>
#include <set>
#include <utility>
#include <vector>

#include "tests/support/memory_policy.h"

namespace mdd::srtp {
namespace {

// In sanitizer builds every object is an allocation of its own.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kIsHeap = true;
#else
constexpr bool kIsHeap = false;
#endif

constexpr std::size_t kHugePage = std::size_t{2} << 20;

struct Piece {
    explicit Piece(std::size_t size_bytes)
        : at(static_cast<std::uint8_t*>(hot_allocate(size_bytes))), bytes(size_bytes) {}
    std::uint8_t* at;
    std::size_t bytes;
};

TEST(HotMemory, PiecesOfAnySizeBeginALineAndDoNotOverlap) {
    std::vector<Piece> pieces;
    for (const std::size_t size : {kHugePage - 64, kHugePage, kHugePage + 1, 3 * kHugePage})
        pieces.emplace_back(size);
    for (std::size_t size = 1; size < 3000; size += 7) pieces.emplace_back(size);
    for (std::size_t i = 0; i < pieces.size(); ++i) {
        EXPECT_EQ(reinterpret_cast<std::uintptr_t>(pieces[i].at) % 64, 0u);
        std::memset(pieces[i].at, static_cast<int>(i % 251), pieces[i].bytes);
    }
    for (std::size_t i = 0; i < pieces.size(); ++i) {
        const std::vector<std::uint8_t> expected(pieces[i].bytes,
                                                 static_cast<std::uint8_t>(i % 251));
        EXPECT_EQ(std::memcmp(pieces[i].at, expected.data(), expected.size()), 0) << i;
        hot_free(pieces[i].at, pieces[i].bytes);
    }
}

TEST(HotMemory, WhatWasFreedServesTheSameNumberOfLinesAndNoOther) {
    if (kIsHeap) GTEST_SKIP() << "the sanitizer's allocator keeps what was freed";
    constexpr std::size_t kSize = 64 * 777;  // nothing else here has it
    void* first = hot_allocate(kSize);
    hot_free(first, kSize);
    void* other = hot_allocate(kSize + 1);
    EXPECT_NE(other, first);
    void* again = hot_allocate(kSize - 63);
    EXPECT_EQ(again, first);
    void* second = hot_allocate(kSize);
    EXPECT_NE(second, first);
    hot_free(other, kSize + 1);
    hot_free(again, kSize);
    hot_free(second, kSize);
}

TEST(HotMemory, ARequestThatCannotBeMetIsAnExceptionAndTheNextOneIsMet) {
    if (kIsHeap) GTEST_SKIP() << "the sanitizer's allocator aborts instead";
    EXPECT_THROW(hot_allocate(std::size_t{1} << 60), std::bad_alloc);
    void* next = hot_allocate(64);
    EXPECT_NE(next, nullptr);
    hot_free(next, 64);
}

TEST(HotMemory, IsOfTheNodeThatItsThreadHasChosenForAsLongAsItHasChosenIt) {
    if (kIsHeap) GTEST_SKIP() << "the sanitizer's allocator knows no nodes";
    constexpr std::size_t kSize = 64 * 555;  // nothing else here has it
    void* before = hot_allocate(kSize);
    void* on_node = nullptr;
    {
        const OnNode here(0);
        {
            const OnNode nowhere(kAnyNode);
            void* inner = hot_allocate(kSize);
            EXPECT_EQ(test::preferred_node(inner), std::nullopt);
            hot_free(inner, kSize);
        }
        on_node = hot_allocate(kSize);
    }
    void* after = hot_allocate(kSize);
    EXPECT_EQ(test::preferred_node(before), std::nullopt);
    EXPECT_EQ(test::preferred_node(after), std::nullopt);
    if (!hot_memory_keeps_nodes()) GTEST_SKIP() << "this kernel lets nobody choose";
    EXPECT_EQ(test::preferred_node(on_node), 0);
    hot_free(before, kSize);
    hot_free(after, kSize);
    hot_free(on_node, kSize);
}

TEST(HotMemory, WhatWasFreedServesItsNodeAndNoOther) {
    if (kIsHeap) GTEST_SKIP() << "the sanitizer's allocator keeps what was freed";
    constexpr std::size_t kSize = 64 * 333;
    const auto allocate_on = [](NumaNode node) {
        const OnNode here(node);
        return hot_allocate(kSize);
    };
    void* first = allocate_on(0);
    hot_free(first, kSize);
    void* other = allocate_on(1);
    void* any = allocate_on(kAnyNode);
    EXPECT_NE(other, first);
    EXPECT_NE(any, first);
    EXPECT_EQ(allocate_on(0), first);
    hot_free(first, kSize);
    hot_free(other, kSize);
    hot_free(any, kSize);
}

TEST(HotMemory, WhatIsSeldomReadLiesOnNoPageOfWhatEveryPacketReads) {
    if (kIsHeap) GTEST_SKIP() << "the sanitizer's allocator knows no kinds";
    constexpr std::size_t kSize = 64 * 17;
    std::set<std::uintptr_t> often, seldom;
    std::vector<std::pair<void*, std::size_t>> pieces;
    for (int i = 0; i < 5000; ++i)
        for (auto* pages : {&often, &seldom}) {
            void* piece =
                hot_allocate(kSize, pages == &often ? Read::by_every_packet : Read::seldom);
            const auto at = reinterpret_cast<std::uintptr_t>(piece);
            pages->insert({at / kHugePage, (at + kSize - 1) / kHugePage});
            pieces.emplace_back(piece, kSize);
        }
    EXPECT_GE(often.size(), 2u) << "too few to tell";
    for (const auto page : seldom) EXPECT_FALSE(often.contains(page));
    for (const auto& [piece, size] : pieces) hot_free(piece, size);
}

// Last: the refusal is remembered.
TEST(HotMemory, ANodeThatIsNotThereIsAWishThatIsRefusedAndNoMore) {
    if (kIsHeap) GTEST_SKIP() << "the sanitizer's allocator knows no nodes";
    for (const NumaNode node : {1023, 1 << 20}) {
        const OnNode nowhere(node);
        void* memory = hot_allocate(64 * 444);
        ASSERT_NE(memory, nullptr);
        std::memset(memory, 1, 64 * 444);
        hot_free(memory, 64 * 444);
    }
    EXPECT_FALSE(hot_memory_keeps_nodes());
}

}  // namespace
}  // namespace mdd::srtp
