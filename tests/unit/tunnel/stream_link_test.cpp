// What links of RFC 9185 have beside the other dialect: versions, a bounded queue on a real socket,
// and peers that TCP does not reach any more.
#include <sys/socket.h>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>

#include "tests/unit/tunnel/link_bed.h"
#include "tests/unit/tunnel/raw_tls.h"

namespace mdd::tunnel {
namespace {

using namespace test;
using boost::asio::ip::tcp;

class TunnelStreamLink : public LinkBed {
  protected:
    TunnelStreamLink() : LinkBed(Dialect::rfc9185) {}
};

// A KMF of raw TLS on a real socket, one connection at a time.
class RawKmf {
  public:
    RawKmf(boost::asio::io_context& io, RawTlsShape shape)
        : acceptor_(io, {boost::asio::ip::address_v4::loopback(), 0}), shape_(std::move(shape)) {
        acceptor_.non_blocking(true);
    }
    std::uint16_t port() const { return acceptor_.local_endpoint().port(); }
    // Accepts, and moves what there is to move, unless it is told not to read.
    void turn() {
        boost::system::error_code error;
        tcp::socket fresh(acceptor_.get_executor());
        acceptor_.accept(fresh, error);
        if (!error) {
            ++connections;
            socket_.emplace(std::move(fresh));
            socket_->non_blocking(true);
            peer.emplace(shape_);
        }
        if (!socket_ || !reads) return;
        std::uint8_t bytes[4096];
        const std::size_t size_bytes = socket_->read_some(boost::asio::buffer(bytes), error);
        if (!error) peer->take(srtp::Bytes(bytes).first(size_bytes));
        if (!error && on_bytes) on_bytes();
        const auto said = peer->said();
        boost::asio::write(*socket_, boost::asio::buffer(said), error);
    }

    std::optional<RawTls> peer;
    std::function<void()> on_bytes;
    int connections = 0;
    bool reads = true;

