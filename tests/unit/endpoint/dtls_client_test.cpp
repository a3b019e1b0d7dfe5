// The handshake client against a real OpenSSL server, datagram by datagram: double profiles, loss,
// wrong certificates.
#include <gtest/gtest.h>
#include <unistd.h>

#include <thread>

#include "tests/support/hex.h"
#include "tests/unit/endpoint/key_server.h"
#include "tools/mdd-endpoint/dtls_client.h"

namespace mdd::endpoint::test {
namespace {

using Datagram = std::vector<std::uint8_t>;
using State = DtlsClient::State;

class DtlsClientTest : public ::testing::Test {
  protected:
    DtlsClientTest() { std::filesystem::create_directories(directory_); }
    ~DtlsClientTest() override { std::filesystem::remove_all(directory_); }

    DtlsIdentity identity(srtp::Profile profile) {
        return DtlsIdentity(client_.cert_file, client_.key_file, server_.fingerprint(), profile);
    }
    // Carries datagrams both ways until nothing moves; `lost` says which client datagram, counted
    // from 0, is lost.
    void converse(
        DtlsClient& client, KeyServer& server, std::vector<Datagram>& from_client,
        const std::function<bool(int)>& lost = [](int) { return false; }) {
        while (!from_client.empty()) {
            const auto batch = std::exchange(from_client, {});
            for (const auto& datagram : batch) {
                if (lost(client_datagrams_++)) continue;
                for (const auto& reply : server.answer(datagram)) client.on_datagram(reply);
            }
        }
    }
    void wait_and_repeat(DtlsClient& client) {
        const auto wait = client.time_to_repeat();
        ASSERT_TRUE(wait);
        EXPECT_LE(*wait, DtlsClient::kLongestRepeat);
        std::this_thread::sleep_for(*wait + std::chrono::milliseconds(1));
        client.on_time();
    }

