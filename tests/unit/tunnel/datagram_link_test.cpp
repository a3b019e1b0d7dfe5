// What links of the first dialect have beside the other: keepalives, silence that may end, hints by
// ICMP, and a round trip.
#include <array>
#include <boost/asio/ip/udp.hpp>
#include <set>

#include "tests/unit/tunnel/link_bed.h"

namespace mdd::tunnel {
namespace {

using namespace test;

class TunnelDatagramLink : public LinkBed {
  protected:
    TunnelDatagramLink() : LinkBed(Dialect::dtls_v1) {}
};

TEST_F(TunnelDatagramLink, AKilledKmfIsNoticedAndItsSuccessorFound) {
    make_kmf();
    const std::uint16_t port = kmf_->listener.port();
    make_link(port);
    ASSERT_TRUE(come_up());
    run_for(Milliseconds(100), {&io_, &kmf_->io});  // an echo has been seen
    kmf_.reset();
    ASSERT_TRUE(run_until([&] { return !link_->is_up(); }, {&io_}));
    EXPECT_EQ(record_.count("down silent"), 1u);
    run_for(Milliseconds(150), {&io_});
    make_kmf(port);
    ASSERT_TRUE(come_up());
    EXPECT_EQ(record_.count("up kmf-a"), 2u);
    EXPECT_TRUE(link_->send(message_to(5, 10)));
    EXPECT_TRUE(
        run_until([&] { return kmf_->record.count("message 1 5") == 1; }, {&io_, &kmf_->io}));
}

TEST_F(TunnelDatagramLink, ARestartBetweenTwoProbesIsNoticedToo) {
    make_kmf();
    const std::uint16_t port = kmf_->listener.port();
    make_link(port);
    ASSERT_TRUE(come_up());
    run_for(Milliseconds(100), {&io_, &kmf_->io});
    kmf_.reset();
    make_kmf(port);  // answers nobody's old records, and no ICMP is ever sent
    ASSERT_TRUE(run_until([&] { return record_.count("up kmf-a") == 2; }, {&io_, &kmf_->io}));
    EXPECT_EQ(record_.count("down silent"), 1u);
    EXPECT_GT(kmf_->listener.counters().unknown_source, 0u);
}

TEST_F(TunnelDatagramLink, ASilentKmfThatAnswersAgainKeepsTheOldTunnel) {
    make_kmf();
    make_link(kmf_->listener.port());
    ASSERT_TRUE(come_up());
    run_for(Milliseconds(100), {&io_, &kmf_->io});
    // The KMF is stopped, not dead: its socket takes datagrams, nobody reads them.
    ASSERT_TRUE(run_until([&] { return !link_->is_up(); }, {&io_}));
    EXPECT_EQ(record_.lines.back(), "down silent");
    EXPECT_TRUE(link_->send(message_to(6, 10))) << "the old tunnel is still there";
    ASSERT_TRUE(run_until([&] { return link_->is_up(); }, {&io_, &kmf_->io}));
    EXPECT_TRUE(
        run_until([&] { return kmf_->record.count("message 1 6") == 1; }, {&io_, &kmf_->io}));
    EXPECT_EQ(kmf_->record.count("down 1 silent"), 0u);
    EXPECT_EQ(record_.count("up kmf-a"), 2u);
}

TEST_F(TunnelDatagramLink, NewCredentialsAreUsedEvenWhenTheOldTunnelAnswersAgain) {
    make_kmf();
    make_link(kmf_->listener.port());
    ASSERT_TRUE(come_up());
    run_for(Milliseconds(100), {&io_, &kmf_->io});
    ASSERT_TRUE(run_until([&] { return !link_->is_up(); }, {&io_})) << "the KMF is stopped";
    link_->renew(pki().credentials("mdd-renewed"));
    run_for(Milliseconds(20), {&io_});
    ASSERT_TRUE(until([&] { return kmf_->record.lines.back() == "down 1 closed_by_peer"; }));
    EXPECT_NE(kmf_->record.lines[1].find("mdd-renewed"), std::string::npos);
    EXPECT_EQ(record_.count("up kmf-a"), 3u) << "the first, the answer, and the new one";
}

TEST_F(TunnelDatagramLink, EveryAttemptHasItsOwnSourcePort) {
    boost::asio::ip::udp::socket mute(io_, {boost::asio::ip::address_v4::loopback(), 0});
    mute.non_blocking(true);
    make_link(mute.local_endpoint().port());
    std::set<std::uint16_t> ports;
    ASSERT_TRUE(run_until(
        [&] {
            std::array<std::uint8_t, 2048> bytes;
            boost::asio::ip::udp::endpoint from;
            boost::system::error_code error;
            while (mute.receive_from(boost::asio::buffer(bytes), from, 0, error) > 0 && !error)
                ports.insert(from.port());
            return ports.size() >= 3;
        },
        {&io_}));
    EXPECT_GE(record_.count("refused handshake_timed_out"), 2u);
}

TEST_F(TunnelDatagramLink, MeasuresTheRoundTrip) {
    make_kmf();
    make_link(kmf_->listener.port());
    EXPECT_FALSE(link_->round_trip());
    ASSERT_TRUE(come_up());
    ASSERT_TRUE(run_until([&] { return link_->round_trip().has_value(); }, {&io_, &kmf_->io}));
    EXPECT_GT(link_->round_trip()->count(), 0);
}

}  // namespace
}  // namespace mdd::tunnel
