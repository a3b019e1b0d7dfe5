// Extensions 39 and 56 in whole handshakes, and hellos that a careless or hostile peer writes.
#include "tools/dtls_srtp/hello_extensions.h"

#include "tests/support/hex.h"
#include "tests/unit/dtls_srtp/end.h"

namespace mdd::test {
namespace {

using dtls::EktCipher;

const std::string kClientId = "client-0123456789+/_Zz";
const std::string kServerId = "kmf-0123456789abcdef0123456789abcdef";

EndOptions with(std::vector<EktCipher> ciphers, const std::string& session_id = {},
                std::optional<std::string> expected = {}) {
    EndOptions options;
    options.hello = {std::move(ciphers), session_id, std::move(expected), {}, {}};
    return options;
}

bool contains(const Datagram& datagram, const std::string& hex) {
    return to_hex(datagram).find(hex) != std::string::npos;
}

TEST(SessionId, HasTheCharactersAndLengthOfATlsId) {
    EXPECT_TRUE(dtls::is_session_id(kClientId));
    EXPECT_TRUE(dtls::is_session_id(std::string(20, 'a')));
    EXPECT_TRUE(dtls::is_session_id(std::string(255, '_')));
    EXPECT_FALSE(dtls::is_session_id(std::string(19, 'a')));
    EXPECT_FALSE(dtls::is_session_id(std::string(256, 'a')));
    EXPECT_FALSE(dtls::is_session_id(""));
    for (char bad : {' ', '=', '.', '~', '\0', '\xc3', '@', '[', '`', '{', ':'})
        EXPECT_FALSE(dtls::is_session_id(std::string(30, 'a') + bad)) << bad;
}

TEST(EktExtension, IsWrittenAsPublishedAndTheServerChooses) {
    End client(Role::client, with({EktCipher::aeskw_128, EktCipher::aeskw_256}));
    End server(Role::server, with({EktCipher::aeskw_256, EktCipher::aeskw_128}));
    client.start();
    EXPECT_TRUE(contains(client.outbox.front(), "00270003020102"));
    server.feed(client.next());
    EXPECT_TRUE(contains(server.outbox.front(), "0027000102")) << "its own order wins";
    settle(client, server);
    ASSERT_TRUE(client.is_established() && server.is_established());
    EXPECT_EQ(client.hello().ekt_cipher, EktCipher::aeskw_256);
    EXPECT_EQ(server.hello().ekt_cipher, EktCipher::aeskw_256);
}

TEST(EktExtension, IsNotAgreedWithoutACommonCipher) {
    for (const auto& [of_client, of_server] :
         {std::pair{std::vector{EktCipher::aeskw_128}, std::vector{EktCipher::aeskw_256}},
          {std::vector<EktCipher>{}, std::vector{EktCipher::aeskw_128}},
          {std::vector{EktCipher::aeskw_128}, std::vector<EktCipher>{}}}) {
        End client(Role::client, with(of_client)), server(Role::server, with(of_server));
        client.start();
        EXPECT_EQ(contains(client.outbox.front(), "00270002"), !of_client.empty());
        server.feed(client.next());
        EXPECT_FALSE(contains(server.outbox.front(), "00270001")) << "no answer without agreement";
        settle(client, server);
        ASSERT_TRUE(client.is_established() && server.is_established());
        EXPECT_FALSE(client.hello().ekt_cipher);
        EXPECT_FALSE(server.hello().ekt_cipher);
    }
}

TEST(EktExtension, PeersWithoutItAreServedAsBefore) {
    EndOptions plain;
    plain.with_extensions = false;
    Pair old_client(plain, with({EktCipher::aeskw_128}, kServerId));
    ASSERT_TRUE(old_client.is_established());
    EXPECT_FALSE(old_client.server.hello().ekt_cipher);
    EXPECT_FALSE(old_client.server.hello().peer_session_id);
    Pair old_server(with({EktCipher::aeskw_128}, kClientId), plain);
    ASSERT_TRUE(old_server.is_established());
    EXPECT_FALSE(old_server.client.hello().ekt_cipher);
    EXPECT_FALSE(old_server.client.hello().peer_session_id);
}

TEST(EktExtension, MalformedOffersEndTheHandshakeWithDecodeError) {
    for (const auto* hex : {"", "01", "00", "0201", "0101ff", "020102ff"}) {
        const RawExtension raw{39, from_hex(hex)};
        EndOptions plain;
        plain.with_extensions = false;
        plain.raw_extension = &raw;
        End client(Role::client, plain);
        End server(Role::server, with({EktCipher::aeskw_128}));
        client.start();
        settle(client, server);
        EXPECT_TRUE(server.has_failed) << hex;
        EXPECT_EQ(client.alerts, (std::vector<std::pair<int, int>>{{2, SSL_AD_DECODE_ERROR}}))
            << hex;
    }
}

TEST(EktExtension, AServersChoiceMustHaveBeenOffered) {
    for (const auto& [hex, alert] : {std::pair{"02", SSL_AD_ILLEGAL_PARAMETER},
                                     {"00", SSL_AD_ILLEGAL_PARAMETER},
                                     {"", SSL_AD_DECODE_ERROR},
                                     {"0101", SSL_AD_DECODE_ERROR}}) {
        const RawExtension raw{39, from_hex(hex)};
        EndOptions plain;
        plain.with_extensions = false;
        plain.raw_extension = &raw;
        End server(Role::server, plain);
        End client(Role::client, with({EktCipher::aeskw_128}));
        client.start();
        settle(client, server);
        EXPECT_TRUE(client.has_failed) << hex;
        EXPECT_EQ(server.alerts, (std::vector<std::pair<int, int>>{{2, alert}})) << hex;
        EXPECT_FALSE(client.hello().ekt_cipher);
    }
}

TEST(SessionIdExtension, CarriesBothIds) {
    End client(Role::client, with({}, kClientId, kServerId));
    End server(Role::server, with({}, kServerId, kClientId));
    client.start();
    EXPECT_TRUE(contains(client.outbox.front(),
                         "0038001716" + to_hex(Datagram(kClientId.begin(), kClientId.end()))));
    settle(client, server);
    ASSERT_TRUE(client.is_established() && server.is_established());
    EXPECT_EQ(client.hello().peer_session_id, kServerId);
    EXPECT_EQ(server.hello().peer_session_id, kClientId);
}

TEST(SessionIdExtension, AnUnexpectedIdEndsTheHandshakeWithIllegalParameter) {
    Pair wrong_client(with({}, kClientId), with({}, kServerId, kClientId + "x"));
    EXPECT_TRUE(wrong_client.server.has_failed);
    EXPECT_EQ(wrong_client.client.alerts,
              (std::vector<std::pair<int, int>>{{2, SSL_AD_ILLEGAL_PARAMETER}}));
    Pair wrong_server(with({}, kClientId, kServerId + "x"), with({}, kServerId));
    EXPECT_TRUE(wrong_server.client.has_failed);
    EXPECT_EQ(wrong_server.server.alerts,
              (std::vector<std::pair<int, int>>{{2, SSL_AD_ILLEGAL_PARAMETER}}));
}

TEST(SessionIdExtension, AServerAnswersOnlyWhoAsked) {
    Pair pair(with({EktCipher::aeskw_128}), with({EktCipher::aeskw_128}, kServerId));
    ASSERT_TRUE(pair.is_established());
    EXPECT_FALSE(pair.client.hello().peer_session_id);
    EXPECT_FALSE(pair.server.hello().peer_session_id);
}

TEST(SessionIdExtension, MalformedIdsEndTheHandshake) {
    const auto id = [](std::size_t size, char c) {
        Datagram bytes{static_cast<std::uint8_t>(size)};
        bytes.insert(bytes.end(), size, static_cast<std::uint8_t>(c));
        return bytes;
    };
    auto cut = id(20, 'a');
    cut.pop_back();
    auto longer = id(20, 'a');
    longer.push_back('a');
    for (const auto& [bytes, alert] : {std::pair{Datagram{}, SSL_AD_DECODE_ERROR},
                                       {id(0, 'a'), SSL_AD_DECODE_ERROR},
                                       {id(19, 'a'), SSL_AD_DECODE_ERROR},
                                       {cut, SSL_AD_DECODE_ERROR},
                                       {longer, SSL_AD_DECODE_ERROR},
                                       {id(20, '='), SSL_AD_ILLEGAL_PARAMETER},
                                       {id(255, '\0'), SSL_AD_ILLEGAL_PARAMETER}}) {
        const RawExtension raw{56, bytes};
        EndOptions plain;
        plain.with_extensions = false;
        plain.raw_extension = &raw;
        End client(Role::client, plain);
        End server(Role::server, with({}));
        client.start();
        settle(client, server);
        EXPECT_TRUE(server.has_failed);
        EXPECT_EQ(client.alerts, (std::vector<std::pair<int, int>>{{2, alert}})) << to_hex(bytes);
    }
}

// As a KMF does, to find the conference before anything is answered.
TEST(ClientHelloCallback, SeesWhatIsOffered) {
    struct Seen {
        std::optional<std::string> id;
        bool ekt_128 = false, ekt_256 = false;
    };
    for (const auto& id : {kClientId, std::string()}) {
        Seen seen;
        End client(Role::client, with({EktCipher::aeskw_256}, id)), server(Role::server, with({}));
        SSL_CTX_set_client_hello_cb(
            SSL_get_SSL_CTX(server.ssl.get()),
            [](SSL* ssl, int*, void* argument) {
                *static_cast<Seen*>(argument) = {dtls::session_id_in_hello(ssl),
                                                 dtls::hello_offers_ekt(ssl, EktCipher::aeskw_128),
                                                 dtls::hello_offers_ekt(ssl, EktCipher::aeskw_256)};
                return SSL_CLIENT_HELLO_SUCCESS;
            },
            &seen);
        client.start();
        settle(client, server);
        EXPECT_EQ(seen.id, id.empty() ? std::nullopt : std::optional(id));
        EXPECT_FALSE(seen.ekt_128);
        EXPECT_TRUE(seen.ekt_256);
    }
}

}  // namespace
}  // namespace mdd::test
