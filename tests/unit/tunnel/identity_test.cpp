// Text forms of ids and digests, and the digests of a real certificate.
#include "kmf-tunnel/identity.h"

#include <gtest/gtest.h>
#include <openssl/pem.h>

#include <set>
#include <unordered_set>

#include "kmf-tunnel/ids.h"
#include "kmf-tunnel/openssl_ptr.h"
#include "tests/support/test_pki.h"

namespace mdd::tunnel {
namespace {

constexpr char kUuid[] = "c0c1c2c3-c4c5-c6c7-c8c9-cacbcccdcecf";

TEST(TunnelIds, ConferenceIdIsReadAsUuidAndAsHex) {
    const auto id = parse_conference_id(kUuid);
    ASSERT_TRUE(id);
    EXPECT_EQ(id->bytes[0], 0xc0);
    EXPECT_EQ(id->bytes[15], 0xcf);
    EXPECT_EQ(to_uuid(*id), kUuid);
    EXPECT_EQ(parse_conference_id("c0c1c2c3c4c5c6c7c8c9cacbcccdcecf"), id);
    EXPECT_EQ(parse_conference_id("C0C1C2C3-C4C5-C6C7-C8C9-CACBCCCDCECF"), id);
}

TEST(TunnelIds, OtherTextsAreNoConferenceId) {
    for (const char* text :
         {"", "c0", "c0c1c2c3c4c5c6c7c8c9cacbcccdcec", "c0c1c2c3c4c5c6c7c8c9cacbcccdcecg",
          "c0c1c2c3-c4c5-c6c7-c8c9+cacbcccdcecf", "c0c1c2c3c4c5c6c7c8c9cacbcccdcecf0000",
          "c0c1c2c3-c4c5-c6c7-c8c9-cacbcccdce-f"})
        EXPECT_FALSE(parse_conference_id(text)) << text;
}

TEST(TunnelIds, AFreshAssociationIdIsAVersion4Uuid) {
    for (int i = 0; i < 1000; ++i) {
        const AssociationId id = random_association_id();
        EXPECT_EQ(id.bytes[6] >> 4, 4);
        EXPECT_EQ(id.bytes[8] >> 6, 2);
    }
}

TEST(TunnelIds, RandomAssociationIdsDifferAndAreNeverZero) {
    std::unordered_set<AssociationId> seen;
    for (int i = 0; i < 1000; ++i) {
        const AssociationId id = random_association_id();
        EXPECT_FALSE(id.is_zero());
        EXPECT_TRUE(seen.insert(id).second);
        EXPECT_EQ(to_hex(id).size(), 32u);
    }
    EXPECT_TRUE(AssociationId{}.is_zero());
}

TEST(TunnelIdentity, DigestsAreReadWithAndWithoutColonsInAnyCase) {
    Sha256 digest{};
    for (std::size_t i = 0; i < digest.size(); ++i) digest[i] = static_cast<std::uint8_t>(0xe0 + i);
    const std::string plain = to_hex(digest);
    std::string colons;
    for (std::size_t i = 0; i < plain.size(); i += 2)
        colons += (i > 0 ? ":" : "") + plain.substr(i, 2);
    for (auto& c : colons) c = static_cast<char>(std::toupper(c));
    EXPECT_EQ(parse_sha256(plain), digest);
    EXPECT_EQ(parse_sha256(colons), digest);
    EXPECT_FALSE(parse_sha256(plain.substr(2)));
    EXPECT_FALSE(parse_sha256(plain + "00"));
    EXPECT_FALSE(parse_sha256(std::string(64, 'x')));
    colons[2] = '-';
    EXPECT_FALSE(parse_sha256(colons));
}

TEST(TunnelIdentity, IsReadOffACertificate) {
    test::TestPki pki;
    const auto leaf = pki.issue("mdd-1");
    FILE* file = std::fopen(leaf.cert_file.c_str(), "r");
    ASSERT_NE(file, nullptr);
    const X509Ptr certificate(PEM_read_X509(file, nullptr, nullptr, nullptr));
    std::fclose(file);
    ASSERT_TRUE(certificate);
    const PeerIdentity identity = identity_of(certificate.get());
    EXPECT_EQ(identity.common_name, "mdd-1");
    EXPECT_EQ(identity.certificate_sha256, leaf.certificate_sha256);
    EXPECT_EQ(identity.spki_sha256, leaf.spki_sha256);
    EXPECT_EQ(std::set({identity.certificate_sha256, identity.spki_sha256, Sha256{}}).size(), 3u);

    unsigned char* der = nullptr;
    const int der_bytes = i2d_X509(certificate.get(), &der);
    Sha256 by_hand{};
    EVP_Digest(der, static_cast<std::size_t>(der_bytes), by_hand.data(), nullptr, EVP_sha256(),
               nullptr);
    OPENSSL_free(der);
    EXPECT_EQ(identity.certificate_sha256, by_hand);
}

}  // namespace
}  // namespace mdd::tunnel
