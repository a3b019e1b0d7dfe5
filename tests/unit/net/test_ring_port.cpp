// The in-process ring port: what is injected is received, what is sent is collected, and nothing
// leaks.
#include <gtest/gtest.h>

#include <thread>

#include "tests/support/hex.h"
#include "tests/support/ring_port.h"

namespace mdd::test {
namespace {

using Bytes = std::vector<std::uint8_t>;

TEST(RingPort, delivers_injected_frames_on_the_chosen_queue_in_order) {
    RingPort ring("order", 2, 1);
    ring.inject(1, Bytes{1, 2, 3});
    ring.inject(1, Bytes(1514, 0xee));
    rte_mbuf* packets[4];
    EXPECT_EQ(ring.port().rx_burst(0, packets, 4), 0);
    ASSERT_EQ(ring.port().rx_burst(1, packets, 4), 2);
    EXPECT_EQ(rte_pktmbuf_data_len(packets[0]), 3);
    EXPECT_EQ(rte_pktmbuf_data_len(packets[1]), 1514);
    EXPECT_EQ(rte_pktmbuf_mtod(packets[0], std::uint8_t*)[2], 3);
    rte_pktmbuf_free_bulk(packets, 2);
}

TEST(RingPort, collects_what_was_sent_per_queue) {
    RingPort ring("loop", 1, 2);
    const unsigned free_before = ring.free_buffers();
    const Bytes first{0xaa}, second{0xbb, 0xcc};
    ring.inject(0, first);
    ring.inject(0, second);
    rte_mbuf* packets[2];
    ASSERT_EQ(ring.port().rx_burst(0, packets, 2), 2);
    EXPECT_EQ(ring.port().tx_burst(1, &packets[0], 1), 1);
    EXPECT_EQ(ring.port().tx_burst(0, &packets[1], 1), 1);
    EXPECT_EQ(ring.collect(1), std::vector<Bytes>{first});
    EXPECT_EQ(ring.collect_all(), std::vector<Bytes>{second});
    EXPECT_EQ(ring.free_buffers(), free_before);
}

TEST(RingPort, counts_packets_of_the_device) {
    RingPort ring("count", 1, 1);
    ring.inject(0, Bytes(60, 0));
    rte_mbuf* packet;
    ASSERT_EQ(ring.port().rx_burst(0, &packet, 1), 1);
    ASSERT_EQ(ring.port().tx_burst(0, &packet, 1), 1);
    EXPECT_EQ(ring.port().counters().rx_packets, 1u);
    EXPECT_EQ(ring.port().counters().tx_packets, 1u);
    EXPECT_TRUE(ring.port().link().up);
}

TEST(RingPort, refuses_a_frame_longer_than_a_buffer_and_a_full_ring) {
    RingPort ring("full", 1, 1, 4);
    EXPECT_THROW(ring.inject(0, Bytes(4000, 0)), std::runtime_error);
    for (int i = 0; i < 3; ++i) ring.inject(0, Bytes{1});
    EXPECT_THROW(ring.inject(0, Bytes{1}), std::runtime_error);
    EXPECT_EQ(ring.free_buffers(), 4095u - 3);
}

TEST(RingPort, a_worker_thread_of_eal_forwards_between_rings) {
    RingPort ring("work", 1, 1);
    for (std::uint8_t i = 0; i < 32; ++i) ring.inject(0, Bytes{i});
    unsigned forwarded = 0;
    test_eal().launch_worker(0, [&] {
        rte_mbuf* packets[8];
        while (const std::uint16_t count = ring.port().rx_burst(0, packets, 8))
            forwarded += ring.port().tx_burst(0, packets, count);
    });
    test_eal().join(0);
    EXPECT_EQ(forwarded, 32u);
    const auto sent = ring.collect(0);
    ASSERT_EQ(sent.size(), 32u);
    for (std::uint8_t i = 0; i < 32; ++i) EXPECT_EQ(sent[i], Bytes{i});
}

}  // namespace
}  // namespace mdd::test
