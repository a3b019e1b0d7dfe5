// The DTLS client against a real OpenSSL server, datagram by datagram: double profiles, loss, wrong
// certificates and ids, EKT keys after the handshake.
#include <gtest/gtest.h>
#include <unistd.h>

#include <thread>

#include "tests/support/hex.h"
#include "tests/unit/endpoint/conversation.h"
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

TEST_F(DtlsClientTest, FirstRepeatComesAsLateAsItIsTold) {
    const auto who = identity(srtp::Profile::double_aes_128_gcm);
    const auto late = 2 * DtlsClient::kLongestRepeat;
    DtlsClient client(
        who, [](srtp::Bytes) {}, late);
    client.start();
    ASSERT_TRUE(client.time_to_repeat());
    EXPECT_LE(*client.time_to_repeat(), late);
    EXPECT_GT(*client.time_to_repeat(), DtlsClient::kLongestRepeat);
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

const std::string kOurId = "endpoint/0123456789+";
const std::string kKmfId = "kmf-0123456789abcdef_";

// One handshake with a server that says `hello`, and what came of it.
class AssociationTest : public DtlsClientTest {
  protected:
    void shake_hands(srtp::Profile profile, const SessionIds& ids, const KeyServer::Hello& hello) {
        identity_.emplace(client_.cert_file, client_.key_file, server_.fingerprint(), profile, ids);
        server.emplace(server_, profile, hello);
        client.emplace(*identity_,
                       [this](srtp::Bytes d) { out_.emplace_back(d.begin(), d.end()); });
        client->start();
        converse(*client, *server, out_);
    }
    void shake_hands(srtp::Profile profile = kDouble) { shake_hands(profile, {}, {}); }
    // Server to client, and what the client answers.
    void carry(const KeyServer::Datagrams& datagrams) {
        for (const auto& datagram : datagrams) client->on_datagram(datagram);
        converse(*client, *server, out_);
    }
    void expect_no_keys(const std::string& why, std::uint8_t alert) {
        EXPECT_EQ(client->state(), State::failed);
        EXPECT_NE(client->failure().find(why), std::string::npos) << client->failure();
        EXPECT_FALSE(client->take_keys()) << "keys are invalid";
        // Where our side finished, so did the server's, which then hears of the end by an alert.
        if (server->keys()) {
            EXPECT_EQ(server->alert(), alert);
        }
    }

    std::optional<KeyServer> server;
    std::optional<DtlsClient> client;
    std::optional<DtlsIdentity> identity_;
    std::vector<Datagram> out_;
};

TEST_F(AssociationTest, EktKeyOfEitherLengthArrivesOnceAndIsAcknowledged) {
    for (auto profile : {kDouble, srtp::Profile::double_aes_256_gcm}) {
        shake_hands(profile);
        ASSERT_EQ(client->state(), State::keyed) << client->failure();
        EXPECT_FALSE(client->next_ekt_key());
        const auto given = conference_key(profile, 0x0102);
        carry(server->deliver(given));
        const auto key = client->next_ekt_key();
        ASSERT_TRUE(key);
        EXPECT_EQ(key->spi, 0x0102);
        EXPECT_EQ(key->ttl, given.ttl);
        using mdd::test::to_hex;
        EXPECT_EQ(to_hex(key->key_value()), to_hex(given.key_value()));
        EXPECT_EQ(to_hex(key->salt.bytes()), to_hex(given.salt.bytes()));
        EXPECT_FALSE(client->next_ekt_key());
        EXPECT_EQ(server->acknowledged(), std::vector<std::uint16_t>{0x0102});
        EXPECT_EQ(client->acknowledgements(), 1u);
    }
}

TEST_F(AssociationTest, RepeatedEktKeyIsAcknowledgedAgainAndHandedOnOnce) {
    shake_hands();
    for (const auto& datagram : server->deliver(conference_key(kDouble, 3)))
        client->on_datagram(datagram);
    // Its ACK is lost; the server repeats.
    client->on_datagram(server->repeat(std::chrono::milliseconds(300)).at(0));
    EXPECT_EQ(client->acknowledgements(), 2u);
    EXPECT_TRUE(client->next_ekt_key());
    EXPECT_FALSE(client->next_ekt_key());
    EXPECT_TRUE(server->acknowledged().empty());
    carry({});
    EXPECT_EQ(server->acknowledged(), std::vector<std::uint16_t>{3});
}

TEST_F(AssociationTest, EktKeyThatOvertakesTheFinishedIsNotLost) {
    identity_.emplace(client_.cert_file, client_.key_file, server_.fingerprint(), kDouble);
    server.emplace(server_, kDouble);
    client.emplace(*identity_, [this](srtp::Bytes d) { out_.emplace_back(d.begin(), d.end()); });
    client->start();
    KeyServer::Datagrams finished;
    while (!server->keys()) {
        for (const auto& datagram : std::exchange(finished, {})) client->on_datagram(datagram);
        for (const auto& datagram : std::exchange(out_, {}))
            for (auto& answer : server->answer(datagram)) finished.push_back(std::move(answer));
    }
    for (const auto& datagram : server->deliver(conference_key(kDouble, 3)))
        client->on_datagram(datagram);
    EXPECT_EQ(client->state(), State::handshaking);
    carry(finished);
    ASSERT_EQ(client->state(), State::keyed) << client->failure();
    EXPECT_TRUE(client->next_ekt_key());
    EXPECT_EQ(server->acknowledged(), std::vector<std::uint16_t>{3});
}

TEST_F(AssociationTest, AnyNumberOfEktKeysMayFollow) {
    shake_hands();
    for (std::uint16_t spi = 1; spi < 40; ++spi) {
        carry(server->deliver(conference_key(kDouble, spi)));
        const auto key = client->next_ekt_key();
        ASSERT_TRUE(key);
        EXPECT_EQ(key->spi, spi);
    }
    EXPECT_EQ(server->acknowledged().size(), 39u);
}

TEST_F(AssociationTest, EktKeyThatCannotBeProcessedIsAnsweredWithAnAlert) {
    shake_hands();
    carry(server->deliver(conference_key(srtp::Profile::double_aes_256_gcm)));
    EXPECT_FALSE(client->next_ekt_key());
    EXPECT_EQ(client->acknowledgements(), 0u);
    EXPECT_EQ(client->state(), State::failed);
    EXPECT_EQ(server->alert(), SSL_AD_ILLEGAL_PARAMETER);
}

TEST_F(AssociationTest, EktKeyThatContradictsTheConferenceIsAnsweredWithAnAlert) {
    shake_hands();
    carry(server->deliver(conference_key(kDouble)));
    ASSERT_TRUE(client->next_ekt_key());
    client->refuse_ekt_key();
    carry({});
    EXPECT_EQ(client->state(), State::failed);
    EXPECT_EQ(server->alert(), SSL_AD_ILLEGAL_PARAMETER);
}

TEST_F(AssociationTest, KmfWithoutEktIsRefusedForADoubleProfile) {
    shake_hands(kDouble, {}, {.ekt = false, .session_id = {}});
    expect_no_keys("hands out no EKT keys", SSL_AD_HANDSHAKE_FAILURE);
}

TEST_F(AssociationTest, PlainProfileAsksForNoEkt) {
    for (const bool offered : {true, false}) {
        shake_hands(srtp::Profile::aead_aes_128_gcm, {}, {.ekt = offered, .session_id = {}});
        EXPECT_EQ(client->state(), State::keyed) << client->failure();
        EXPECT_FALSE(server->hello().ekt_cipher);
    }
}

TEST_F(AssociationTest, TlsIdTravelsAsExternalSessionIdAndTheKmfsIsCompared) {
    shake_hands(kDouble, {kOurId, kKmfId}, {.ekt = true, .session_id = kKmfId});
    EXPECT_EQ(client->state(), State::keyed) << client->failure();
    EXPECT_EQ(server->hello().peer_session_id, kOurId);

    shake_hands(kDouble, {}, {.ekt = true, .session_id = kKmfId});
    EXPECT_EQ(client->state(), State::keyed) << "who knows no tls-id compares none";
    EXPECT_FALSE(server->hello().peer_session_id);
}

TEST_F(AssociationTest, OtherExternalSessionIdOfTheKmfEndsTheAssociationWithoutKeys) {
    shake_hands(kDouble, {kOurId, kKmfId}, {.ekt = true, .session_id = kKmfId + "x"});
    expect_no_keys("external_session_id is not the tls-id", SSL_AD_ILLEGAL_PARAMETER);
}

TEST_F(AssociationTest, MissingExternalSessionIdOfTheKmfEndsTheAssociationWithoutKeys) {
    shake_hands(kDouble, {kOurId, kKmfId}, {.ekt = true, .session_id = {}});
    expect_no_keys("no external_session_id", SSL_AD_ILLEGAL_PARAMETER);
    EXPECT_TRUE(server->keys());
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
