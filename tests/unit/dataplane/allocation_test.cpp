// A poll core allocates nothing: every allocation of the process is counted while a worker runs.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <new>

#include "tests/support/hex.h"
#include "tests/support/worker_bed.h"

namespace {

bool counting = false;
unsigned allocations = 0;

}  // namespace

void* operator new(std::size_t bytes) {
    if (counting) ++allocations;
    if (void* memory = std::malloc(bytes)) return memory;
    throw std::bad_alloc();
}
// Kept whole: inlined, GCC sees free() called on what it holds to be new-ed elsewhere, and warns.
[[gnu::noinline]] void operator delete(void* memory) noexcept {
    if (counting) ++allocations;
    std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
    operator delete(memory);
}

namespace mdd::test {
namespace {

constexpr std::uint32_t kSsrc = 0xcafebabe, kOther = 0x0badf00d;

// The ledger of audit builds keeps every nonce, so that sealing allocates there.
#ifdef MDD_AUDIT
constexpr bool kSealingAllocates = true;
#else
constexpr bool kSealingAllocates = false;
#endif

// Allocations, and what was freed, while worker 0 works its mailbox and queues off.
unsigned allocated_in(WorkerBed& bed, unsigned rounds) {
    allocations = 0;
    counting = true;
    for (unsigned i = 0; i < rounds; ++i) bed.poll(0);
    counting = false;
    return allocations;
}

class PollCore : public testing::Test {
  protected:
    static void SetUpTestSuite() { ASSERT_EQ(srtp::aead_start(), srtp::AeadStart::ok); }
    WorkerBed bed{BedOptions{.workers = 1, .members = 2}};
};

TEST_F(PollCore, enters_ssrc_owners_without_allocating) {
    constexpr unsigned kMany = 200;
    for (std::uint32_t ssrc = 0; ssrc < kMany; ++ssrc) bed.hand_in(0, bed.ssrc_owner(ssrc, 0));
    for (std::uint32_t ssrc = 0; ssrc < 20; ++ssrc) bed.hand_in(0, bed.ssrc_owner(ssrc, 1));
    EXPECT_EQ(allocated_in(bed, 20), 0u);
    EXPECT_EQ(bed.take_back(0), kMany + 20);
    for (std::uint32_t ssrc = 0; ssrc < kMany; ++ssrc) bed.hand_in(0, ClearSsrcOwner{0, ssrc, {}});
    EXPECT_EQ(allocated_in(bed, 20), 0u);
    EXPECT_EQ(bed.take_back(0), kMany);
}

TEST_F(PollCore, lets_an_endpoint_go_without_allocating) {
    bed.key(0);
    bed.key(1);
    bed.send_rtp(0, kSsrc, 1);
    bed.step();
    bed.hand_in(0, RetireReceiveKeys{0, 0, /*all=*/true});
    EXPECT_EQ(allocated_in(bed, 1), 0u);
    EXPECT_EQ(bed.take_back(0), 1u);
}

TEST_F(PollCore, grants_an_ssrc_and_lets_its_packets_go_without_allocating) {
    Stream stream(kSsrc, 2);
    WorkerBed waiting(BedOptions{.workers = 1, .members = 2, .grant_ssrcs = false});
    waiting.key(0);
    const auto epoch = waiting.newest_epoch();
    if (!kSealingAllocates) waiting.key(1);
    for (std::uint16_t i = 0; i < 20; ++i) waiting.send_rtp(0, kSsrc, i);
    EXPECT_EQ(allocated_in(waiting, 2), 0u) << "held";
    waiting.hand_in(0, GrantSsrc{0, 0, &stream, epoch});
    EXPECT_EQ(allocated_in(waiting, 1), 0u);
    EXPECT_EQ(waiting.take_back(0), 1u);
    EXPECT_EQ(waiting.total(&Counters::planned), 20u);
}

TEST_F(PollCore, takes_a_restart_without_allocating) {
    bed.key(0);
    for (std::uint16_t i = 0; i < 4; ++i) bed.send_rtp(0, kSsrc + i, 20000);
    bed.step();
    bed.key(0, /*switch_transmit=*/false);
    for (std::uint16_t i = 0; i < 20; ++i) bed.send_rtp(0, kSsrc, i);
    EXPECT_EQ(allocated_in(bed, 2), 0u);
    bed.step();
    const auto proofs = std::ranges::count(bed.notices(), srtp::Proof::restart, &Notice::proof);
    EXPECT_EQ(proofs, 1);
}

TEST_F(PollCore, passes_requests_for_key_frames_without_allocating) {
    bed.key(0);
    bed.key(1);
    bed.send_rtp(0, kSsrc, 1);
    bed.send_rtp(1, kOther, 1);
    bed.step();
    const auto send_burst = [&] {
        for (int i = 0; i < 5; ++i) {
            bed.send_rtcp(0, from_hex("80c90001cafebabe81ce0002cafebabe0badf00d"));
            bed.send_rtcp(0, from_hex("80c90001cafebabe84ce0004cafebabe000000000badf00d01000000"));
        }
        return allocated_in(bed, 2);
    };
    const auto allocated = send_burst();
    EXPECT_EQ(bed.dropped(srtp::Verdict::feedback_rate), 8u) << "one of each kind was sealed";
    if (!kSealingAllocates) {
        EXPECT_EQ(allocated, 0u);
    }
    EXPECT_EQ(send_burst(), 0u);
    EXPECT_EQ(bed.dropped(srtp::Verdict::feedback_rate), 18u);
}

}  // namespace
}  // namespace mdd::test
