// The listener on loopback: many tunnels on one socket, clients that start over on the same
// address, strangers, limits.
#include "kmf-tunnel/listener.h"

#include <gtest/gtest.h>

#include <boost/asio/ip/udp.hpp>
#include <optional>

#include "kmf-tunnel/secure.h"
#include "tests/unit/tunnel/loopback.h"

namespace mdd::tunnel {
namespace {

using namespace test;
using boost::asio::ip::udp;

// An MDD session on a socket whose source port the test chooses.
class RawClient {
  public:
    RawClient(const Credentials& credentials, std::uint16_t kmf_port, std::uint16_t own_port = 0)
        : context_(Role::mdd, credentials),
          session(context_, {}),
          socket_(io_, {boost::asio::ip::address_v4::loopback(), own_port}) {
        socket_.connect({boost::asio::ip::address_v4::loopback(), kmf_port});
        socket_.non_blocking(true);
        session.start(Clock::now());
    }

    void turn() {
        flush();
        std::array<std::uint8_t, 65536> bytes;
        for (;;) {
            boost::system::error_code error;
            const auto size_bytes = socket_.receive(boost::asio::buffer(bytes), 0, error);
            if (error) break;
            session.on_datagram(Clock::now(), srtp::Bytes(bytes).first(size_bytes));
        }
        session.on_time(Clock::now());
        flush();
    }
    void flush() {
        while (const auto datagram = session.next_datagram()) {
            sent.push_back(*datagram);
            send_raw(*datagram);
        }
    }
    void send_raw(srtp::Bytes bytes) {
        boost::system::error_code ignored;
        socket_.send(boost::asio::buffer(bytes.data(), bytes.size()), 0, ignored);
    }
    std::uint16_t port() const { return socket_.local_endpoint().port(); }
    void close() { socket_.close(); }

  private:
    SecureContext context_;
    boost::asio::io_context io_;

  public:
    Session session;
    std::vector<std::vector<std::uint8_t>> sent;

  private:
    udp::socket socket_;
};

class TunnelListener : public ::testing::Test {
  protected:
    static TestPki& pki() {
        static TestPki made;
        return made;
    }
    void make_kmf(std::size_t max_half_open = 64) {
        kmf_.emplace(pki().credentials("kmf-a"), 0, quick_session(), max_half_open);
    }
    bool until(const std::function<bool()>& done, std::initializer_list<RawClient*> clients) {
        return run_until(
            [&] {
                for (auto* client : clients) client->turn();
                return done();
            },
            {&kmf_->io});
    }
    std::uint16_t port() const { return kmf_->listener.port(); }

