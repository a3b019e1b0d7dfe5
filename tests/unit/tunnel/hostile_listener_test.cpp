// Strangers at a real listener's TCP port: connections that say nothing, too much or too slowly,
// beside an MDD that must not notice.
#include <gtest/gtest.h>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>
#include <deque>

#include "tests/unit/tunnel/link_bed.h"

namespace mdd::tunnel {
namespace {

using namespace test;
using boost::asio::ip::tcp;

class TunnelHostileListener : public LinkBed {
  protected:
    TunnelHostileListener() : LinkBed(Dialect::rfc9185) {}
    void make_small_kmf(std::size_t max_half_open) {
        kmf_.emplace(kmf_credentials_, 0, quick_session(), max_half_open, std::vector{dialect_});
    }
    tcp::socket& stranger() {
        auto& made = strangers_.emplace_back(strangers_io_);
        made.connect({boost::asio::ip::address_v4::loopback(), kmf_->listener.port()});
        made.non_blocking(true);
        return made;
    }
    void say(tcp::socket& socket, const std::string& text) {
        boost::system::error_code ignored;
        boost::asio::write(socket, boost::asio::buffer(text), ignored);
    }
    // The KMF has closed it: all it ever said is in `answer_`.
    bool is_closed(tcp::socket& socket) {
        char bytes[512] = {};
        boost::system::error_code error;
        const std::size_t size_bytes = socket.read_some(boost::asio::buffer(bytes), error);
        answer_.append(bytes, size_bytes);
        return error && error != boost::asio::error::would_block;
    }
    std::size_t refused(const char* reason) const {
        return kmf_->record.count(std::string("refused ") + reason);
    }

    boost::asio::io_context strangers_io_;
    std::deque<tcp::socket> strangers_;
    std::string answer_;
};

TEST_F(TunnelHostileListener, AStrangerOfAnySortIsToldOffAndAnMddIsServedBesideIt) {
    const struct {
        const char* name;
        std::string says;
    } cases[] = {
        {"plaintext HTTP", "GET / HTTP/1.1\r\n\r\n"},
        {"an SSH banner", "SSH-2.0-x\r\n"},
        {"zeros", std::string(5000, '\0')},
        {"ones", std::string(70'000, '\xff')},
        {"a tunnel message in the clear",
         std::string("\x01\x00\x07\x00\x00\x04\x00\x09\x00\x0a", 10)},
        {"a record of 64 KiB", std::string("\x16\x03\x01\xff\xff", 5) + std::string(65535, 'x')},
    };
    make_small_kmf(64);
    make_link(kmf_->listener.port());
    ASSERT_TRUE(come_up());
    std::size_t told_off = 0;
    for (const auto& hostile : cases) {
        auto& socket = stranger();
        say(socket, hostile.says);
        EXPECT_TRUE(until([&] { return is_closed(socket); })) << hostile.name;
        EXPECT_EQ(refused("handshake_failed"), ++told_off) << hostile.name;
    }
    EXPECT_EQ(kmf_->listener.counters().refused, told_off);
    EXPECT_TRUE(link_->send(message_to(4, 10)));
    EXPECT_TRUE(until([&] { return kmf_->record.count("message 1 4") == 1; }));
    EXPECT_EQ(record_.lines, std::vector<std::string>{"up kmf-a"});
}

TEST_F(TunnelHostileListener, AStrangerWhoHangsUpIsForgotten) {
    make_small_kmf(64);
    auto& socket = stranger();
    ASSERT_TRUE(until([&] { return kmf_->listener.counters().connections_in == 1; }));
    socket.close();
    EXPECT_TRUE(until([&] { return refused("handshake_failed") == 1; }));
}

TEST_F(TunnelHostileListener, AStrangerWhoResetsIsForgotten) {
    make_small_kmf(64);
    auto& socket = stranger();
    ASSERT_TRUE(until([&] { return kmf_->listener.counters().connections_in == 1; }));
    socket.set_option(boost::asio::socket_base::linger(true, 0));
    socket.close();
    EXPECT_TRUE(until([&] { return refused("handshake_failed") == 1; }));
    EXPECT_EQ(kmf_->listener.counters().receive_failed, 1u);
}

TEST_F(TunnelHostileListener, OneByteNowAndThenBuysNoTime) {
    make_small_kmf(64);
    auto& socket = stranger();
    const std::string hello("\x16\x03\x01\x01\x00\x01\x00\x00\xfc\x03\x03", 11);
    std::size_t said = 0;
    const TimePoint start = Clock::now();
    ASSERT_TRUE(until([&] {
        if (said < hello.size() && Clock::now() - start > said * Milliseconds(50))
            say(socket, hello.substr(said++, 1));
        return refused("handshake_timed_out") == 1;
    }));
    EXPECT_LT(Clock::now() - start, Milliseconds(1000)) << "400 ms from the beginning";
}

TEST_F(TunnelHostileListener, AHalfOpenFloodIsBoundedAndPasses) {
    make_small_kmf(4);
    for (int i = 0; i < 12; ++i) stranger();
    ASSERT_TRUE(until([&] { return kmf_->listener.counters().connections_in == 12; }));
    EXPECT_EQ(kmf_->listener.counters().half_open_full, 8u);
    std::size_t closed = 0;
    for (auto& socket : strangers_) closed += is_closed(socket);
    EXPECT_EQ(closed, 8u);
    EXPECT_EQ(answer_, "") << "nothing is said to those";
    ASSERT_TRUE(until([&] { return refused("handshake_timed_out") == 4; }));
    make_link(kmf_->listener.port());
    EXPECT_TRUE(come_up());
}

TEST_F(TunnelHostileListener, AFloodOfConnectionsLeavesAnEstablishedTunnelAlone) {
    make_small_kmf(4);
    make_link(kmf_->listener.port());
    ASSERT_TRUE(come_up());
    for (int i = 0; i < 200; ++i) {
        stranger();
        if (strangers_.size() > 20) strangers_.pop_front();
        if (i % 10 == 0) {
            EXPECT_TRUE(link_->send(message_to(3, 10)));
            run_for(Milliseconds(2), {&io_, &kmf_->io});
        }
    }
    EXPECT_TRUE(until([&] { return kmf_->record.count("message 1 3") == 20; }));
    EXPECT_TRUE(until([&] { return kmf_->listener.counters().connections_in == 201; }));
    EXPECT_EQ(record_.lines, std::vector<std::string>{"up kmf-a"});
}

TEST_F(TunnelHostileListener, TunnelsAreLimitedTheyAreNotPutOut) {
    kmf_.emplace(kmf_credentials_, 0, quick_session(), 64, std::vector{dialect_});
    boost::asio::io_context io;
    ListenerRecord record;
    Listener small(io, {"127.0.0.1", 0, kmf_credentials_, quick_session(), 64, 1, {dialect_}},
                   record);
    small.start();
    make_link(small.port());
    ASSERT_TRUE(run_until([&] { return link_->is_up(); }, {&io_, &io}));
    LinkRecord late_record;
    Link late(io_, link_config(small.port()), late_record);
    late.start();
    ASSERT_TRUE(run_until([&] { return late_record.lines.size() >= 2; }, {&io_, &io}));
    EXPECT_EQ(late_record.count("refused handshake_failed"), late_record.lines.size());
    EXPECT_GE(small.counters().half_open_full, 2u);
    EXPECT_TRUE(link_->is_up());
}

}  // namespace
}  // namespace mdd::tunnel
