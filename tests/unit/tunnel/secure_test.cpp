// Who may have a tunnel: certificates both ways, CA, pins, dates; cookies; what a bad file says at
// start-up.
#include "kmf-tunnel/secure.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "kmf-tunnel/record.h"
#include "tests/unit/tunnel/session_pair.h"

namespace mdd::tunnel {
namespace {

using test::SessionPair;
using test::TestCertificate;
using test::TestPki;

class TunnelSecure : public ::testing::Test {
  protected:
    TestPki pki_;
    Credentials mdd_ = pki_.credentials("mdd-1");
    Credentials kmf_ = pki_.credentials("kmf-a");
};

TEST_F(TunnelSecure, BothEndsLearnWhoThePeerIs) {
    const auto mdd_leaf = pki_.issue("mdd-7");
    const auto kmf_leaf = pki_.issue("kmf-7");
    SessionPair pair({mdd_leaf.cert_file, mdd_leaf.key_file, pki_.ca_file(), {}},
                     {kmf_leaf.cert_file, kmf_leaf.key_file, pki_.ca_file(), {}});
    pair.connect();
    ASSERT_EQ(pair.count<Up>(pair.mdd_events), 1u);
    ASSERT_EQ(pair.count<Up>(pair.kmf_events), 1u);
    const PeerIdentity& kmf = std::get<Up>(pair.mdd_events.front()).peer;
    EXPECT_EQ(kmf.common_name, "kmf-7");
    EXPECT_EQ(kmf.certificate_sha256, kmf_leaf.certificate_sha256);
    EXPECT_EQ(kmf.spki_sha256, kmf_leaf.spki_sha256);
    const PeerIdentity& mdd = std::get<Up>(pair.kmf_events.front()).peer;
    EXPECT_EQ(mdd.common_name, "mdd-7");
    EXPECT_EQ(mdd.certificate_sha256, mdd_leaf.certificate_sha256);
}

// Some releases of OpenSSL end an association on a protected record that is shorter than its tag.
TEST_F(TunnelSecure, SurvivesForgedRecordsThatAreTooShortForTheirTag) {
    SessionPair pair(mdd_, kmf_);
    pair.connect();
    ASSERT_TRUE(pair.mdd.is_up());
    std::uint64_t forged = 0;
    for (const std::uint8_t type : {20, 21, 22, 23})
        for (std::uint8_t size_bytes = 0; size_bytes < 24; ++size_bytes) {
            std::vector<std::uint8_t> record{type, 0xfe, 0xfd, 0,  1, 0,         0,
                                             0,    0,    0,    99, 0, size_bytes};
            record.resize(record.size() + size_bytes);
            pair.mdd.on_datagram(pair.now, record);
            pair.kmf.on_datagram(pair.now, record);
            ++forged;
        }
    EXPECT_TRUE(pair.mdd.is_up());
    EXPECT_TRUE(pair.kmf.is_up());
    EXPECT_EQ(pair.mdd.counters().impossible, forged);
    EXPECT_EQ(pair.kmf.counters().impossible, forged);
}

TEST_F(TunnelSecure, NoHandshakeDatagramIsLongerThanTheMtu) {
    SessionPair pair(mdd_, kmf_);
    pair.connect();
    ASSERT_TRUE(pair.mdd.is_up());
    for (const auto& datagram : pair.captured) {
        EXPECT_LE(datagram.size(), kHandshakeMtuBytes);
        EXPECT_TRUE(is_well_formed(datagram));
    }
}

TEST_F(TunnelSecure, AServerCertificateOfAnotherCaIsRefused) {
    TestPki other("other CA");
    SessionPair pair(mdd_, other.credentials("kmf-x"));
    pair.connect();
    EXPECT_EQ(SessionPair::down_reason(pair.mdd_events), "refused_by_us");
    EXPECT_NE(SessionPair::down_text(pair.mdd_events).find("certificate"), std::string::npos);
    EXPECT_EQ(SessionPair::down_reason(pair.kmf_events), "refused_by_peer");
    EXPECT_EQ(pair.count<Up>(pair.mdd_events), 0u);
    EXPECT_EQ(pair.count<Up>(pair.kmf_events), 0u);
}

TEST_F(TunnelSecure, AClientCertificateOfAnotherCaIsRefused) {
    TestPki other("other CA");
    Credentials stranger = other.credentials("mdd-x");
    stranger.ca_file = pki_.ca_file();
    SessionPair pair(stranger, kmf_);
    pair.connect();
    EXPECT_EQ(SessionPair::down_reason(pair.kmf_events), "refused_by_us");
    EXPECT_EQ(SessionPair::down_reason(pair.mdd_events), "refused_by_peer");
    EXPECT_EQ(pair.count<Up>(pair.mdd_events), 0u);
}

TEST_F(TunnelSecure, AnExpiredCertificateIsRefused) {
    const auto expired = pki_.issue_expired("kmf-old");
    SessionPair pair(mdd_, {expired.cert_file, expired.key_file, pki_.ca_file(), {}});
    pair.connect();
    EXPECT_EQ(SessionPair::down_reason(pair.mdd_events), "refused_by_us");
    EXPECT_NE(SessionPair::down_text(pair.mdd_events).find("expired"), std::string::npos);
}

TEST_F(TunnelSecure, AClientWithoutACertificateIsRefused) {
    SecureContext server(Role::kmf, kmf_);
    Session kmf(server, {});
    const SslCtxPtr bare(SSL_CTX_new(DTLS_client_method()));
    const SslPtr client(SSL_new(bare.get()));
    DatagramPort port;
    std::deque<std::vector<std::uint8_t>> sent;
    port.out = [&](srtp::Bytes bytes) { sent.emplace_back(bytes.begin(), bytes.end()); };
    attach_datagram_bio(client.get(), port);
    SSL_set_connect_state(client.get());
    const std::uint8_t address[] = {1};
    int result = SSL_do_handshake(client.get());
    for (int i = 0; i < 20; ++i) {
        for (; !sent.empty(); sent.pop_front()) kmf.on_datagram({}, sent.front(), address);
        while (const auto datagram = kmf.next_datagram()) {
            port.offer(*datagram);
            result = SSL_do_handshake(client.get());
            port.withdraw();
        }
    }
    EXPECT_NE(result, 1);
    const auto event = kmf.next_event();
    ASSERT_TRUE(event && std::holds_alternative<Down>(*event));
    EXPECT_EQ(std::get<Down>(*event).reason, DownReason::refused_by_us);
    EXPECT_NE(std::get<Down>(*event).text.find("certificate"), std::string::npos);
}

TEST_F(TunnelSecure, APinnedKeyIsAcceptedAndAnyOtherRefused) {
    const auto leaf = pki_.issue("kmf-p");
    const Credentials kmf{leaf.cert_file, leaf.key_file, pki_.ca_file(), {}};
    mdd_.pins = {Sha256{}, leaf.spki_sha256};
    SessionPair pinned(mdd_, kmf);
    pinned.connect();
    EXPECT_TRUE(pinned.mdd.is_up());

    mdd_.pins = {leaf.certificate_sha256};  // a pin is the key's digest, not the certificate's
    SessionPair other(mdd_, kmf);
    other.connect();
    EXPECT_EQ(SessionPair::down_reason(other.mdd_events), "refused_by_us");
    EXPECT_NE(SessionPair::down_text(other.mdd_events).find(to_hex(leaf.spki_sha256)),
              std::string::npos);
    EXPECT_EQ(SessionPair::down_reason(other.kmf_events), "refused_by_peer");
}

TEST_F(TunnelSecure, AServerPinsItsClientsToo) {
    kmf_.pins = {Sha256{}};
    SessionPair pair(mdd_, kmf_);
    pair.connect();
    EXPECT_EQ(SessionPair::down_reason(pair.kmf_events), "refused_by_us");
    EXPECT_EQ(pair.count<Up>(pair.mdd_events), 0u);
}

TEST_F(TunnelSecure, AServerKeepsNoStateBeforeTheCookieComesBack) {
    SecureContext client(Role::mdd, mdd_);
    SecureContext server(Role::kmf, kmf_);
    Session kmf(server, {});
    const std::uint8_t address_a[] = {1};
    const std::uint8_t address_b[] = {2};

    Session mdd(client, {});
    mdd.start({});
    const auto hello = mdd.next_datagram();
    ASSERT_TRUE(hello);
    for (int i = 0; i < 100; ++i) {
        kmf.on_datagram({}, *hello, address_a);
        ASSERT_TRUE(kmf.is_listening());
        const auto verify_request = kmf.next_datagram();
        ASSERT_TRUE(verify_request);
        EXPECT_LT(verify_request->size(), hello->size()) << "no amplification";
        if (i == 99) mdd.on_datagram({}, *verify_request);
    }
    const auto with_cookie = mdd.next_datagram();
    ASSERT_TRUE(with_cookie);
    kmf.on_datagram({}, *with_cookie, address_b);
    EXPECT_TRUE(kmf.is_listening()) << "the cookie is bound to the address";
    while (kmf.next_datagram()) {
    }
    kmf.on_datagram({}, *with_cookie, address_a);
    EXPECT_TRUE(kmf.is_handshaking());
}

TEST_F(TunnelSecure, RecordsUpTo16384BytesPassAndLongerOnesDoNot) {
    SecureContext client(Role::mdd, mdd_);
    SecureContext server(Role::kmf, kmf_);
    Secure mdd(client);
    Secure kmf(server);
    const std::uint8_t address[] = {1};
    std::vector<std::size_t> arrived;
    const auto run = [&] {
        for (bool moved = true; moved;) {
            moved = false;
            while (const auto datagram = mdd.next_datagram()) {
                kmf.on_datagram(*datagram, address,
                                [&](srtp::Bytes bytes) { arrived.push_back(bytes.size()); });
                moved = true;
            }
            while (const auto datagram = kmf.next_datagram()) {
                mdd.on_datagram(*datagram, address, [](srtp::Bytes) {});
                moved = true;
            }
        }
    };
    mdd.start();
    run();
    ASSERT_EQ(mdd.state(), Secure::State::up);
    ASSERT_EQ(kmf.state(), Secure::State::up);
    const std::vector<std::uint8_t> bytes(kMaxRecordBytes + 1);
    EXPECT_TRUE(mdd.send(srtp::Bytes(bytes).first(kMaxRecordBytes)));
    EXPECT_FALSE(mdd.send(bytes));
    EXPECT_FALSE(mdd.send({}));
    EXPECT_TRUE(mdd.send(srtp::Bytes(bytes).first(1)));
    run();
    EXPECT_EQ(arrived, (std::vector<std::size_t>{kMaxRecordBytes, 1}));
}

TEST_F(TunnelSecure, TheEndOfACertificatesValidityIsReadFromItsFile) {
    using namespace std::chrono;
    const auto until = [](const TestCertificate& leaf) {
        return certificate_expiry(leaf.cert_file) - system_clock::now();
    };
    const auto fresh = until(pki_.issue("leaf-1"));
    EXPECT_GT(fresh, hours(24) - minutes(1));
    EXPECT_LE(fresh, hours(24));
    const auto expired = until(pki_.issue_expired("leaf-2"));
    EXPECT_GT(expired, -hours(1) - minutes(1));
    EXPECT_LE(expired, -hours(1));
    for (const std::string& file : {std::string("/nowhere.pem"), mdd_.key_file}) {
        try {
            certificate_expiry(file);
            FAIL() << "read a validity from " << file;
        } catch (const std::runtime_error& error) {
            EXPECT_NE(std::string(error.what()).find(file), std::string::npos);
        }
    }
}

TEST_F(TunnelSecure, BadFilesAreNamedAtStartUp) {
    const auto message = [](const Credentials& credentials) {
        try {
            SecureContext context(Role::kmf, credentials);
        } catch (const std::runtime_error& error) {
            return std::string(error.what());
        }
        return std::string("no error");
    };
    const auto with = [this](auto change) {
        Credentials credentials = kmf_;
        change(credentials);
        return credentials;
    };
    const auto has = [](const std::string& text, const std::string& part) {
        return text.find(part) != std::string::npos;
    };
    EXPECT_EQ(message(kmf_), "no error");
    EXPECT_TRUE(has(message(with([](auto& c) { c.cert_file = "/nowhere.pem"; })), "/nowhere.pem"));
    EXPECT_TRUE(has(message(with([](auto& c) { c.key_file = "/nowhere.key"; })), "/nowhere.key"));
    EXPECT_TRUE(has(message(with([](auto& c) { c.ca_file = "/nowhere.ca"; })), "/nowhere.ca"));
    EXPECT_TRUE(has(message(with([this](auto& c) { c.key_file = mdd_.key_file; })), "mdd-1.key"));
    const auto empty = (pki_.directory() / "empty.pem").string();
    std::ofstream(empty).close();
    EXPECT_TRUE(has(message(with([&](auto& c) { c.ca_file = empty; })), "empty.pem"));
}

}  // namespace
}  // namespace mdd::tunnel
