// The link on loopback: up, messages, a KMF that dies, stalls, comes back, or is the wrong one.
#include "kmf-tunnel/link.h"

#include <gtest/gtest.h>

#include <array>
#include <boost/asio/ip/udp.hpp>
#include <optional>
#include <set>

#include "tests/unit/tunnel/loopback.h"

namespace mdd::tunnel {
namespace {

using namespace test;

class TunnelLink : public ::testing::Test {
  protected:
    static TestPki& pki() {
        static TestPki made;
        return made;
    }
    void make_kmf(std::uint16_t port = 0) { kmf_.emplace(kmf_credentials_, port); }
    void make_link(std::uint16_t port) {
        link_.emplace(io_, link_to(port, mdd_credentials_), record_);
        link_->start();
    }
    bool come_up() {
        return run_until([&] { return link_->is_up() && kmf_->listener.tunnels_up() == 1; },
                         {&io_, &kmf_->io});
    }

    Credentials mdd_credentials_ = pki().credentials("mdd-1");
    Credentials kmf_credentials_ = pki().credentials("kmf-a");
    boost::asio::io_context io_;
    std::optional<Kmf> kmf_;
    LinkRecord record_;
    std::optional<Link> link_;
};

TEST_F(TunnelLink, ComesUpAndCarriesMessagesBothWays) {
    make_kmf();
    kmf_->record.on_message = [&](TunnelId tunnel, Message&& message) {
        EXPECT_TRUE(kmf_->listener.send(
            tunnel, message_to(static_cast<std::uint8_t>(message.association.bytes[0] + 100),
                               message.dtls.size())));
    };
    make_link(kmf_->listener.port());
    EXPECT_FALSE(link_->send(message_to(1, 10)));
    EXPECT_TRUE(record_.lines.empty()) << "no event from inside start() or send()";
    ASSERT_TRUE(come_up());
    EXPECT_EQ(record_.count("up kmf-a"), 1u);
    EXPECT_EQ(kmf_->record.count("up 1 mdd-1"), 1u);
    EXPECT_TRUE(link_->send(message_to(1, 1200)));
    EXPECT_TRUE(link_->send(message_to(2, 0)));
    ASSERT_TRUE(run_until([&] { return record_.count("message 102") == 1; }, {&io_, &kmf_->io}));
    EXPECT_EQ(record_.count("message 101"), 1u);
    EXPECT_EQ(kmf_->record.count("message 1 1"), 1u);
    EXPECT_EQ(link_->counters().not_up, 1u);
    EXPECT_EQ(link_->counters().session.messages_out, 2u);
}

TEST_F(TunnelLink, DatagramsLargerThanTheUsualPathArrive) {
    make_kmf();
    make_link(kmf_->listener.port());
    ASSERT_TRUE(come_up());
    EXPECT_TRUE(link_->send(message_to(7, 9000)));
    EXPECT_TRUE(link_->send(message_to(8, 16384 - 37)));
    EXPECT_TRUE(
        run_until([&] { return kmf_->record.count("message 1 8") == 1; }, {&io_, &kmf_->io}));
    EXPECT_EQ(kmf_->record.count("message 1 7"), 1u);
    EXPECT_EQ(link_->counters().send_failed, 0u);
}

TEST_F(TunnelLink, ResolvesNames) {
    make_kmf();
    auto config = link_to(kmf_->listener.port(), mdd_credentials_);
    config.host = "localhost";
    link_.emplace(io_, config, record_);
    link_->start();
    EXPECT_TRUE(come_up());
}

TEST_F(TunnelLink, WaitsForAKmfThatIsNotThereYet) {
    make_kmf();
    const std::uint16_t port = kmf_->listener.port();
    kmf_.reset();
    make_link(port);
    ASSERT_TRUE(run_until([&] { return record_.count("refused unreachable") >= 2; }, {&io_}));
    EXPECT_FALSE(link_->is_up());
    make_kmf(port);
    EXPECT_TRUE(come_up());
}

TEST_F(TunnelLink, AKilledKmfIsNoticedAndItsSuccessorFound) {
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

TEST_F(TunnelLink, ARestartBetweenTwoProbesIsNoticedToo) {
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

TEST_F(TunnelLink, ASilentKmfThatAnswersAgainKeepsTheOldTunnel) {
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

TEST_F(TunnelLink, EveryAttemptHasItsOwnSourcePort) {
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

TEST_F(TunnelLink, AKmfUnderAnotherCaIsRefusedAndTriedAgain) {
    TestPki other("other CA");
    kmf_.emplace(other.credentials("kmf-x"));
    make_link(kmf_->listener.port());
    ASSERT_TRUE(
        run_until([&] { return record_.count("refused refused_by_us") >= 2; }, {&io_, &kmf_->io}));
    EXPECT_FALSE(link_->is_up());
    EXPECT_EQ(record_.count("up kmf-x"), 0u);
    EXPECT_GE(kmf_->record.count("refused refused_by_peer"), 1u);
    EXPECT_EQ(kmf_->listener.tunnels_up(), 0u);
}

TEST_F(TunnelLink, AKmfWithAnotherKeyThanThePinnedOneIsRefused) {
    make_kmf();
    mdd_credentials_.pins = {Sha256{}};
    make_link(kmf_->listener.port());
    EXPECT_TRUE(
        run_until([&] { return record_.count("refused refused_by_us") >= 1; }, {&io_, &kmf_->io}));
}

TEST_F(TunnelLink, AnMddUnderAnotherCaIsRefusedByTheKmf) {
    TestPki other("other CA");
    make_kmf();
    mdd_credentials_ = other.credentials("mdd-x");
    mdd_credentials_.ca_file = pki().ca_file();
    make_link(kmf_->listener.port());
    EXPECT_TRUE(run_until([&] { return record_.count("refused refused_by_peer") >= 1; },
                          {&io_, &kmf_->io}));
    EXPECT_GE(kmf_->record.count("refused refused_by_us"), 1u);
    EXPECT_EQ(kmf_->listener.counters().ups, 0u);
}

TEST_F(TunnelLink, StopSaysGoodbyeAndReportsNothing) {
    make_kmf();
    make_link(kmf_->listener.port());
    ASSERT_TRUE(come_up());
    link_->stop();
    EXPECT_FALSE(link_->is_up());
    EXPECT_FALSE(link_->send(message_to(1, 1)));
    EXPECT_TRUE(run_until([&] { return kmf_->record.count("down 1 closed_by_peer") == 1; },
                          {&io_, &kmf_->io}));
    EXPECT_EQ(record_.lines, std::vector<std::string>{"up kmf-a"});
}

TEST_F(TunnelLink, AKmfThatStopsIsLeftAndTriedAgain) {
    make_kmf();
    make_link(kmf_->listener.port());
    ASSERT_TRUE(come_up());
    kmf_->listener.stop();
    EXPECT_TRUE(
        run_until([&] { return record_.count("down closed_by_peer") == 1; }, {&io_, &kmf_->io}));
    EXPECT_TRUE(
        run_until([&] { return record_.count("refused unreachable") >= 1; }, {&io_, &kmf_->io}));
}

TEST_F(TunnelLink, MayBeStoppedFromItsOwnEvents) {
    make_kmf();
    record_.on_up = [&] { link_->stop(); };
    make_link(kmf_->listener.port());
    EXPECT_TRUE(run_until([&] { return kmf_->record.count("down 1 closed_by_peer") == 1; },
                          {&io_, &kmf_->io}));
    EXPECT_EQ(record_.lines, std::vector<std::string>{"up kmf-a"});
}

TEST_F(TunnelLink, MeasuresTheRoundTrip) {
    make_kmf();
    make_link(kmf_->listener.port());
    EXPECT_FALSE(link_->round_trip());
    ASSERT_TRUE(come_up());
    ASSERT_TRUE(run_until([&] { return link_->round_trip().has_value(); }, {&io_, &kmf_->io}));
    EXPECT_GT(link_->round_trip()->count(), 0);
}

}  // namespace
}  // namespace mdd::tunnel
