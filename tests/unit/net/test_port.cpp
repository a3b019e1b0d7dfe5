// Ports on real in-process devices: what the device agrees to, what is refused and in which words,
// waiting and waking.
#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include "dataplane/rx_waiter.h"
#include "tests/support/ring_port.h"

namespace mdd {
namespace {

using namespace std::chrono_literals;

PortConfig null_config(const std::string& device) {
    PortConfig config;
    config.name = "media0";
    config.device = device;
    return config;
}

class PortTest : public testing::Test {
  protected:
    void SetUp() override {
        test::test_eal();
        pool_ = make_packet_pool("port-test", 4095, SOCKET_ID_ANY);
    }
    Port open(const PortConfig& config) {
        const std::vector<rte_mempool*> pools(config.rx_queues, pool_.get());
        return Port::open(config, pools);
    }
    std::string refusal(const PortConfig& config) {
        try {
            open(config);
        } catch (const std::runtime_error& error) {
            return error.what();
        }
        return "opened";
    }
    void expect_refusal(const PortConfig& config, const std::string& part) {
        const std::string text = refusal(config);
        EXPECT_NE(text.find(part), std::string::npos) << text;
        EXPECT_EQ(text.rfind("port \"media0\": ", 0), 0u) << text;
        EXPECT_EQ(text.back(), '.') << text;
    }

