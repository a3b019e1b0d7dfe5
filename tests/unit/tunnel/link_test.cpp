// The link on loopback, in either dialect: up, messages, a KMF that is not there, comes back, or is
// the wrong one, and new credentials.
#include "kmf-tunnel/link.h"

#include "tests/unit/tunnel/link_bed.h"

namespace mdd::tunnel {
namespace {

using namespace test;

class TunnelLink : public LinkBed, public ::testing::WithParamInterface<Dialect> {
  protected:
    TunnelLink() : LinkBed(GetParam()) {}
};
INSTANTIATE_TEST_SUITE_P(Dialects, TunnelLink,
                         ::testing::Values(Dialect::dtls_v1, Dialect::rfc9185), dialect_name);

TEST_P(TunnelLink, ComesUpAndCarriesMessagesBothWays) {
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
    EXPECT_TRUE(link_->send(message_to(2, 1)));
    ASSERT_TRUE(run_until([&] { return record_.count("message 102") == 1; }, {&io_, &kmf_->io}));
    EXPECT_EQ(record_.count("message 101"), 1u);
    EXPECT_EQ(kmf_->record.count("message 1 1"), 1u);
    EXPECT_EQ(link_->counters().not_up, 1u);
    EXPECT_EQ(link_->counters().session.messages_out, 2u);
}

TEST_P(TunnelLink, DatagramsLargerThanTheUsualPathArrive) {
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

TEST_P(TunnelLink, ResolvesNames) {
    make_kmf();
    auto config = link_config(kmf_->listener.port());
    config.host = "localhost";
    make_link(config);
    EXPECT_TRUE(come_up());
}

TEST_P(TunnelLink, WaitsForAKmfThatIsNotThereYet) {
    make_kmf();
    const std::uint16_t port = kmf_->listener.port();
    kmf_.reset();
    make_link(port);
    ASSERT_TRUE(run_until([&] { return record_.count("refused unreachable") >= 2; }, {&io_}));
    EXPECT_FALSE(link_->is_up());
    make_kmf(port);
    EXPECT_TRUE(come_up());
}

TEST_P(TunnelLink, AKmfUnderAnotherCaIsRefusedAndTriedAgain) {
    TestPki other("other CA");
    kmf_credentials_ = other.credentials("kmf-x");
    make_kmf();
    make_link(kmf_->listener.port());
    ASSERT_TRUE(
        run_until([&] { return record_.count("refused refused_by_us") >= 2; }, {&io_, &kmf_->io}));
    EXPECT_FALSE(link_->is_up());
    EXPECT_EQ(record_.count("up kmf-x"), 0u);
    EXPECT_GE(kmf_->record.count("refused refused_by_peer"), 1u);
    EXPECT_EQ(kmf_->listener.tunnels_up(), 0u);
}

TEST_P(TunnelLink, AKmfWithAnotherKeyThanThePinnedOneIsRefused) {
    make_kmf();
    mdd_credentials_.pins = {Sha256{}};
    make_link(kmf_->listener.port());
    EXPECT_TRUE(
        run_until([&] { return record_.count("refused refused_by_us") >= 1; }, {&io_, &kmf_->io}));
}

TEST_P(TunnelLink, AnMddUnderAnotherCaIsRefusedByTheKmf) {
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

TEST_P(TunnelLink, StopSaysGoodbyeAndReportsNothing) {
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

TEST_P(TunnelLink, AKmfThatStopsIsLeftAndTriedAgain) {
    make_kmf();
    make_link(kmf_->listener.port());
    ASSERT_TRUE(come_up());
    kmf_->listener.stop();
    EXPECT_TRUE(
        run_until([&] { return record_.count("down closed_by_peer") == 1; }, {&io_, &kmf_->io}));
    EXPECT_TRUE(
        run_until([&] { return record_.count("refused unreachable") >= 1; }, {&io_, &kmf_->io}));
}

TEST_P(TunnelLink, MayBeStoppedFromItsOwnEvents) {
    make_kmf();
    record_.on_up = [&] { link_->stop(); };
    make_link(kmf_->listener.port());
    EXPECT_TRUE(run_until([&] { return kmf_->record.count("down 1 closed_by_peer") == 1; },
                          {&io_, &kmf_->io}));
    EXPECT_EQ(record_.lines, std::vector<std::string>{"up kmf-a"});
}

TEST_P(TunnelLink, AKmfThatStartsOverIsFoundAgain) {
    make_kmf();
    const std::uint16_t port = kmf_->listener.port();
    make_link(port);
    ASSERT_TRUE(come_up());
    run_for(Milliseconds(100), {&io_, &kmf_->io});
    kmf_.reset();
    ASSERT_TRUE(run_until([&] { return !link_->is_up(); }, {&io_}));
    make_kmf(port);
    ASSERT_TRUE(come_up());
    EXPECT_EQ(record_.count("up kmf-a"), 2u);
    EXPECT_TRUE(link_->send(message_to(5, 10)));
    EXPECT_TRUE(until([&] { return kmf_->record.count("message 1 5") == 1; }));
}

TEST_P(TunnelLink, AKmfWhoseCertificateHasExpiredIsRefused) {
    const auto expired = pki().issue_expired("kmf-old");
    kmf_credentials_.cert_file = expired.cert_file;
    kmf_credentials_.key_file = expired.key_file;
    make_kmf();
    make_link(kmf_->listener.port());
    EXPECT_TRUE(until([&] { return record_.count("refused refused_by_us") >= 1; }));
    EXPECT_NE(record_.last_text.find("expired"), std::string::npos) << record_.last_text;
    EXPECT_EQ(record_.count("up kmf-old"), 0u);
}

TEST_P(TunnelLink, AnMddWhoseCertificateHasExpiredIsRefusedAndNeverUp) {
    const auto expired = pki().issue_expired("mdd-old");
    mdd_credentials_.cert_file = expired.cert_file;
    mdd_credentials_.key_file = expired.key_file;
    make_kmf();
    make_link(kmf_->listener.port());
    EXPECT_TRUE(until([&] { return record_.count("refused refused_by_peer") >= 2; }));
    EXPECT_NE(kmf_->record.last_text.find("expired"), std::string::npos);
    EXPECT_EQ(record_.count("up kmf-a"), 0u) << "TLS 1.3 clients are up too early; links are not";
}

TEST_P(TunnelLink, AnMddWithAnotherKeyThanThePinnedOneIsRefused) {
    kmf_credentials_.pins = {Sha256{}};
    make_kmf();
    make_link(kmf_->listener.port());
    EXPECT_TRUE(until([&] { return record_.count("refused refused_by_peer") >= 1; }));
    EXPECT_GE(kmf_->record.count("refused refused_by_us"), 1u);
    EXPECT_EQ(record_.count("up kmf-a"), 0u);
}

TEST_P(TunnelLink, NewCredentialsMakeANewTunnelBeforeTheOldOneEnds) {
    make_kmf();
    make_link(kmf_->listener.port());
    ASSERT_TRUE(come_up());
    link_->renew(pki().credentials("mdd-renewed"));
    EXPECT_TRUE(link_->is_up()) << "the old tunnel carries on";
    ASSERT_TRUE(until([&] { return kmf_->record.count("down 1 closed_by_peer") == 1; }));
    EXPECT_EQ(kmf_->record.lines, (std::vector<std::string>{"up 1 mdd-1", "up 2 mdd-renewed",
                                                            "down 1 closed_by_peer"}));
    EXPECT_EQ(record_.lines, (std::vector<std::string>{"up kmf-a", "up kmf-a"}));
    EXPECT_TRUE(link_->send(message_to(3, 10)));
    EXPECT_TRUE(until([&] { return kmf_->record.count("message 2 3") == 1; }));
}

TEST_P(TunnelLink, NewCredentialsThatTheKmfRefusesLeaveTheOldTunnelInPlace) {
    make_kmf();
    make_link(kmf_->listener.port());
    ASSERT_TRUE(come_up());
    TestPki other("other CA");
    Credentials stranger = other.credentials("mdd-x");
    stranger.ca_file = pki().ca_file();
    link_->renew(stranger);
    ASSERT_TRUE(until([&] { return record_.count("refused refused_by_peer") >= 2; }));
    EXPECT_TRUE(link_->is_up());
    EXPECT_EQ(record_.count("up kmf-a"), 1u);
    EXPECT_TRUE(link_->send(message_to(3, 10)));
    EXPECT_TRUE(until([&] { return kmf_->record.count("message 1 3") == 1; }));
}

TEST_P(TunnelLink, CredentialsThatCannotBeLoadedChangeNothing) {
    make_kmf();
    make_link(kmf_->listener.port());
    ASSERT_TRUE(come_up());
    Credentials bad = mdd_credentials_;
    bad.key_file = "/nowhere.key";
    EXPECT_THROW(link_->renew(bad), std::runtime_error);
    EXPECT_EQ(link_->config().credentials.key_file, mdd_credentials_.key_file);
    run_for(Milliseconds(100), {&io_, &kmf_->io});
    EXPECT_EQ(record_.lines, std::vector<std::string>{"up kmf-a"});
    EXPECT_TRUE(link_->send(message_to(3, 10)));
}

TEST_P(TunnelLink, CredentialsAreRenewedWhileThereIsNoTunnel) {
    TestPki other("other CA");
    const Credentials right = mdd_credentials_;
    mdd_credentials_ = other.credentials("mdd-x");
    mdd_credentials_.ca_file = pki().ca_file();
    make_kmf();
    make_link(kmf_->listener.port());
    ASSERT_TRUE(until([&] { return record_.count("refused refused_by_peer") >= 1; }));
    link_->renew(right);
    EXPECT_TRUE(come_up());
}

TEST_P(TunnelLink, ADisconnectGoesWhereTheDialectHasAWordForIt) {
    make_kmf();
    make_link(kmf_->listener.port());
    ASSERT_TRUE(come_up());
    EXPECT_TRUE(link_->send(disconnect_of(7)));
    EXPECT_TRUE(link_->send(message_to(8, 10)));
    ASSERT_TRUE(until([&] { return kmf_->record.count("message 1 8") == 1; }));
    const bool has_word = dialect_ == Dialect::rfc9185;
    EXPECT_EQ(kmf_->record.count("disconnect 1 7"), has_word ? 1u : 0u);
    EXPECT_EQ(link_->counters().session.not_in_dialect, has_word ? 0u : 1u);
}

TEST_P(TunnelLink, KeysArriveWithOrBeforeTheDtlsThatNeedsThem) {
    make_kmf();
    make_link(kmf_->listener.port());
    ASSERT_TRUE(come_up());
    EXPECT_TRUE(kmf_->listener.send(TunnelId{1}, keys_to(9, 75)));
    ASSERT_TRUE(until([&] { return record_.count("keys 9") == 1; }));
    run_for(Milliseconds(20), {&io_, &kmf_->io});
    EXPECT_EQ(record_.count("message 9"), dialect_ == Dialect::rfc9185 ? 1u : 0u);
}

}  // namespace
}  // namespace mdd::tunnel
