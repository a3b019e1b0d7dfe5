// A listener with many links, in either dialect and in both at once: tunnels that do not mix, that
// are closed one by one, and new credentials.
#include <gtest/gtest.h>

#include <memory>

#include "tests/unit/tunnel/link_bed.h"

namespace mdd::tunnel {
namespace {

using namespace test;

class TunnelListenerOf : public LinkBed, public ::testing::WithParamInterface<Dialect> {
  protected:
    TunnelListenerOf() : LinkBed(GetParam()) {}
};
INSTANTIATE_TEST_SUITE_P(Dialects, TunnelListenerOf,
                         ::testing::Values(Dialect::dtls_v1, Dialect::rfc9185), dialect_name);

TEST_P(TunnelListenerOf, ServesManyTunnelsWithoutMixingThem) {
    make_kmf();
    kmf_->record.on_message = [&](TunnelId tunnel, Message&& message) {
        kmf_->listener.send(tunnel, message_to(message.association.bytes[0], 1));
    };
    constexpr std::size_t kLinks = 8;
    std::vector<LinkRecord> records(kLinks);
    std::vector<std::unique_ptr<Link>> links;
    for (auto& record : records) {
        links.push_back(std::make_unique<Link>(io_, link_config(kmf_->listener.port()), record));
        links.back()->start();
    }
    ASSERT_TRUE(until([&] {
        return std::all_of(links.begin(), links.end(), [](auto& link) { return link->is_up(); });
    }));
    for (std::size_t i = 0; i < kLinks; ++i)
        EXPECT_TRUE(links[i]->send(message_to(static_cast<std::uint8_t>(i + 1), 100)));
    ASSERT_TRUE(until([&] {
        return std::all_of(records.begin(), records.end(),
                           [](auto& record) { return record.lines.size() == 2; });
    }));
    for (std::size_t i = 0; i < kLinks; ++i)
        EXPECT_EQ(records[i].lines.back(), "message " + std::to_string(i + 1));
    EXPECT_EQ(kmf_->listener.tunnels_up(), kLinks);
    EXPECT_EQ(kmf_->listener.counters().ups, kLinks);
}

TEST_P(TunnelListenerOf, OneTunnelIsClosedWithAWordAndWithoutAnEvent) {
    make_kmf();
    make_link(kmf_->listener.port());
    LinkRecord other_record;
    Link other(io_, link_config(kmf_->listener.port()), other_record);
    ASSERT_TRUE(come_up());
    other.start();
    ASSERT_TRUE(until([&] { return kmf_->listener.tunnels_up() == 2; }));
    const std::size_t lines_before = kmf_->record.lines.size();
    kmf_->listener.close(TunnelId{1});
    EXPECT_EQ(kmf_->listener.tunnels_up(), 1u);
    EXPECT_FALSE(kmf_->listener.send(TunnelId{1}, message_to(1, 1)));
    kmf_->listener.close(TunnelId{1});
    kmf_->listener.close(TunnelId{77});
    ASSERT_TRUE(run_until([&] { return record_.count("down closed_by_peer") == 1; }, {&io_}));
    EXPECT_EQ(kmf_->record.lines.size(), lines_before);
    ASSERT_TRUE(until([&] { return record_.count("up kmf-a") == 2; })) << "and comes back";
    EXPECT_EQ(other_record.lines, std::vector<std::string>{"up kmf-a"});
}

TEST_P(TunnelListenerOf, ATunnelMayBeClosedFromItsOwnMessage) {
    make_kmf();
    kmf_->record.on_message = [&](TunnelId tunnel, Message&&) { kmf_->listener.close(tunnel); };
    make_link(kmf_->listener.port());
    ASSERT_TRUE(come_up());
    link_->send(message_to(1, 1));
    link_->send(message_to(2, 1));
    EXPECT_TRUE(until([&] { return record_.count("down closed_by_peer") == 1; }));
    EXPECT_EQ(kmf_->record.count("message 1 2"), 0u) << "nothing of it is told afterwards";
    EXPECT_EQ(kmf_->record.count("down 1 closed_here"), 0u);
}

TEST_P(TunnelListenerOf, NewCredentialsAreForTunnelsToCome) {
    make_kmf();
    make_link(kmf_->listener.port());
    ASSERT_TRUE(come_up());
    kmf_->listener.renew(pki().credentials("kmf-renewed"));
    run_for(Milliseconds(100), {&io_, &kmf_->io});
    EXPECT_EQ(record_.lines, std::vector<std::string>{"up kmf-a"});
    EXPECT_TRUE(link_->send(message_to(1, 1)));
    LinkRecord later_record;
    Link later(io_, link_config(kmf_->listener.port()), later_record);
    later.start();
    ASSERT_TRUE(until([&] { return later.is_up(); }));
    EXPECT_EQ(later_record.lines, std::vector<std::string>{"up kmf-renewed"});
    EXPECT_EQ(kmf_->record.count("message 1 1"), 1u);
}

TEST_P(TunnelListenerOf, CredentialsThatCannotBeLoadedChangeNothing) {
    make_kmf();
    Credentials bad = kmf_credentials_;
    bad.ca_file = "/nowhere.ca";
    EXPECT_THROW(kmf_->listener.renew(bad), std::runtime_error);
    make_link(kmf_->listener.port());
    EXPECT_TRUE(come_up());
    EXPECT_EQ(record_.lines, std::vector<std::string>{"up kmf-a"});
}

TEST_P(TunnelListenerOf, MayBeStoppedFromItsOwnEvents) {
    make_kmf();
    kmf_->record.on_message = [&](TunnelId, Message&&) { kmf_->listener.stop(); };
    make_link(kmf_->listener.port());
    ASSERT_TRUE(come_up());
    link_->send(message_to(1, 1));
    EXPECT_TRUE(until([&] { return record_.count("down closed_by_peer") == 1; }));
    EXPECT_EQ(kmf_->listener.tunnels_up(), 0u);
    EXPECT_EQ(kmf_->listener.counters().session.messages_in, 1u);
}

TEST(TunnelListenerOfBoth, BothDialectsShareAPortAndASeriesOfNumbers) {
    TestPki pki;
    Kmf kmf(pki.credentials("kmf-a"), 0, {}, 64, {Dialect::dtls_v1, Dialect::rfc9185});
    boost::asio::io_context io;
    const auto credentials = pki.credentials("mdd-1");
    std::vector<LinkRecord> records(2);
    Link old_link(io, link_to(kmf.listener.port(), credentials, Dialect::dtls_v1), records[0]);
    Link new_link(io, link_to(kmf.listener.port(), credentials, Dialect::rfc9185), records[1]);
    old_link.start();
    ASSERT_TRUE(run_until([&] { return old_link.is_up(); }, {&io, &kmf.io}));
    new_link.start();
    ASSERT_TRUE(run_until([&] { return new_link.is_up(); }, {&io, &kmf.io}));
    EXPECT_EQ(kmf.record.lines, (std::vector<std::string>{"up 1 mdd-1", "up 2 mdd-1"}));
    EXPECT_EQ(kmf.record.dialects, (std::vector{Dialect::dtls_v1, Dialect::rfc9185}));
    EXPECT_TRUE(kmf.listener.send(TunnelId{1}, message_to(1, 5)));
    EXPECT_TRUE(kmf.listener.send(TunnelId{2}, message_to(2, 5)));
    EXPECT_TRUE(run_until([&] { return records[0].lines.size() + records[1].lines.size() == 4; },
                          {&io, &kmf.io}));
    EXPECT_EQ(records[0].lines.back(), "message 1");
    EXPECT_EQ(records[1].lines.back(), "message 2");
    EXPECT_EQ(kmf.listener.tunnels_up(), 2u);
    kmf.listener.renew(pki.credentials("kmf-b"));
    kmf.listener.close(TunnelId{1});
    kmf.listener.close(TunnelId{2});
    EXPECT_TRUE(run_until(
        [&] {
            return old_link.is_up() && new_link.is_up() && records[0].count("up kmf-b") == 1 &&
                   records[1].count("up kmf-b") == 1;
        },
        {&io, &kmf.io}));
}

TEST(TunnelListenerOfBoth, APortThatIsTakenOnEitherTransportIsToldInASentence) {
    TestPki pki;
    const auto credentials = pki.credentials("kmf-a");
    for (const Dialect taken : {Dialect::dtls_v1, Dialect::rfc9185}) {
        Kmf first(credentials, 0, {}, 64, {taken});
        boost::asio::io_context io;
        ListenerRecord record;
        ListenerConfig config{"127.0.0.1",
                              first.listener.port(),
                              credentials,
                              {},
                              64,
                              64,
                              {Dialect::dtls_v1, Dialect::rfc9185}};
        try {
            Listener second(io, config, record);
            FAIL() << "bound a port that is taken";
        } catch (const std::runtime_error& error) {
            EXPECT_NE(std::string(error.what()).find(std::to_string(config.port)),
                      std::string::npos);
        }
    }
}

TEST(TunnelListenerOfBoth, NoDialectAtAllIsAMistake) {
    TestPki pki;
    boost::asio::io_context io;
    ListenerRecord record;
    ListenerConfig config{"127.0.0.1", 0, pki.credentials("kmf-a"), {}, 64, 64, {}};
    EXPECT_THROW(Listener(io, config, record), std::runtime_error);
}

}  // namespace
}  // namespace mdd::tunnel