    std::filesystem::path directory_ =
        std::filesystem::path(::testing::TempDir()) / ("dtls_" + std::to_string(::getpid()));
    bool made_ = std::filesystem::create_directories(directory_);
    Certificate client_ = make_certificate(directory_, "client");
    Certificate server_ = make_certificate(directory_, "server");
    int client_datagrams_ = 0;
};

TEST_F(DtlsClientTest, EveryProfileYieldsTheServersKeys) {
    for (const auto& traits : srtp::kProfiles) {
        SCOPED_TRACE(traits.name);
        const auto who = identity(traits.profile);
        KeyServer server(server_, traits.profile);
        std::vector<Datagram> out;
        DtlsClient client(who, [&](srtp::Bytes d) { out.emplace_back(d.begin(), d.end()); });
        client.start();
        converse(client, server, out);
        ASSERT_EQ(client.state(), State::keyed) << client.failure();
        EXPECT_TRUE(server.has_client_certificate());
        const auto keys = client.take_keys();
        ASSERT_TRUE(keys);
        ASSERT_TRUE(server.keys());
        EXPECT_EQ(keys->profile, traits.profile);
        using mdd::test::to_hex;
        EXPECT_EQ(to_hex(keys->client_write.key.bytes()),
                  to_hex(server.keys()->hop.client_write.key.bytes()));
        EXPECT_EQ(to_hex(keys->server_write.salt.bytes()),
                  to_hex(server.keys()->hop.server_write.salt.bytes()));
        EXPECT_NE(to_hex(keys->client_write.key.bytes()), to_hex(keys->server_write.key.bytes()));
        EXPECT_FALSE(client.take_keys()) << "keys are handed out once";
    }
}

TEST_F(DtlsClientTest, FirstRepeatComesAfterAQuarterOfASecond) {
    const auto who = identity(srtp::Profile::double_aes_128_gcm);
    KeyServer server(server_, srtp::Profile::double_aes_128_gcm);
    std::vector<Datagram> out;
    DtlsClient client(who, [&](srtp::Bytes d) { out.emplace_back(d.begin(), d.end()); });
    client.start();
    ASSERT_EQ(out.size(), 1u);
    ASSERT_TRUE(client.time_to_repeat());
    EXPECT_LE(*client.time_to_repeat(), DtlsClient::kFirstRepeat);
    EXPECT_GT(*client.time_to_repeat(), DtlsClient::kFirstRepeat / 2);
    out.clear();  // lost
    wait_and_repeat(client);
    EXPECT_EQ(client.repeats(), 1u);
    converse(client, server, out);
    EXPECT_EQ(client.state(), State::keyed);
    EXPECT_FALSE(client.time_to_repeat());
}

TEST_F(DtlsClientTest, LostFinalFlightIsRepeatedUntilTheServersFinishedComes) {
    const auto who = identity(srtp::Profile::double_aes_256_gcm);
    KeyServer server(server_, srtp::Profile::double_aes_256_gcm);
    std::vector<Datagram> out;
    DtlsClient client(who, [&](srtp::Bytes d) { out.emplace_back(d.begin(), d.end()); });
    client.start();
    converse(client, server, out, [](int number) { return number >= 1; });
    EXPECT_EQ(client.state(), State::handshaking);
    wait_and_repeat(client);
    converse(client, server, out);
    EXPECT_EQ(client.state(), State::keyed) << client.failure();
}

TEST_F(DtlsClientTest, KmfWithAnotherCertificateIsRefused) {
    const auto other = make_certificate(directory_, "other");
    const auto who = identity(srtp::Profile::double_aes_128_gcm);
    KeyServer server(other, srtp::Profile::double_aes_128_gcm);
    std::vector<Datagram> out;
    DtlsClient client(who, [&](srtp::Bytes d) { out.emplace_back(d.begin(), d.end()); });
    client.start();
    converse(client, server, out);
    EXPECT_EQ(client.state(), State::failed);
    EXPECT_NE(client.failure().find("fingerprint"), std::string::npos) << client.failure();
    EXPECT_FALSE(client.take_keys());
}

TEST_F(DtlsClientTest, NoCommonProfileIsAFailure) {
    const auto who = identity(srtp::Profile::double_aes_128_gcm);
    KeyServer server(server_, srtp::Profile::double_aes_256_gcm);
    std::vector<Datagram> out;
    DtlsClient client(who, [&](srtp::Bytes d) { out.emplace_back(d.begin(), d.end()); });
    client.start();
    converse(client, server, out);
    EXPECT_EQ(client.state(), State::failed);
    EXPECT_NE(client.failure().find("SRTP profile"), std::string::npos) << client.failure();
}

TEST_F(DtlsClientTest, JunkIsIgnoredAndClosingIsNoticedOnBothSides) {
    const auto who = identity(srtp::Profile::double_aes_128_gcm);
    KeyServer server(server_, srtp::Profile::double_aes_128_gcm);
    std::vector<Datagram> out;
    DtlsClient client(who, [&](srtp::Bytes d) { out.emplace_back(d.begin(), d.end()); });
    client.start();
    client.on_datagram(Datagram{22, 1, 2, 3});
    client.on_datagram(Datagram(1200, 22));
    converse(client, server, out);
    ASSERT_EQ(client.state(), State::keyed);
    client.on_datagram(Datagram(60, 23));
    EXPECT_EQ(client.state(), State::keyed);
    for (const auto& datagram : server.close()) client.on_datagram(datagram);
    EXPECT_EQ(client.state(), State::closed);
}

TEST_F(DtlsClientTest, CloseNotifyReachesTheServer) {
    const auto who = identity(srtp::Profile::double_aes_128_gcm);
    KeyServer server(server_, srtp::Profile::double_aes_128_gcm);
    std::vector<Datagram> out;
    DtlsClient client(who, [&](srtp::Bytes d) { out.emplace_back(d.begin(), d.end()); });
    client.start();
    converse(client, server, out);
    client.close();
    converse(client, server, out);
    EXPECT_TRUE(server.closed_by_client());
}

TEST_F(DtlsClientTest, FilesThatDoNotFitAreNamed) {
    auto text = [&](const std::filesystem::path& cert, const std::filesystem::path& key) {
        try {
            DtlsIdentity(cert, key, server_.fingerprint(), srtp::Profile::double_aes_128_gcm);
        } catch (const std::runtime_error& error) {
            return std::string(error.what());
        }
        return std::string();
    };
    EXPECT_NE(text(directory_ / "none.pem", client_.key_file).find("none.pem"), std::string::npos);
    EXPECT_NE(text(client_.cert_file, directory_ / "none.key").find("none.key"), std::string::npos);
    EXPECT_NE(text(client_.cert_file, server_.key_file), "");
    EXPECT_EQ(text(client_.cert_file, client_.key_file), "");
}

}  // namespace
}  // namespace mdd::endpoint::test
