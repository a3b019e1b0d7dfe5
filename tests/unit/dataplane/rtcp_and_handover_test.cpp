// RTCP through a worker, and packets that arrive on another worker than the owner's.
#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include "dataplane/datagram.h"
#include "dataplane/net/arp.h"
#include "dataplane/net/frame.h"
#include "tests/support/hex.h"
#include "tests/unit/dataplane/forwarding.h"
#include "tests/unit/net/frames.h"

namespace mdd::test {
namespace {

using srtp::Verdict;

constexpr std::uint32_t kOtherSsrc = 0x0badf00d;

Packet sender_report_and_sdes(const std::string& ssrc) {
    return from_hex("80c80006" + ssrc + "0102030405060708112233440000000a000003e8" + "81ca0003" +
                    ssrc + "0103616263000000");
}

// Requests of kSsrc for a key frame of kOtherSsrc.
const auto kPliPacket = from_hex("80c90001cafebabe81ce0002cafebabe0badf00d");
const auto kFirPacket = from_hex("80c90001cafebabe84ce0004cafebabe000000000badf00d01000000");

class Worker2 : public testing::Test {
  protected:
    static void SetUpTestSuite() { ASSERT_EQ(srtp::aead_start(), srtp::AeadStart::ok); }
    void SetUp() override {
        bed = std::make_unique<WorkerBed>(BedOptions{.workers = 2, .members = 3});
        for (unsigned m = 0; m < 3; ++m) bed->key(m);
    }
    std::unique_ptr<WorkerBed> bed;
};

TEST_F(Worker2, sender_reports_reach_everybody_else) {
    for (int i = 0; i < 3; ++i) {
        bed->send_rtcp(0, sender_report_and_sdes("cafebabe"));
        bed->step();
    }
    for (const unsigned m : {1u, 2u}) {
        const auto received = bed->take(m);
        ASSERT_EQ(received.size(), 3u);
        EXPECT_EQ(received[0].plain, sender_report_and_sdes("cafebabe"));
    }
    EXPECT_EQ(bed->take(0).size(), 0u);
    EXPECT_EQ(bed->refused(1) + bed->refused(2), 0u);
    EXPECT_TRUE(bed->conserved());
}

TEST_F(Worker2, pli_reaches_only_the_source_of_the_media) {
    bed->send_rtp(1, kOtherSsrc, 5);
    bed->step();
    bed->take(0);
    bed->take(2);
    bed->send_rtcp(0, kPliPacket);
    bed->step();
    EXPECT_EQ(bed->take(1).size(), 1u);
    EXPECT_EQ(bed->take(2).size(), 0u);
    EXPECT_TRUE(bed->conserved());
}

TEST_F(Worker2, of_many_requests_for_a_key_frame_one_of_a_kind_in_500_ms_reaches_the_source) {
    const auto pli_of_another = from_hex("80c90001cafebabf81ce0002cafebabf0badf00d");
    bed->send_rtp(1, kOtherSsrc, 5);
    bed->step();
    bed->take(0);
    bed->take(2);
    const auto begun = std::chrono::steady_clock::now();
    for (int i = 0; i < 3; ++i) bed->send_rtcp(0, kFirPacket);
    for (int i = 0; i < 2; ++i) bed->send_rtcp(0, kPliPacket);
    bed->send_rtcp(2, pli_of_another);
    bed->step();
    EXPECT_EQ(bed->take(1).size(), 2u) << "one of each kind";
    EXPECT_EQ(bed->dropped(Verdict::feedback_rate), 4u);
    std::this_thread::sleep_until(begun + std::chrono::milliseconds(700));
    bed->send_rtcp(2, pli_of_another);
    bed->step();
    EXPECT_EQ(bed->take(1).size(), 1u);
    EXPECT_TRUE(bed->conserved());
}

TEST_F(Worker2, a_request_for_a_key_frame_that_cannot_be_sent_keeps_none_back) {
    bed->send_rtp(1, kOtherSsrc, 5);
    bed->step();
    bed->post_all([] { return SetTransmitKeys{0, 1, nullptr, 0}; });
    bed->send_rtcp(0, kPliPacket);
    bed->step();
    EXPECT_EQ(bed->dropped(Verdict::leg_not_keyed), 1u);
    bed->switch_transmit(1, /*fresh=*/true);
    bed->send_rtcp(0, kPliPacket);
    bed->step();
    EXPECT_EQ(bed->take(1).size(), 1u);
    EXPECT_EQ(bed->dropped(Verdict::feedback_rate), 0u);
    EXPECT_TRUE(bed->conserved());
}

TEST_F(Worker2, receiver_reports_are_counted_and_held_back) {
    bed->send_rtcp(0, from_hex("81c90007cafebabe0badf00d0000000000001234000000000000000000000000"));
    bed->step();
    EXPECT_EQ(bed->take(1).size() + bed->take(2).size(), 0u);
    EXPECT_EQ(bed->dropped(Verdict::rtcp_held), 1u);
    EXPECT_EQ(bed->total(&Counters::rtcp_parts_held), 1u);
    EXPECT_TRUE(bed->conserved());
}

TEST_F(Worker2, replayed_forged_and_short_srtcp_is_counted) {
    const auto first = sender_report_and_sdes("cafebabe");
    bed->send_rtcp(0, first);
    bed->step();
    bed->send_datagram(0, Packet(27, 0x81));
    auto forged = from_hex("81c90001cafebabe");
    forged.resize(40, 7);
    bed->send_datagram(0, forged);
    bed->step();
    EXPECT_EQ(bed->dropped(Verdict::auth_fail), 1u);
    EXPECT_EQ(bed->take(1).size(), 1u);
    EXPECT_TRUE(bed->conserved());
}

TEST_F(Worker2, packets_on_any_queue_come_out_exactly_once_and_in_order_per_queue) {
    bed->send_rtp(0, kSsrc, 0);
    bed->step();
    // Member 0 belongs to worker 0; every third packet arrives at worker 1 and is handed over.
    for (std::uint16_t i = 1; i <= 900; ++i) {
        bed->send_rtp(0, kSsrc, i, 50, i % 3 == 0 ? 1 : 0);
        if (i % 90 == 0) bed->step();
    }
    bed->step();
    const auto received = bed->take(1);
    ASSERT_EQ(received.size(), 901u);
    std::vector<bool> seen(901);
    int last_direct = -1, last_handed = -1;
    for (const auto& packet : received) {
        EXPECT_FALSE(seen[packet.original_sequence]);
        seen[packet.original_sequence] = true;
        const bool handed = packet.original_sequence % 3 == 0 && packet.original_sequence != 0;
        int& last = handed ? last_handed : last_direct;
        EXPECT_GT(static_cast<int>(packet.original_sequence), last);
        last = packet.original_sequence;
    }
    EXPECT_EQ(bed->refused(1), 0u);
    EXPECT_TRUE(bed->conserved());
}

TEST_F(Worker2, a_full_hand_off_ring_drops_and_counts) {
    bed->send_rtp(0, kSsrc, 0);
    bed->step();
    for (std::uint16_t i = 1; i <= 1100; ++i) bed->send_rtp(0, kSsrc, i, 20, 1);
    for (int i = 0; i < 40; ++i) bed->poll(1);  // the owner is not polled meanwhile
    EXPECT_EQ(bed->dropped(Verdict::handoff_full), 1100u - WorkerBed::kHandOffRoom);
    EXPECT_EQ(bed->total(&Counters::handed_over), WorkerBed::kHandOffRoom);
    bed->step();
    EXPECT_EQ(bed->take(1).size(), 1 + WorkerBed::kHandOffRoom);
    EXPECT_TRUE(bed->conserved());
}

TEST(Worker3, what_comes_to_one_queue_goes_to_its_owners_whole_bursts_at_a_time) {
    ASSERT_EQ(srtp::aead_start(), srtp::AeadStart::ok);
    WorkerBed bed(BedOptions{.workers = 3, .members = 3});
    for (unsigned m = 0; m < 3; ++m) bed.key(m);
    for (unsigned m = 0; m < 3; ++m) bed.send_rtp(m, kSsrc + m, 0, 50, 0);
    bed.step();
    constexpr std::uint16_t kEach = 200;
    for (std::uint16_t i = 1; i <= kEach; ++i)
        for (unsigned m = 0; m < 3; ++m) bed.send_rtp(m, kSsrc + m, i, 50, 0);
    bed.step();
    EXPECT_EQ(bed.total(&Counters::handed_over), 2u * (kEach + 1));
    for (WorkerIndex w = 0; w < 3; ++w)
        EXPECT_EQ(bed.counters(w).rtp_received.read(), kEach + 1u) << unsigned{w};
    for (unsigned m = 0; m < 3; ++m) EXPECT_EQ(bed.take(m).size(), 2u * (kEach + 1)) << m;
    EXPECT_EQ(bed.counters(1).received.read() + bed.counters(2).received.read(), 0u);
    EXPECT_TRUE(bed.conserved());
}

TEST_F(Worker2, the_srtcp_index_of_a_leg_goes_on_after_a_rejoin) {
    for (int i = 0; i < 5; ++i) {
        bed->send_rtcp(0, sender_report_and_sdes("cafebabe"));
        bed->step();
    }
    bed->take(1);
    bed->leave(0);
    bed->key(0);
    bed->send_rtcp(0, sender_report_and_sdes("cafebabe"));
    bed->step();
    EXPECT_EQ(bed->take(1).size(), 1u);
    EXPECT_EQ(bed->refused(1), 0u);
}

TEST_F(Worker2, datagrams_of_strangers_and_of_no_kind_are_counted) {
    bed->send_datagram(0, Packet{0, 1, 0, 0});
    bed->send_datagram(0, Packet{70, 1, 0, 0});
    bed->send_datagram(0, Packet{});
    auto stranger = WorkerBed::frame_from(90, Packet(60, 0x80));
    bed->ring().inject(0, stranger);
    bed->send_datagram(0, Packet{22, 0xfe, 0xfd, 0, 0});
    bed->step();
    EXPECT_EQ(bed->dropped(Verdict::stun_unknown_ufrag), 1u);
    EXPECT_EQ(bed->dropped(Verdict::demux_unknown), 2u);
    EXPECT_EQ(bed->dropped(Verdict::unknown_source), 1u);
    ASSERT_EQ(bed->notices().size(), 1u);
    EXPECT_EQ(bed->notices()[0].kind, Notice::Kind::dtls);
    EXPECT_EQ(bed->notices()[0].payload_bytes, 5u);
    EXPECT_TRUE(bed->conserved());
}

TEST_F(Worker2, a_flood_of_dtls_is_counted_and_does_not_keep_an_ssrc_from_control) {
    constexpr unsigned kFlood = 300;  // more than the mailbox holds
    for (unsigned i = 0; i < kFlood; ++i) bed->send_datagram(0, Packet{22, 0xfe, 0xfd, 0, 0});
    bed->send_rtp(0, kSsrc, 7);
    for (int i = 0; i < 20; ++i) bed->poll(0);  // control does not look meanwhile
    EXPECT_GT(bed->dropped(Verdict::dtls_rate), kFlood / 2);
    EXPECT_EQ(bed->dropped(Verdict::ssrc_pending), 0u);
    bed->step();
    EXPECT_EQ(bed->take(1).size(), 1u);
    EXPECT_TRUE(bed->conserved());
}

TEST_F(Worker2, a_datagram_of_control_leaves_in_a_buffer_of_the_worker) {
    const Packet hello{22, 0xfe, 0xfd, 1, 2, 3};
    const auto before = bed->free_buffers();
    bed->post(0, SendDatagram{0, 1, make_datagram(bed->ring().pool(), hello)});
    bed->poll(0);
    const auto sent = bed->ring().collect_all();
    ASSERT_EQ(sent.size(), 1u);
    net::Frame parsed;
    ASSERT_EQ(net::parse_frame(sent[0], parsed), Verdict::accepted);
    EXPECT_EQ(parsed.destination, WorkerBed::address_of(1));
    const auto payload = net::payload_of(sent[0], parsed);
    EXPECT_EQ(Packet(payload.begin(), payload.end()), hello);
    EXPECT_EQ(bed->free_buffers(), before);
    EXPECT_TRUE(bed->conserved());

    {
        const Shortage shortage(bed->copy_pool(), 0);
        bed->post(0, SendDatagram{0, 1, make_datagram(bed->ring().pool(), hello)});
        EXPECT_EQ(bed->dropped(Verdict::leg_nombuf), 1u);
    }
    EXPECT_EQ(bed->free_buffers(), before);
    EXPECT_TRUE(bed->conserved());
}

TEST_F(Worker2, echo_is_answered_from_a_buffer_of_the_worker) {
    auto request = echo_frame();
    const auto& local_mac = bed->ring().port().mac().bytes;
    std::copy(local_mac.begin(), local_mac.end(), request.begin());
    srtp::store_be32(&request[30], 0x0a090001);
    fix_ip_checksum(request);
    const auto before = bed->free_buffers();
    {
        const Shortage shortage(bed->copy_pool(), 0);
        bed->ring().inject(0, request);
        bed->step();
        EXPECT_EQ(bed->dropped(Verdict::rx_nombuf), 1u);
    }
    bed->ring().inject(0, request);
    bed->poll(0);
    const auto sent = bed->ring().collect_all();
    ASSERT_EQ(sent.size(), 1u);
    EXPECT_EQ(sent[0].size(), request.size());
    EXPECT_TRUE(std::equal(request.begin() + 6, request.begin() + 12, sent[0].begin()));
    EXPECT_EQ(bed->total(&Counters::originated), 1u);
    EXPECT_EQ(bed->free_buffers(), before);
    EXPECT_TRUE(bed->conserved());
}

TEST_F(Worker2, media_is_for_us_at_each_of_our_udp_ports_and_nowhere_else) {
    // Of the destination, in the IPv4 and in the UDP header.
    constexpr std::size_t kAddressAt = net::kEthernetBytes + 16;
    constexpr std::size_t kPortAt = net::kEthernetBytes + net::kIpv4Bytes + 2;
    const auto to = [&](std::uint16_t port) {
        auto frame = WorkerBed::frame_from(77, Packet(60, 0x80));
        srtp::store_be16(&frame[kPortAt], port);
        return frame;
    };
    bed->ring().inject(0, to(WorkerBed::kUdpPort));
    bed->ring().inject(0, to(WorkerBed::kOtherUdpPort));
    bed->step();
    EXPECT_EQ(bed->dropped(Verdict::unknown_source), 2u);
    bed->ring().inject(0, to(WorkerBed::kUdpPort + 1));
    auto elsewhere = to(WorkerBed::kUdpPort);
    // The sum of its words stays, and so does the checksum.
    ++elsewhere[kAddressAt + 3];
    --elsewhere[kAddressAt + 1];
    bed->ring().inject(0, elsewhere);
    bed->step();
    EXPECT_EQ(bed->dropped(Verdict::not_for_us), 2u);
    EXPECT_EQ(bed->dropped(Verdict::unknown_source), 2u);
    EXPECT_TRUE(bed->conserved());
}

TEST_F(Worker2, arp_for_us_is_answered_and_learnt) {
    std::array<std::uint8_t, net::kArpFrameBytes> request{};
    const net::MacAddress asker{{2, 0, 0, 0, 1, 0}};
    net::write_arp_request(request.data(), asker, *net::parse_ipv4("10.9.0.2"),
                           *net::parse_ipv4("10.9.0.1"));
    bed->ring().inject(0, request);
    net::write_arp_request(request.data(), asker, *net::parse_ipv4("10.9.0.2"),
                           *net::parse_ipv4("10.9.0.77"));
    bed->ring().inject(0, request);
    for (int i = 0; i < 4; ++i) bed->step();
    ASSERT_EQ(bed->notices().size(), 1u);
    EXPECT_EQ(bed->notices()[0].kind, Notice::Kind::neighbour);
    EXPECT_EQ(bed->notices()[0].mac, asker);
    EXPECT_EQ(bed->total(&Counters::originated), 1u);
    EXPECT_EQ(bed->dropped(Verdict::not_for_us), 1u);
    EXPECT_TRUE(bed->conserved());
}

}  // namespace
}  // namespace mdd::test
