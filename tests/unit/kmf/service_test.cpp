// The whole KMF on a loopback socket: a real tunnel link plays the MDD, an OpenSSL client the
// endpoint.
#include "tools/mdd-kmf/service.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "kmf-tunnel/key_check.h"
#include "kmf-tunnel/link.h"
#include "kmf-tunnel/record.h"
#include "tests/support/hex.h"
#include "tests/unit/kmf/dtls_client.h"

namespace mdd::test {
namespace {

using namespace std::chrono_literals;

// An MDD with one endpoint: wraps and unwraps datagrams, checks keys as mdd does.
class OneEndpointMdd : public tunnel::LinkEvents {
  public:
    OneEndpointMdd(boost::asio::io_context& io, std::uint16_t port,
                   const tunnel::Credentials& credentials,
                   tunnel::Dialect dialect = tunnel::Dialect::dtls_v1, std::uint8_t tag = 7)
        : link(io, config(port, credentials, dialect), *this) {
        association.bytes.fill(tag);
        association.bytes[6] = 0x47;  // a UUID of version 4
        association.bytes[8] = 0x87;
        conference.bytes.fill(0xC0);
        link.start();
    }

    void forward(DtlsClient& client) {
        for (const auto& datagram : std::exchange(client.outbox, {})) {
            tunnel::Message message{association, conference, tunnel::Empty{}, datagram};
            if (tunnel::is_epoch0_handshake(datagram))
                message.body = tunnel::SupportedProfiles{{0x0009, 0x000A}, {}};
            link.send(message);
        }
    }

    void on_link_up(const tunnel::PeerIdentity&) override {}
    void on_link_down(tunnel::DownReason, const std::string&) override { ++downs; }
    void on_link_refused(tunnel::DownReason, const std::string&) override { ++refused; }
    void on_link_message(tunnel::Message&& message) override {
        if (auto* information = std::get_if<tunnel::KeyInformation>(&message.body)) {
            auto checked = tunnel::check(std::move(*information));
            if (auto* good = std::get_if<srtp::HopKeys>(&checked)) keys = std::move(*good);
        }
        disconnects += std::holds_alternative<tunnel::Disconnect>(message.body) ? 1 : 0;
        if (endpoint && !message.dtls.empty()) endpoint->feed(message.dtls);
    }

    tunnel::AssociationId association;
    tunnel::ConferenceId conference;
    tunnel::Link link;
    DtlsClient* endpoint = nullptr;
    std::optional<srtp::HopKeys> keys;
    int refused = 0;
    int disconnects = 0;
    int downs = 0;

  private:
    static tunnel::LinkConfig config(std::uint16_t port, const tunnel::Credentials& credentials,
                                     tunnel::Dialect dialect) {
        tunnel::LinkConfig made;
        made.name = "kmf";
        made.host = "127.0.0.1";
        made.port = port;
        made.credentials = credentials;
        made.dialect = dialect;
        made.profiles = {0x0009, 0x000A};
        return made;
    }
};

class KmfService : public ::testing::Test {
  protected:
    KmfService() {
        const auto kmf_cert = pki_.issue("kmf");
        const auto endpoint_side = pki_.self_signed("kmf-endpoint");
        config_.listen_address = "127.0.0.1";
        config_.tunnel_tls = {kmf_cert.cert_file, kmf_cert.key_file, pki_.ca_file(), {}};
        config_.endpoint_tls = {endpoint_side.cert_file, endpoint_side.key_file};
        endpoint_fingerprint_ = endpoint_side.certificate_sha256;
        kmf::Conference conference;
        conference.id.bytes.fill(0xC0);
        conference.endpoints[alice_.certificate_sha256] = {"alice", ""};
        conference.endpoints[bob_.certificate_sha256] = {"bob", kBobTlsId};
        config_.conferences = {conference};
        config_.mdds = {{"mdd-1", {mdd_.certificate_sha256}, true, {}}};
    }

    tunnel::Credentials credentials(const TestCertificate& certificate) const {
        return {certificate.cert_file, certificate.key_file, pki_.ca_file(), {}};
    }