    PacketPool pool_;
};

TEST_F(PortTest, plugs_a_device_by_name_and_polls_it) {
    Port port = open(null_config("net_null0,size=64"));
    EXPECT_EQ(port.name(), "media0");
    EXPECT_FALSE(port.mac().is_group());
    rte_mbuf* packets[32];
    ASSERT_EQ(port.rx_burst(0, packets, 32), 32);
    EXPECT_EQ(rte_pktmbuf_pkt_len(packets[0]), 64u);
    EXPECT_EQ(port.tx_burst(0, packets, 32), 32);
    EXPECT_EQ(port.counters().tx_packets, 32u);
    EXPECT_EQ(rte_mempool_avail_count(pool_.get()), 4095u);
}

TEST_F(PortTest, the_same_name_can_be_opened_again_after_closing) {
    for (int round = 0; round < 3; ++round) {
        Port port = open(null_config("net_null1"));
        EXPECT_TRUE(port.link().up);
        port.stop();
        port.stop();
    }
    std::uint16_t id;
    EXPECT_NE(rte_eth_dev_get_port_by_name("net_null1", &id), 0);
}

TEST_F(PortTest, moves_without_closing_twice) {
    Port port = open(null_config("net_null2"));
    const std::uint16_t id = port.ethdev_id();
    Port moved = std::move(port);
    EXPECT_EQ(moved.ethdev_id(), id);
    rte_mbuf* packet;
    ASSERT_EQ(moved.rx_burst(0, &packet, 1), 1);
    rte_pktmbuf_free(packet);
    moved = open(null_config("net_null3"));
    std::uint16_t gone;
    EXPECT_NE(rte_eth_dev_get_port_by_name("net_null2", &gone), 0);
}

TEST_F(PortTest, says_what_fell_back_to_software) {
    Port port = open(null_config("net_null4"));
    EXPECT_FALSE(port.features().tx_udp_checksum);
    EXPECT_FALSE(port.features().rx_ipv4_checksum);
    EXPECT_FALSE(port.features().rx_interrupts);
    std::string all;
    for (const auto& line : port.features().fallbacks) all += line + "\n";
    EXPECT_NE(all.find("UDP checksums are computed in software"), std::string::npos) << all;
    EXPECT_NE(all.find("IPv4 header checksums are verified in software"), std::string::npos);
    EXPECT_NE(all.find("no receive interrupts"), std::string::npos);
}

TEST_F(PortTest, hashes_only_where_there_is_more_than_one_queue) {
    PortConfig config = null_config("net_null5");
    EXPECT_FALSE(open(config).features().rss);
    config.rx_queues = config.tx_queues = 4;
    Port port = open(config);
    EXPECT_TRUE(port.features().rss);
    EXPECT_EQ(port.rx_queues(), 4);
}

TEST_F(PortTest, spreads_flows_over_as_many_workers_as_it_has_queues_that_hash) {
    PortConfig config = null_config("net_null12");
    EXPECT_FALSE(open(config).spreads_flows_over(2));
    config.rx_queues = config.tx_queues = 2;
    Port port = open(config);
    EXPECT_TRUE(port.spreads_flows_over(1));
    EXPECT_TRUE(port.spreads_flows_over(2));
    EXPECT_FALSE(port.spreads_flows_over(3));
}

TEST_F(PortTest, keeps_the_descriptors_of_a_device_without_limits) {
    PortConfig config = null_config("net_null11");
    config.rx_desc = 96;
    config.tx_desc = 80;
    Port port = open(config);
    EXPECT_EQ(port.features().rx_desc, 96);
    EXPECT_EQ(port.features().tx_desc, 80);
    for (const auto& line : port.features().fallbacks)
        EXPECT_EQ(line.find("descriptors"), std::string::npos) << line;
}

TEST_F(PortTest, names_a_device_that_is_not_there) {
    expect_refusal(null_config("net_bogus0"), "\"net_bogus0\" (no driver has that name)");
    expect_refusal(null_config("net_af_packet0,iface=nosuch0"),
                   "there is no network interface \"nosuch0\"");
    expect_refusal(null_config("net_af_packet0"), "names no iface=");
    test::RingPort other("known", 1, 1);
    expect_refusal(null_config("net_bogus0"), "it knows: net_ring_known");
}

TEST_F(PortTest, refuses_more_queues_than_the_device_has) {
    PortConfig config = null_config("net_null6");
    config.rx_queues = 2000;
    expect_refusal(config, "2000 receive queues are configured, but the device has 1024");
    config.rx_queues = 1;
    config.tx_queues = 0;
    expect_refusal(config, "0 transmit queues are configured");
}

TEST_F(PortTest, refuses_an_mtu_that_fits_no_buffer) {
    PortConfig config = null_config("net_null7");
    config.mtu = 9000;
    expect_refusal(config, "mtu 9000 does not fit the buffers of pool port-test");
    config.mtu = 20;
    expect_refusal(config, "mtu 20 is configured, but the device takes ");
}

TEST_F(PortTest, refuses_a_pool_count_that_is_not_one_per_queue) {
    PortConfig config = null_config("net_null8");
    config.rx_queues = 2;
    rte_mempool* one[] = {pool_.get()};
    EXPECT_THROW(Port::open(config, one), std::runtime_error);
    EXPECT_THROW(Port::adopt(31, config, one), std::runtime_error);
}

TEST_F(PortTest, a_refused_device_is_unplugged_again) {
    PortConfig config = null_config("net_null9");
    config.mtu = 9000;
    EXPECT_NE(refusal(config), "opened");
    std::uint16_t id;
    EXPECT_NE(rte_eth_dev_get_port_by_name("net_null9", &id), 0);
}

TEST_F(PortTest, a_pool_that_does_not_fit_memory_says_how_much_it_wanted) {
    try {
        make_packet_pool("huge", 1 << 20, SOCKET_ID_ANY);
        FAIL() << "64 MiB cannot hold it";
    } catch (const std::runtime_error& error) {
        EXPECT_NE(std::string(error.what()).find("1048576 buffers of 2176 bytes (2304 MiB)"),
                  std::string::npos)
            << error.what();
    }
}

TEST_F(PortTest, without_interrupts_waiting_is_a_short_timer) {
    Port port = open(null_config("net_null10"));
    RxWaiter waiter;
    waiter.add(port, 0);
    EXPECT_FALSE(waiter.on_interrupts());
    const auto before = std::chrono::steady_clock::now();
    EXPECT_FALSE(waiter.wait(1000000));
    EXPECT_LT(std::chrono::steady_clock::now() - before, 500ms);
    waiter.wake();
    EXPECT_TRUE(waiter.wait(1000000));
    EXPECT_FALSE(waiter.wait(10));
}

TEST_F(PortTest, a_waiter_without_queues_may_use_the_timer_too) {
    RxWaiter waiter;
    waiter.use_timer();
    const auto before = std::chrono::steady_clock::now();
    EXPECT_FALSE(waiter.wait(1000000));
    EXPECT_LT(std::chrono::steady_clock::now() - before, 500ms);
}

TEST_F(PortTest, a_waiter_is_woken_from_another_thread) {
    RxWaiter waiter;
    ASSERT_TRUE(waiter.on_interrupts());
    EXPECT_FALSE(waiter.wait(1000));
    std::thread waker([&] {
        std::this_thread::sleep_for(20ms);
        waiter.wake();
    });
    const auto before = std::chrono::steady_clock::now();
    EXPECT_TRUE(waiter.wait(10000000));
    EXPECT_LT(std::chrono::steady_clock::now() - before, 5s);
    waker.join();
    EXPECT_FALSE(waiter.wait(0));
}

}  // namespace
}  // namespace mdd