    std::optional<Kmf> kmf_;
    Credentials mdd_ = pki().credentials("mdd-1");
};

TEST_F(TunnelListener, ServesManyTunnelsOnOneSocketWithoutMixingThem) {
    make_kmf();
    kmf_->record.on_message = [&](TunnelId tunnel, Message&& message) {
        kmf_->listener.send(tunnel, message);
    };
    std::vector<std::unique_ptr<RawClient>> clients;
    for (int i = 0; i < 8; ++i) clients.push_back(std::make_unique<RawClient>(mdd_, port()));
    const auto turn_all = [&] {
        for (auto& client : clients) client->turn();
    };
    ASSERT_TRUE(until(
        [&] {
            turn_all();
            return kmf_->listener.tunnels_up() == 8;
        },
        {}));
    std::vector<int> echoes(8, 0);
    for (std::size_t i = 0; i < 8; ++i)
        clients[i]->session.send(message_to(static_cast<std::uint8_t>(i + 1), 100));
    ASSERT_TRUE(until(
        [&] {
            turn_all();
            int total = 0;
            for (std::size_t i = 0; i < 8; ++i) {
                while (const auto event = clients[i]->session.next_event())
                    if (const auto* got = std::get_if<Received>(&*event))
                        echoes[i] = got->message.association.bytes[0];
                total += echoes[i] != 0;
            }
            return total == 8;
        },
        {}));
    EXPECT_EQ(echoes, (std::vector<int>{1, 2, 3, 4, 5, 6, 7, 8}));
    EXPECT_EQ(kmf_->listener.counters().ups, 8u);
}

TEST_F(TunnelListener, AClientThatStartsOverOnTheSamePortReplacesItsOldTunnel) {
    make_kmf();
    RawClient first(mdd_, port());
    ASSERT_TRUE(until([&] { return kmf_->listener.tunnels_up() == 1; }, {&first}));
    const std::uint16_t own_port = first.port();
    first.close();  // a crash: no close_notify
    RawClient second(mdd_, port(), own_port);
    ASSERT_TRUE(until([&] { return kmf_->record.lines.size() == 3; }, {&second}));
    EXPECT_EQ(kmf_->record.lines,
              (std::vector<std::string>{"up 1 mdd-1", "up 2 mdd-1", "down 1 closed_by_peer"}));
    EXPECT_EQ(kmf_->listener.tunnels_up(), 1u);
    EXPECT_FALSE(kmf_->listener.send(TunnelId{1}, message_to(1, 1)));
    EXPECT_TRUE(kmf_->listener.send(TunnelId{2}, message_to(1, 1)));
    EXPECT_TRUE(until([&] { return second.session.counters().messages_in == 1; }, {&second}));
}

TEST_F(TunnelListener, TheOldTunnelWorksUntilTheNewHandshakeIsDone) {
    make_kmf();
    RawClient real(mdd_, port());
    ASSERT_TRUE(until([&] { return kmf_->listener.tunnels_up() == 1; }, {&real}));
    // Somebody who can use the same address begins a handshake and never ends it.
    SecureContext context(Role::mdd, mdd_);
    Session intruder(context, {});
    intruder.start(Clock::now());
    while (const auto datagram = intruder.next_datagram()) real.send_raw(*datagram);
    run_for(Milliseconds(50), {&kmf_->io});
    real.turn();  // takes the HelloVerifyRequest, which means nothing to it
    EXPECT_TRUE(real.session.send(message_to(9, 20)));
    EXPECT_TRUE(until([&] { return kmf_->record.count("message 1 9") == 1; }, {&real}));
    EXPECT_EQ(kmf_->listener.tunnels_up(), 1u);
    EXPECT_EQ(kmf_->record.count("down 1 closed_by_peer"), 0u);
}

TEST_F(TunnelListener, RepeatedHandshakeDatagramsMakeNoSecondTunnel) {
    make_kmf();
    RawClient client(mdd_, port());
    ASSERT_TRUE(until([&] { return kmf_->listener.tunnels_up() == 1; }, {&client}));
    for (const auto& datagram : std::vector(client.sent)) client.send_raw(datagram);
    run_for(Milliseconds(600), {&kmf_->io});  // longer than the handshake time-out
    EXPECT_EQ(kmf_->record.lines, std::vector<std::string>{"up 1 mdd-1"});
    EXPECT_EQ(kmf_->listener.tunnels_up(), 1u);
}

TEST_F(TunnelListener, StrangersAreCountedAndGetNoAnswer) {
    make_kmf();
    udp::socket stranger(kmf_->io, {boost::asio::ip::address_v4::loopback(), 0});
    stranger.connect({boost::asio::ip::address_v4::loopback(), port()});
    stranger.non_blocking(true);
    const std::vector<std::vector<std::uint8_t>> junk{
        {0x80, 1, 2, 3},
        {23, 0xfe, 0xfd, 0, 1, 0, 0, 0, 0, 0, 1, 0, 2, 9, 9},
        {22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 1, 0, 2, 1, 0},
        std::vector<std::uint8_t>(1400, 22)};
    for (const auto& bytes : junk) stranger.send(boost::asio::buffer(bytes));
    ASSERT_TRUE(
        run_until([&] { return kmf_->listener.counters().unknown_source == 4; }, {&kmf_->io}));
    std::array<std::uint8_t, 100> answer;
    boost::system::error_code error;
    stranger.receive(boost::asio::buffer(answer), 0, error);
    EXPECT_EQ(error, boost::asio::error::would_block);
    EXPECT_TRUE(kmf_->record.lines.empty());
}

TEST_F(TunnelListener, HalfOpenTunnelsAreLimitedAndTimeOut) {
    make_kmf(1);
    // Brings its cookie back and then says nothing more.
    RawClient lazy(mdd_, port());
    const auto cookie_returned = [&] { return lazy.sent.size() >= 2; };
    ASSERT_TRUE(until(cookie_returned, {&lazy}));
    run_for(Milliseconds(50), {&kmf_->io});
    RawClient late(mdd_, port());
    for (int i = 0; i < 20; ++i) {
        late.turn();
        run_for(Milliseconds(5), {&kmf_->io});
    }
    EXPECT_GT(kmf_->listener.counters().half_open_full, 0u);
    EXPECT_EQ(kmf_->listener.tunnels_up(), 0u);
    EXPECT_TRUE(until([&] { return kmf_->listener.tunnels_up() == 1; }, {&late}));
    EXPECT_EQ(kmf_->record.count("refused handshake_timed_out"), 1u);
}

TEST_F(TunnelListener, MayBeStoppedFromItsOwnEvents) {
    make_kmf();
    kmf_->record.on_message = [&](TunnelId, Message&&) { kmf_->listener.stop(); };
    RawClient client(mdd_, port());
    ASSERT_TRUE(until([&] { return client.session.is_up(); }, {&client}));
    client.session.send(message_to(1, 1));
    EXPECT_TRUE(until([&] { return client.session.is_down(); }, {&client}));
    EXPECT_EQ(kmf_->listener.tunnels_up(), 0u);
    EXPECT_EQ(kmf_->listener.counters().session.messages_in, 1u);
}

TEST_F(TunnelListener, ABadAddressIsToldInASentence) {
    make_kmf();
    boost::asio::io_context io;
    ListenerRecord record;
    ListenerConfig config;
    config.credentials = pki().credentials("kmf-b");
    config.address = "127.0.0.1";
    config.port = port();
    try {
        Listener second(io, config, record);
        FAIL() << "bound a port that is taken";
    } catch (const std::runtime_error& error) {
        const std::string text = error.what();
        EXPECT_NE(text.find("127.0.0.1"), std::string::npos);
        EXPECT_NE(text.find(std::to_string(port())), std::string::npos);
    }
    config.address = "not an address";
    EXPECT_THROW(Listener(io, config, record), std::runtime_error);
}

}  // namespace
}  // namespace mdd::tunnel