    bool run_until(const std::function<bool()>& done, OneEndpointMdd* mdd = nullptr,
                   OneEndpointMdd* other = nullptr, std::chrono::milliseconds limit = 5000ms) {
        const auto end = std::chrono::steady_clock::now() + limit;
        while (!done()) {
            if (std::chrono::steady_clock::now() > end) return false;
            io_.run_for(5ms);
            io_.restart();
            for (auto* one : {mdd, other}) {
                if (one == nullptr || one->endpoint == nullptr) continue;
                one->endpoint->tick();
                one->forward(*one->endpoint);
            }
        }
        return true;
    }

    TestPki pki_;
    TestCertificate alice_ = pki_.self_signed("alice");
    TestCertificate bob_ = pki_.self_signed("bob");
    TestCertificate mdd_ = pki_.issue("mdd-1");
    dtls::Fingerprint endpoint_fingerprint_{};
    kmf::KmfConfig config_;
    boost::asio::io_context io_;
};

TEST_F(KmfService, KeysAnEndpointThroughATunnelOnASocket) {
    kmf::Service service(io_, config_);
    service.start();
    EXPECT_EQ(service.endpoint_fingerprint(), endpoint_fingerprint_);
    OneEndpointMdd mdd(io_, service.port(), credentials(mdd_));
    ASSERT_TRUE(run_until([&] { return mdd.link.is_up(); }));
    DtlsClient client(alice_, {});
    mdd.endpoint = &client;
    ASSERT_TRUE(run_until([&] { return client.is_established(); }, &mdd));
    ASSERT_TRUE(mdd.keys) << "accepted by the MDD's own check of lengths";
    const auto exported = client.exported(112);
    EXPECT_TRUE(std::ranges::equal(mdd.keys->client_write.key.first(16),
                                   srtp::Bytes(exported).subspan(16, 16)));
    EXPECT_TRUE(std::ranges::equal(mdd.keys->server_write.salt.bytes(),
                                   srtp::Bytes(exported).subspan(100, 12)));

    const auto report = service.report();
    EXPECT_EQ(report["tunnels"]["up"], 1);
    EXPECT_EQ(report["handshakes"]["completed"], 1);
    EXPECT_EQ(report["handshakes"]["refused"]["unknown_certificate"], 0);
    EXPECT_EQ(report["associations"]["live"], 1);
    EXPECT_EQ(report["messages"]["with_keys"], 1);
    for (const auto& [reason, count] : report["messages"]["dropped"].items())
        EXPECT_EQ(count, 0) << reason;
    service.stop();
}

TEST_F(KmfService, RepeatsItsFlightByItsOwnTimer) {
    kmf::Service service(io_, config_);
    service.start();
    OneEndpointMdd mdd(io_, service.port(), credentials(mdd_));
    ASSERT_TRUE(run_until([&] { return mdd.link.is_up(); }));
    DtlsClient client(alice_, {});
    mdd.endpoint = &client;
    mdd.forward(client);
    ASSERT_TRUE(run_until([&] { return !client.outbox.empty(); }));
    mdd.endpoint = nullptr;  // after its second hello the endpoint hears nothing and falls silent
    mdd.forward(client);
    ASSERT_TRUE(run_until([&] { return service.tally().handshakes_started == 1; }));
    const auto before = service.tally().messages_out;
    EXPECT_TRUE(run_until([&] { return service.tally().messages_out >= before + 2; }, &mdd));
}

TEST_F(KmfService, KeepsAssociationsWhenTheMddReconnects) {
    kmf::Service service(io_, config_);
    service.start();
    DtlsClient client(alice_, {});
    {
        OneEndpointMdd mdd(io_, service.port(), credentials(mdd_));
        ASSERT_TRUE(run_until([&] { return mdd.link.is_up(); }));
        mdd.endpoint = &client;
        ASSERT_TRUE(run_until([&] { return client.is_established(); }, &mdd));
        mdd.link.stop();
        ASSERT_TRUE(run_until([&] { return service.report()["tunnels"]["up"] == 0; }));
    }
    OneEndpointMdd mdd(io_, service.port(), credentials(mdd_));
    ASSERT_TRUE(run_until([&] { return mdd.link.is_up(); }));
    client.close();
    mdd.endpoint = &client;
    ASSERT_TRUE(run_until([&] { return service.tally().closed == 1; }, &mdd))
        << "the new tunnel speaks for the old association";
    EXPECT_EQ(service.report()["associations"]["live"], 0);
}

TEST_F(KmfService, DropsWhatAnUnlistedMddSays) {
    kmf::Service service(io_, config_);
    service.start();
    OneEndpointMdd stranger(io_, service.port(), credentials(pki_.issue("mdd-2")));
    ASSERT_TRUE(run_until([&] { return stranger.link.is_up(); }));
    DtlsClient client(alice_, {});
    stranger.endpoint = &client;
    ASSERT_TRUE(run_until([&] { return service.tally()[kmf::Drop::mdd_unknown] > 0; }, &stranger));
    EXPECT_EQ(service.tally().messages_out, 0u);
}

TEST_F(KmfService, RefusesAnMddUnderAnotherAuthority) {
    kmf::Service service(io_, config_);
    service.start();
    TestPki other;
    const auto leaf = other.issue("mdd-1");
    OneEndpointMdd stranger(io_, service.port(),
                            {leaf.cert_file, leaf.key_file, pki_.ca_file(), {}});
    ASSERT_TRUE(run_until([&] { return service.report()["tunnels"]["refused"] > 0; }));
    EXPECT_EQ(service.report()["tunnels"]["up"], 0);
}

TEST_F(KmfService, ServesBothDialectsOnOnePortNumberAtOnce) {
    config_.dialects = {tunnel::Dialect::dtls_v1, tunnel::Dialect::rfc9185};
    kmf::Service service(io_, config_);
    service.start();
    OneEndpointMdd old_one(io_, service.port(), credentials(mdd_));
    OneEndpointMdd new_one(io_, service.port(), credentials(mdd_), tunnel::Dialect::rfc9185, 9);
    ASSERT_TRUE(run_until([&] { return old_one.link.is_up() && new_one.link.is_up(); }));
    DtlsClient alice(alice_, {});
    DtlsClient bob(bob_, {.tls_id = kBobTlsId});
    old_one.endpoint = &alice;
    new_one.endpoint = &bob;
    ASSERT_TRUE(run_until(
        [&] {
            return !alice.keys().empty() && !bob.keys().empty() &&
                   alice.keys().back().spi == bob.keys().back().spi;
        },
        &old_one, &new_one))
        << "one conference, one EKT key";
    for (auto* mdd : {&old_one, &new_one}) {
        ASSERT_TRUE(mdd->keys);
        const auto exported = mdd->endpoint->exported(112);
        EXPECT_TRUE(std::ranges::equal(mdd->keys->client_write.key.first(16),
                                       srtp::Bytes(exported).subspan(16, 16)));
    }
    ASSERT_TRUE(
        run_until([&] { return service.tally().ekt.acknowledged >= 2; }, &old_one, &new_one));
    const auto report = service.report();
    EXPECT_EQ(report["tunnels"]["up"], 2);
    EXPECT_EQ(report["ekt"]["refused"], 0);
    EXPECT_EQ(report["ekt"]["rekeys"]["first"], 1);
}

TEST_F(KmfService, PutsOutWithinTenMillisecondsOfItsDecision) {
    config_.dialects = {tunnel::Dialect::rfc9185};
    kmf::Service service(io_, config_);
    service.start();
    OneEndpointMdd mdd(io_, service.port(), credentials(mdd_), tunnel::Dialect::rfc9185);
    ASSERT_TRUE(run_until([&] { return mdd.link.is_up(); }));
    DtlsClient bob(bob_, {.tls_id = kBobTlsId});
    mdd.endpoint = &bob;
    ASSERT_TRUE(run_until([&] { return !bob.keys().empty(); }, &mdd));
    config_.conferences[0].endpoints.erase(bob_.certificate_sha256);
    service.reload(config_);
    const auto decided_at = std::chrono::steady_clock::now();
    while (mdd.disconnects == 0 && std::chrono::steady_clock::now() < decided_at + 1s) io_.poll();
    const auto took = std::chrono::steady_clock::now() - decided_at;
    EXPECT_EQ(mdd.disconnects, 1);
    EXPECT_LT(took, 10ms);
    EXPECT_EQ(service.report()["tunnels"]["up"], 1) << "the tunnel stays";
    EXPECT_EQ(service.report()["associations"]["put_out"], 1);
}

TEST_F(KmfService, ReloadsCertificatesWithoutDroppingATunnel) {
    config_.dialects = {tunnel::Dialect::dtls_v1, tunnel::Dialect::rfc9185};
    kmf::Service service(io_, config_);
    service.start();
    OneEndpointMdd before(io_, service.port(), credentials(mdd_));
    ASSERT_TRUE(run_until([&] { return before.link.is_up(); }));
    TestPki next;
    const auto tunnel_side = next.issue("kmf");
    const auto endpoint_side = next.self_signed("kmf-endpoint-2");
    config_.tunnel_tls = {tunnel_side.cert_file, tunnel_side.key_file, pki_.ca_file(), {}};
    config_.endpoint_tls = {endpoint_side.cert_file, endpoint_side.key_file};
    service.reload(config_);
    EXPECT_EQ(service.endpoint_fingerprint(), endpoint_side.certificate_sha256);
    EXPECT_TRUE(before.link.is_up());
    OneEndpointMdd after(io_, service.port(), {mdd_.cert_file, mdd_.key_file, next.ca_file(), {}});
    ASSERT_TRUE(run_until([&] { return after.link.is_up(); })) << "sees the new certificate";
    DtlsClient alice(alice_, {.takes_over = false});
    before.endpoint = &alice;
    ASSERT_TRUE(run_until([&] { return service.tally().handshakes_completed == 1; }, &before));
    EXPECT_EQ(dtls::fingerprint_of(SSL_get0_peer_certificate(alice.ssl())),
              endpoint_side.certificate_sha256);
    EXPECT_EQ(service.report()["tunnels"]["up"], 2);
}

TEST_F(KmfService, ClosesTheTunnelOfAnMddThatIsNoLongerListed) {
    kmf::Service service(io_, config_);
    service.start();
    OneEndpointMdd mdd(io_, service.port(), credentials(mdd_));
    ASSERT_TRUE(run_until([&] { return mdd.link.is_up(); }));
    config_.mdds[0].certificates.clear();
    service.reload(config_);
    EXPECT_EQ(service.report()["tunnels"]["up"], 0);
    ASSERT_TRUE(run_until([&] { return !mdd.link.is_up() || mdd.downs > 0; }));
}

TEST_F(KmfService, AnotherKmfGoesOnWithItsState) {
    const auto folder = std::filesystem::path(pki_.ca_file()).parent_path();
    const srtp::Secret<32> key(std::vector<std::uint8_t>(32, 5));
    DtlsClient alice(alice_, {});
    std::uint16_t spi = 0;
    std::uint16_t port = 0;
    {
        kmf::Service service(io_, config_, kmf::StateFile::open(folder / "kmf.state", key));
        service.start();
        port = service.port();
        OneEndpointMdd mdd(io_, port, credentials(mdd_));
        mdd.endpoint = &alice;
        ASSERT_TRUE(run_until([&] { return service.tally().ekt.acknowledged == 1; }, &mdd));
        spi = alice.keys().back().spi;
    }
    io_.restart();
    kmf::Service service(io_, config_, kmf::StateFile::open(folder / "kmf.state", key));
    service.start();
    EXPECT_EQ(service.report()["associations"]["restored"], 1);
    OneEndpointMdd other(io_, service.port(), credentials(mdd_), tunnel::Dialect::dtls_v1, 9);
    ASSERT_TRUE(run_until([&] { return other.link.is_up(); }));
    // A restored association takes its MDD's newest tunnel until the MDD uses one for it.
    OneEndpointMdd mdd(io_, service.port(), credentials(mdd_));
    ASSERT_TRUE(run_until([&] { return mdd.link.is_up(); }));
    mdd.endpoint = &alice;
    DtlsClient bob(bob_, {});
    other.endpoint = &bob;
    ASSERT_TRUE(run_until(
        [&] { return !bob.keys().empty() && alice.keys().back().spi == bob.keys().back().spi; },
        &mdd, &other));
    EXPECT_EQ(bob.keys().back().spi, static_cast<std::uint16_t>(spi + 1));
    EXPECT_EQ(service.report()["associations"]["live"], 2);
}

TEST_F(KmfService, WritesOneLineOfAuditForEachDecisionAndNoKey) {
    const auto folder = std::filesystem::path(pki_.ca_file()).parent_path();
    config_.dialects = {tunnel::Dialect::rfc9185};
    config_.audit_file = folder / "audit.jsonl";
    DtlsClient bob(bob_, {.tls_id = kBobTlsId});
    {
        kmf::Service service(io_, config_);
        service.start();
        OneEndpointMdd mdd(io_, service.port(), credentials(mdd_), tunnel::Dialect::rfc9185);
        ASSERT_TRUE(run_until([&] { return mdd.link.is_up(); }));
        DtlsClient stranger(pki_.self_signed("stranger"), {.tls_id = kBobTlsId});
        mdd.endpoint = &stranger;
        ASSERT_TRUE(run_until([&] { return stranger.has_failed(); }, &mdd));
        mdd.association.bytes[0] = 8;
        mdd.endpoint = &bob;
        ASSERT_TRUE(run_until([&] { return !bob.keys().empty(); }, &mdd));
        config_.conferences[0].endpoints.erase(bob_.certificate_sha256);
        service.reload(config_);
        service.refuse_reload("kmf.toml:1:1: error");
        service.stop();
    }
    std::ifstream in(*config_.audit_file);
    std::vector<nlohmann::json> lines;
    std::string text, line;
    while (std::getline(in, line)) {
        lines.push_back(nlohmann::json::parse(line));
        text += line;
    }
    std::vector<std::string> events;
    for (const auto& one : lines) events.push_back(one.at("event"));
    EXPECT_EQ(events, (std::vector<std::string>{"start", "tunnel_up", "refuse", "join", "rekey",
                                                "reload", "put_out", "reload", "stop"}));
    for (const auto& one : lines) EXPECT_TRUE(std::string(one.at("time")).ends_with("Z"));
    EXPECT_EQ(lines[2].at("reason"), "unknown_certificate");
    EXPECT_EQ(lines[3].at("endpoint"), "bob");
    EXPECT_EQ(lines[3].at("mdd"), "mdd-1");
    EXPECT_EQ(lines[4].at("reason"), "first");
    EXPECT_EQ(lines[6].at("endpoint"), "bob");
    EXPECT_EQ(lines[7].at("accepted"), false);
    EXPECT_EQ(text.find(to_hex(bob.keys().back().key_value())), std::string::npos);
    EXPECT_EQ(std::filesystem::status(*config_.audit_file).permissions(),
              std::filesystem::perms(0600));
}

TEST_F(KmfService, AnAuditFileThatCannotBeWrittenIsAnErrorAtTheStart) {
    config_.audit_file = "/nowhere/audit.jsonl";
    EXPECT_THROW(kmf::Service(io_, config_), std::runtime_error);
}

TEST_F(KmfService, SaysWhichCertificateItCannotUse) {
    config_.endpoint_tls.key = pki_.self_signed("other").key_file;
    try {
        kmf::Service service(io_, config_);
        FAIL() << "accepted";
    } catch (const std::runtime_error& error) {
        const std::string text = error.what();
        EXPECT_NE(text.find("Endpoint private key"), std::string::npos) << text;
        EXPECT_NE(text.find(config_.endpoint_tls.key), std::string::npos) << text;
    }
}

}  // namespace
}  // namespace mdd::test