  private:
    tcp::acceptor acceptor_;
    RawTlsShape shape_;
    std::optional<tcp::socket> socket_;
};

TEST_F(TunnelStreamLink, AVersionThatTheKmfNamesIsRememberedAndUsedWhenReconnecting) {
    make_kmf();
    auto config = link_config(kmf_->listener.port());
    config.first_version = 7;
    config.retry_last = Milliseconds(60'000);
    make_link(config);
    ASSERT_TRUE(come_up());
    EXPECT_EQ(record_.lines, (std::vector<std::string>{"refused version_unsupported", "up kmf-a"}));
    EXPECT_EQ(kmf_->record.lines,
              (std::vector<std::string>{"refused version_unsupported", "up 2 mdd-1"}));
    kmf_->listener.close(TunnelId{2});
    ASSERT_TRUE(until([&] { return record_.count("up kmf-a") == 2; }));
    EXPECT_EQ(record_.count("refused version_unsupported"), 1u) << "remembered for good";
}

TEST_F(TunnelStreamLink, AVersionThatWeDoNotSpeakIsWaitedForLongest) {
    RawKmf kmf(io_, {Role::kmf, kmf_credentials_.cert_file, kmf_credentials_.key_file});
    kmf.on_bytes = [&] {
        if (!kmf.peer->heard().empty()) kmf.peer->say(std::vector<std::uint8_t>{2, 0, 1, 3});
    };
    auto config = link_config(kmf.port());
    config.retry_first = Milliseconds(10);
    config.retry_last = Milliseconds(400);
    make_link(config);
    const auto turn_until = [&](auto done) {
        return until([&] {
            kmf.turn();
            return done();
        });
    };
    ASSERT_TRUE(turn_until([&] { return record_.lines.size() == 1; }));
    EXPECT_EQ(record_.lines, std::vector<std::string>{"refused version_unsupported"});
    EXPECT_NE(record_.last_text.find("version 3"), std::string::npos) << record_.last_text;
    const TimePoint refused_at = Clock::now();
    ASSERT_TRUE(turn_until([&] { return kmf.connections == 2; }));
    EXPECT_GE(Clock::now() - refused_at, Milliseconds(290));
    EXPECT_EQ(record_.count("up kmf-a"), 0u);
}

TEST_F(TunnelStreamLink, ProfilesAreNeeded) {
    auto config = link_config(1);
    config.profiles.clear();
    try {
        Link link(io_, config, record_);
        FAIL() << "took a link that can announce nothing";
    } catch (const std::runtime_error& error) {
        EXPECT_NE(std::string(error.what()).find("kmf-a"), std::string::npos);
    }
    config.profiles.resize(kMaxProfiles + 1);
    EXPECT_THROW(Link(io_, config, record_), std::runtime_error);
    config.dialect = Dialect::dtls_v1;
    EXPECT_NO_THROW(Link(io_, config, record_));
}

TEST_F(TunnelStreamLink, AKmfThatDoesNotReadLosesDtlsMessagesButNoDisconnect) {
    make_kmf();
    auto config = link_config(kmf_->listener.port());
    config.session.queue_bytes = 100'000;
    config.session.peer_timeout = Milliseconds(30'000);
    make_link(config);
    ASSERT_TRUE(come_up());
    int taken = 0;
    int disconnects = 0;
    // The KMF's loop does not run: its kernel takes a few megabytes, and then nothing.
    for (int i = 0; i < 20'000; ++i) {
        taken += link_->send(message_to(1, 1000));
        if (i % 200 == 0) disconnects += link_->send(disconnect_of(2));
        if (i % 100 == 0) io_.poll();
    }
    EXPECT_EQ(disconnects, 100);
    EXPECT_GT(link_->counters().session.queue_full, 1000u);
    EXPECT_EQ(link_->counters().session.queue_full, 20'000u - static_cast<unsigned>(taken));
    EXPECT_TRUE(link_->is_up());
    ASSERT_TRUE(until([&] {
        return kmf_->record.count("message 1 1") == static_cast<std::size_t>(taken) &&
               kmf_->record.count("disconnect 1 2") == 100;
    }));
    EXPECT_TRUE(link_->is_up()) << "the stream is whole";
}

TEST_F(TunnelStreamLink, AKmfThatNeverReadsIsFoundOutByTcp) {
    make_kmf();
    auto config = link_config(kmf_->listener.port());
    config.session.queue_bytes = 100'000;
    config.session.peer_timeout = Milliseconds(1000);
    make_link(config);
    ASSERT_TRUE(come_up());
    const TimePoint start = Clock::now();
    ASSERT_TRUE(run_until(
        [&] {
            for (int i = 0; i < 100; ++i) link_->send(message_to(1, 1000));
            return !link_->is_up();
        },
        {&io_}));
    EXPECT_EQ(record_.lines.back(), "down silent");
    EXPECT_LT(Clock::now() - start, Milliseconds(5000));
}

TEST_F(TunnelStreamLink, WhatWasSaidBeforeStopStillArrives) {
    make_kmf();
    make_link(kmf_->listener.port());
    ASSERT_TRUE(come_up());
    for (int i = 0; i < 5000; ++i) link_->send(message_to(1, 1000));
    EXPECT_TRUE(link_->send(disconnect_of(2)));
    link_->stop();
    EXPECT_TRUE(until([&] { return kmf_->record.count("down 1 closed_by_peer") == 1; }));
    EXPECT_EQ(kmf_->record.count("disconnect 1 2"), 1u);
}

TEST_F(TunnelStreamLink, APeerThatSpeaksTls12OnlyIsRefusedAndTriedAgain) {
    RawKmf kmf(io_, {Role::kmf, kmf_credentials_.cert_file, kmf_credentials_.key_file, true,
                     [](SSL_CTX* c) { SSL_CTX_set_max_proto_version(c, TLS1_2_VERSION); }});
    make_link(kmf.port());
    ASSERT_TRUE(until([&] {
        kmf.turn();
        return record_.count("refused refused_by_peer") >= 2;
    }));
    EXPECT_FALSE(link_->is_up());
}

TEST_F(TunnelStreamLink, AServerThatTakesTheConnectionAndSaysNothingTimesOut) {
    RawKmf kmf(io_, {Role::kmf, "", ""});
    kmf.reads = false;
    make_link(kmf.port());
    ASSERT_TRUE(until([&] {
        kmf.turn();
        return record_.count("refused handshake_timed_out") >= 2;
    }));
    EXPECT_GE(kmf.connections, 2);
}

}  // namespace
}  // namespace mdd::tunnel
