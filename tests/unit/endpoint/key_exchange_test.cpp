// Associations over time against real OpenSSL servers: EKT keys from the old one while a new one is
// being made, and when its end is an end.
#include "tools/mdd-endpoint/key_exchange.h"
#include "tests/unit/endpoint/conversation.h"
#include "tests/unit/endpoint/key_server.h"

namespace mdd::endpoint::test {
namespace {

class KeyExchangeTest : public ::testing::Test {
  protected:
    ~KeyExchangeTest() override { std::filesystem::remove_all(directory_); }

    // What the endpoint has sent goes to the server, its answers come back, until nothing moves.
    void converse(KeyServer& server) {
        while (!out_.empty())
            for (const auto& datagram : std::exchange(out_, {})) give(server.answer(datagram));
    }
    void give(const KeyServer::Datagrams& datagrams) {
        for (const auto& datagram : datagrams) exchange.on_datagram(datagram);
    }

    std::filesystem::path directory_ =
        std::filesystem::path(::testing::TempDir()) / ("exchange_" + std::to_string(::getpid()));
    bool made_ = std::filesystem::create_directories(directory_);
    Certificate client_ = make_certificate(directory_, "client");
    Certificate kmf_ = make_certificate(directory_, "kmf");
    DtlsIdentity identity_{client_.cert_file, client_.key_file, kmf_.fingerprint(), kDouble};
    boost::asio::io_context loop_{1};
    KeyServer::Datagrams out_;

    KeyServer first{kmf_, kDouble};
    KeyServer second{kmf_, kDouble};
    int handshakes = 0;
    int ends = 0;
    bool accepts = true;
    std::vector<std::uint16_t> spis;
    KeyExchange exchange{loop_,
                         identity_,
                         {.deadline = std::chrono::seconds(5)},
                         {[this](srtp::Bytes d) { out_.emplace_back(d.begin(), d.end()); },
                          [this](const srtp::HopKeys&) { ++handshakes; },
                          [this](EktKey key) { return spis.push_back(key.spi), accepts; },
                          [this] { ++ends; }, [] { FAIL(); }}};
};

TEST_F(KeyExchangeTest, EktKeysOfEitherAssociationAreHandled) {
    exchange.start();
    converse(first);
    give(first.deliver(conference_key(kDouble, 1)));
    converse(first);
    ASSERT_EQ(handshakes, 1);

    exchange.start();
    const auto hello = std::exchange(out_, {});
    give(first.deliver(conference_key(kDouble, 2)));
    converse(first);
    EXPECT_EQ(spis, (std::vector<std::uint16_t>{1, 2})) << "while the second is being made";

    out_ = hello;
    converse(second);
    ASSERT_EQ(handshakes, 2);
    give(second.deliver(conference_key(kDouble, 3)));
    converse(second);
    EXPECT_EQ(spis, (std::vector<std::uint16_t>{1, 2, 3}));
    EXPECT_EQ(first.acknowledged(), (std::vector<std::uint16_t>{1, 2}));
    EXPECT_EQ(second.acknowledged(), std::vector<std::uint16_t>{3});
    EXPECT_EQ(exchange.counters().ekt_acknowledgements, 3u);
}

TEST_F(KeyExchangeTest, EktKeysArriveInTheMiddleOfASecondHandshake) {
    exchange.start();
    converse(first);
    exchange.start();
    for (std::uint16_t spi = 1; !out_.empty() && spi < 20; ++spi) {
        const auto datagram = out_.front();
        out_.erase(out_.begin());
        const auto answers = second.answer(datagram);
        const auto mine = std::exchange(out_, {});
        give(first.deliver(conference_key(kDouble, spi)));
        for (const auto& acknowledgement : std::exchange(out_, {})) first.answer(acknowledgement);
        out_ = mine;
        give(answers);
    }
    EXPECT_EQ(handshakes, 2);
    EXPECT_GE(spis.size(), 2u);
    EXPECT_EQ(first.acknowledged(), spis);
}

TEST_F(KeyExchangeTest, EktKeyThatOvertakesTheFinishedIsHandedOnAfterTheKeysOfTheHop) {
    exchange.start();
    KeyServer::Datagrams answers;
    while (!first.keys()) {
        give(std::exchange(answers, {}));
        for (const auto& datagram : std::exchange(out_, {}))
            for (auto& answer : first.answer(datagram)) answers.push_back(std::move(answer));
    }
    give(first.deliver(conference_key(kDouble, 1)));
    EXPECT_TRUE(spis.empty());
    give(answers);
    EXPECT_EQ(handshakes, 1);
    EXPECT_EQ(spis, std::vector<std::uint16_t>{1});
}

TEST_F(KeyExchangeTest, OldAssociationMayEndWhileANewOneIsBeingMade) {
    exchange.start();
    converse(first);
    exchange.start();
    const auto hello = std::exchange(out_, {});
    give(first.close());
    EXPECT_EQ(ends, 0);
    out_ = hello;
    converse(second);
    EXPECT_EQ(handshakes, 2);
    EXPECT_EQ(ends, 0);
    EXPECT_FALSE(exchange.counters().closed_by_kmf);
    give(second.close());
    EXPECT_EQ(ends, 1);
    EXPECT_TRUE(exchange.counters().closed_by_kmf);
}

TEST_F(KeyExchangeTest, EktKeyThatIsNotAcceptedEndsTheAssociationWithAnAlert) {
    exchange.start();
    converse(first);
    accepts = false;
    give(first.deliver(conference_key(kDouble, 1)));
    converse(first);
    EXPECT_EQ(ends, 1);
    EXPECT_EQ(first.alert(), SSL_AD_ILLEGAL_PARAMETER);
    EXPECT_NE(exchange.counters().failure.find("two EKT keys"), std::string::npos);
}

TEST_F(KeyExchangeTest, HandshakeEndsAtItsDeadlineThoughTheFirstRepeatWouldComeLater) {
    int failures = 0, hellos = 0;
    KeyExchange lonely(loop_, identity_,
                       {.deadline = std::chrono::milliseconds(20),
                        .first_repeat = DtlsClient::kLongestFirstRepeat},
                       {[&](srtp::Bytes) { ++hellos; }, [](const srtp::HopKeys&) { FAIL(); },
                        [](EktKey) { return true; }, [] { FAIL(); }, [&] { ++failures; }});
    lonely.start();
    loop_.run_for(DtlsClient::kLongestFirstRepeat / 2);
    EXPECT_EQ(failures, 1);
    EXPECT_EQ(hellos, 1);
    EXPECT_EQ(lonely.counters().repeated_flights, 0u);
    EXPECT_NE(lonely.counters().failure.find("not answered in time"), std::string::npos);
}

}  // namespace
}  // namespace mdd::endpoint::test
