// A poll core allocates nothing: every allocation of the process is counted while a worker runs.
#include <gtest/gtest.h>

#include <cstdlib>
#include <new>

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
void operator delete(void* memory) noexcept {
    if (counting) ++allocations;
    std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
    operator delete(memory);
}

namespace mdd::test {
namespace {

constexpr std::uint32_t kSsrc = 0xcafebabe;

class PollCore : public testing::Test {
  protected:
    static void SetUpTestSuite() { ASSERT_EQ(srtp::aead_start(), srtp::AeadStart::ok); }
    // Allocations, and what was freed, while the worker works its mailbox and queues off.
    unsigned allocated_in(unsigned rounds) {
        allocations = 0;
        counting = true;
        for (unsigned i = 0; i < rounds; ++i) bed.poll(0);
        counting = false;
        return allocations;
    }
    WorkerBed bed{BedOptions{.workers = 1, .members = 2}};
};

TEST_F(PollCore, enters_ssrc_owners_without_allocating) {
    constexpr unsigned kMany = 200;
    for (std::uint32_t ssrc = 0; ssrc < kMany; ++ssrc)
        bed.hand_in(0, WorkerBed::ssrc_owner(ssrc, 0));
    for (std::uint32_t ssrc = 0; ssrc < 20; ++ssrc) bed.hand_in(0, WorkerBed::ssrc_owner(ssrc, 1));
    EXPECT_EQ(allocated_in(20), 0u);
    EXPECT_EQ(bed.take_back(0), kMany + 20);
    for (std::uint32_t ssrc = 0; ssrc < kMany; ++ssrc) bed.hand_in(0, ClearSsrcOwner{0, ssrc, {}});
    EXPECT_EQ(allocated_in(20), 0u);
    EXPECT_EQ(bed.take_back(0), kMany);
}

TEST_F(PollCore, lets_an_endpoint_go_without_allocating) {
    bed.key(0);
    bed.key(1);
    bed.send_rtp(0, kSsrc, 1);
    bed.step();
    bed.hand_in(0, RetireReceiveKeys{0, 0, /*all=*/true});
    EXPECT_EQ(allocated_in(1), 0u);
    EXPECT_EQ(bed.take_back(0), 1u);
}

}  // namespace
}  // namespace mdd::test
