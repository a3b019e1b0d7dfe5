// The whole KMF on a loopback socket: a real tunnel link plays the MDD, an OpenSSL client the
// endpoint.
#include "tools/mdd-kmf/service.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "kmf-tunnel/key_check.h"
#include "kmf-tunnel/link.h"
#include "kmf-tunnel/record.h"
#include "tests/unit/kmf/dtls_client.h"

namespace mdd::test {
namespace {

using namespace std::chrono_literals;

// An MDD with one endpoint: wraps and unwraps datagrams, checks keys as mdd does.
class OneEndpointMdd : public tunnel::LinkEvents {
  public:
    OneEndpointMdd(boost::asio::io_context& io, std::uint16_t port,
                   const tunnel::Credentials& credentials)
        : link(io, config(port, credentials), *this) {
        association.bytes.fill(7);
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
    void on_link_down(tunnel::DownReason, const std::string&) override {}
    void on_link_refused(tunnel::DownReason, const std::string&) override { ++refused; }
    void on_link_message(tunnel::Message&& message) override {
        if (auto* information = std::get_if<tunnel::KeyInformation>(&message.body)) {
            auto checked = tunnel::check(std::move(*information));
            if (auto* good = std::get_if<srtp::HopKeys>(&checked)) keys = std::move(*good);
        }
        if (endpoint) endpoint->feed(message.dtls);
    }

    tunnel::AssociationId association;
    tunnel::ConferenceId conference;
    tunnel::Link link;
    DtlsClient* endpoint = nullptr;
    std::optional<srtp::HopKeys> keys;
    int refused = 0;

  private:
    static tunnel::LinkConfig config(std::uint16_t port, const tunnel::Credentials& credentials) {
        tunnel::LinkConfig made;
        made.name = "kmf";
        made.host = "127.0.0.1";
        made.port = port;
        made.credentials = credentials;
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
        conference.endpoints[alice_.certificate_sha256] = {"alice", "alice-0123456789abcdef"};
        config_.conferences = {conference};
        config_.mdds = {{"mdd-1", mdd_.certificate_sha256, true, {}}};
    }

    tunnel::Credentials credentials(const TestCertificate& certificate) const {
        return {certificate.cert_file, certificate.key_file, pki_.ca_file(), {}};
    }

    bool run_until(const std::function<bool()>& done, OneEndpointMdd* mdd = nullptr,
                   std::chrono::milliseconds limit = 5000ms) {
        const auto end = std::chrono::steady_clock::now() + limit;
        while (!done()) {
            if (std::chrono::steady_clock::now() > end) return false;
            io_.run_for(5ms);
            io_.restart();
            if (mdd == nullptr || mdd->endpoint == nullptr) continue;
            mdd->endpoint->tick();
            mdd->forward(*mdd->endpoint);
        }
        return true;
    }

    TestPki pki_;
    TestCertificate alice_ = pki_.self_signed("alice");
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
