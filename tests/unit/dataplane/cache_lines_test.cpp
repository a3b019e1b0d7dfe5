// Workers share no cache line by accident: the objects that a worker's rounds change are found by
// looking at all that the process has allocated before and after, and none of them may have a
// neighbour on its lines. Memory of hot_memory.h and DPDK's comes in whole lines anyway.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <new>
#include <set>
#include <vector>

#include "tests/bench/station.h"

namespace {

constexpr std::uintptr_t kLine = 64;

// What operator new has handed out and not taken back.
struct Block {
    char* memory;
    std::size_t size_bytes;
    bool of_worker;
    char* seen;  // its bytes at the last look
    bool holds(std::uintptr_t line) const {
        const auto from = reinterpret_cast<std::uintptr_t>(memory);
        return from < line + kLine && from + size_bytes > line;
    }
};
std::array<Block, 1 << 17> blocks;
std::size_t block_count = 0;
// Not while packets are sealed: the ledger of audit builds allocates then, which workers share.
bool building_worker = false;

void* enter(void* memory, std::size_t size_bytes) {
    if (memory == nullptr) throw std::bad_alloc();
    if (block_count == blocks.size()) std::abort();
    blocks[block_count++] = {static_cast<char*>(memory), size_bytes, building_worker, nullptr};
    return memory;
}

void leave(void* memory) {
    for (auto at = block_count; at-- > 0;) {
        if (blocks[at].memory != memory) continue;
        std::free(blocks[at].seen);
        blocks[at] = blocks[--block_count];
        break;
    }
    std::free(memory);
}

void look() {
    for (std::size_t at = 0; at < block_count; ++at) {
        auto& block = blocks[at];
        block.seen = static_cast<char*>(std::realloc(block.seen, block.size_bytes));
        std::copy_n(block.memory, block.size_bytes, block.seen);
    }
}

bool has_changed(const Block& block) {
    return block.of_worker && block.seen != nullptr &&
           !std::equal(block.seen, block.seen + block.size_bytes, block.memory);
}

// Of every object of a worker that has changed since the last look, all the lines: a byte that has
// been put back meanwhile was written too.
std::set<std::uintptr_t> changed_lines() {
    std::set<std::uintptr_t> lines;
    const auto count = block_count;  // without what `lines` allocates
    for (std::size_t at = 0; at < count; ++at) {
        const auto block = blocks[at];
        if (!has_changed(block)) continue;
        const auto from = reinterpret_cast<std::uintptr_t>(block.memory);
        for (auto line = from / kLine * kLine; line < from + block.size_bytes; line += kLine)
            lines.insert(line);
    }
    return lines;
}

std::ptrdiff_t objects_on(std::uintptr_t line) {
    return std::count_if(blocks.begin(), blocks.begin() + static_cast<std::ptrdiff_t>(block_count),
                         [line](const Block& block) { return block.holds(line); });
}

std::uintptr_t line_of(const void* address) {
    return reinterpret_cast<std::uintptr_t>(address) / kLine * kLine;
}

}  // namespace

void* operator new(std::size_t size_bytes) {
    return enter(std::malloc(size_bytes), size_bytes);
}
void* operator new(std::size_t size_bytes, std::align_val_t alignment) {
    const auto unit = static_cast<std::size_t>(alignment);
    return enter(std::aligned_alloc(unit, (size_bytes + unit - 1) / unit * unit), size_bytes);
}
void operator delete(void* memory) noexcept {
    leave(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
    leave(memory);
}
void operator delete(void* memory, std::align_val_t) noexcept {
    leave(memory);
}
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept {
    leave(memory);
}

namespace mdd::bench {
namespace {

constexpr unsigned kPackets = 511, kRounds = 8;

std::set<std::uintptr_t> lines_of_rounds(Station& station) {
    station.fill(kPackets, /*cold=*/false);
    const auto before = station.worker().counters().rtp_sent.read();
    look();
    for (unsigned round = 0; round < kRounds; ++round) station.worker().poll_once();
    EXPECT_GT(station.worker().counters().rtp_sent.read(), before);
    return changed_lines();
}

class CacheLines : public testing::Test {
  protected:
    static void SetUpTestSuite() {
        ASSERT_EQ(srtp::aead_start(), srtp::AeadStart::ok);
        auto eal = test::test_eal_config();
        eal.no_huge_mib = 96;
        test::test_eal(eal);
    }
    StationPorts left_ports{"left", kPackets}, right_ports{"right", kPackets};
};

TEST_F(CacheLines, that_a_worker_writes_hold_nothing_else) {
    const FanOutConfig config{.size_bytes = 100, .receivers = 4, .keys = 8};
    building_worker = true;
    HandOffQueue to_right(64), to_left(64);
    Station left(config, left_ports, {0, {nullptr, &to_right}, {nullptr, &to_left}});
    Station right(config, right_ports, {1, {&to_left, nullptr}, {&to_right, nullptr}});
    building_worker = false;
    left.open_streams();
    right.open_streams();
    const auto lefts = lines_of_rounds(left), rights = lines_of_rounds(right);
    EXPECT_TRUE(lefts.contains(line_of(&left.worker().counters().rtp_sent)));
    EXPECT_TRUE(rights.contains(line_of(&right.worker().counters().rtp_sent)));
    for (const auto line : lefts) {
        EXPECT_EQ(objects_on(line), 1) << std::hex << line;
        EXPECT_FALSE(rights.contains(line)) << std::hex << line;
    }
    for (const auto line : rights) EXPECT_EQ(objects_on(line), 1) << std::hex << line;
}

TEST_F(CacheLines, of_a_queue_hold_nothing_else_and_one_index_each) {
    building_worker = true;
    std::array<std::unique_ptr<HandOffQueue>, 3> queues;  // side by side, as mdd makes them
    for (auto& made : queues) made = std::make_unique<HandOffQueue>(64);
    building_worker = false;
    const auto& queue = queues[1];
    const auto written = [&](const auto& act) {
        const auto* bytes = reinterpret_cast<const char*>(queue.get());
        const std::vector<char> before(bytes, bytes + sizeof *queue);
        look();
        act();
        for (const auto line : changed_lines()) EXPECT_EQ(objects_on(line), 1);
        const auto at = std::mismatch(before.begin(), before.end(), bytes).first - before.begin();
        EXPECT_LT(at, static_cast<std::ptrdiff_t>(sizeof *queue)) << "nothing was written";
        return line_of(bytes + at);
    };
    const auto producers = written([&] { ASSERT_TRUE(queue->push({})); });
    HandedPacket taken;
    const auto consumers = written([&] { ASSERT_TRUE(queue->pop(taken)); });
    EXPECT_NE(producers, consumers);
}

}  // namespace
}  // namespace mdd::bench
