// The DTLS-SRTP pieces without a handshake: exporter split against the published vectors,
// fingerprint spelling, profile lists. Handshakes over them are in the association tests.
#include <gtest/gtest.h>
#include <openssl/srtp.h>
#include <openssl/ssl.h>

#include <memory>

#include "tests/support/vectors.h"
#include "tools/dtls_srtp/exporter.h"
#include "tools/dtls_srtp/fingerprint.h"
#include "tools/dtls_srtp/profile_list.h"

namespace mdd {
namespace {

using test::from_hex;
using test::to_hex;

// Client key and salt are the vector's; the server's are the same bytes with the top bit flipped.
std::vector<std::uint8_t> exported_from(const nlohmann::json& vector) {
    const auto key = from_hex(vector["a_client_full_key"].get<std::string>());
    const auto salt = from_hex(vector["a_client_full_salt"].get<std::string>());
    std::vector<std::uint8_t> exported;
    for (const auto& part : {key, salt}) {
        exported.insert(exported.end(), part.begin(), part.end());
        for (auto byte : part) exported.push_back(byte ^ 0x80);
    }
    return exported;
}

TEST(Exporter, GivesTheOuterHalvesOfTheVectorsToTheHop) {
    for (const auto& vector : test::vectors()["double"]) {
        const auto profile = vector["bits"] == 128 ? srtp::Profile::double_aes_128_gcm
                                                   : srtp::Profile::double_aes_256_gcm;
        const auto keys = dtls::split_exported(profile, exported_from(vector));
        ASSERT_TRUE(keys);
        const auto key_bytes = srtp::traits_of(profile).hop_key_bytes;
        EXPECT_EQ(keys->hop.profile, profile);
        EXPECT_EQ(to_hex(keys->hop.client_write.key.first(key_bytes)), vector["a_outer_mk"]);
        EXPECT_EQ(to_hex(keys->hop.client_write.salt.bytes()), vector["a_outer_ms"]);
        const auto full = vector["a_client_full_key"].get<std::string>();
        EXPECT_EQ(to_hex(keys->client_inner.key.first(key_bytes)), full.substr(0, 2 * key_bytes));
        auto server = from_hex(vector["a_outer_mk"].get<std::string>());
        for (auto& byte : server) byte ^= 0x80;
        EXPECT_EQ(to_hex(keys->hop.server_write.key.first(key_bytes)), to_hex(server));
        EXPECT_EQ(to_hex(keys->server_inner.salt.bytes()).substr(0, 4), "2021");
    }
}

TEST(Exporter, KeepsTheUnusedTailOfAKeyZeroSoThatNoInnerByteHidesThere) {
    const std::vector<std::uint8_t> exported(112, 0xAA);
    const auto keys = dtls::split_exported(srtp::Profile::double_aes_128_gcm, exported);
    ASSERT_TRUE(keys);
    EXPECT_EQ(to_hex(keys->hop.client_write.key.bytes().last(16)), std::string(32, '0'));
    EXPECT_EQ(to_hex(keys->hop.server_write.key.bytes().last(16)), std::string(32, '0'));
}

TEST(Exporter, GivesWholeKeysAndNoInnerHalfForPlainProfiles) {
    std::vector<std::uint8_t> exported(2 * 16 + 2 * 12);
    for (std::size_t i = 0; i < exported.size(); ++i) exported[i] = static_cast<std::uint8_t>(i);
    const auto keys = dtls::split_exported(srtp::Profile::aead_aes_128_gcm, exported);
    ASSERT_TRUE(keys);
    EXPECT_EQ(to_hex(keys->hop.server_write.key.first(16)), "101112131415161718191a1b1c1d1e1f");
    EXPECT_EQ(to_hex(keys->hop.client_write.salt.bytes()), "202122232425262728292a2b");
    EXPECT_EQ(to_hex(keys->client_inner.key.bytes()), std::string(64, '0'));
}

TEST(Exporter, RefusesAnyOtherLength) {
    EXPECT_EQ(dtls::export_bytes(srtp::Profile::double_aes_128_gcm), 112u);
    EXPECT_EQ(dtls::export_bytes(srtp::Profile::double_aes_256_gcm), 176u);
    for (std::size_t size : {0u, 56u, 111u, 113u, 176u})
        EXPECT_FALSE(dtls::split_exported(srtp::Profile::double_aes_128_gcm,
                                          std::vector<std::uint8_t>(size)))
            << size;
}

TEST(Fingerprint, ReadsBothSpellingsAndWritesOne) {
    const std::string plain = "00112233445566778899aabbccddeeff0123456789abcdef0123456789abcdef";
    std::string colons;
    for (std::size_t i = 0; i < plain.size(); i += 2) colons += (i ? ":" : "") + plain.substr(i, 2);
    std::string upper = colons;
    for (auto& c : upper) c = static_cast<char>(std::toupper(c));
    for (const auto& text : {plain, colons, upper}) {
        const auto fingerprint = dtls::parse_fingerprint(text);
        ASSERT_TRUE(fingerprint) << text;
        EXPECT_EQ(dtls::fingerprint_text(*fingerprint), plain);
    }
}

TEST(Fingerprint, RefusesWrongLengthsDigitsAndSeparators) {
    const std::string good(64, 'a');
    EXPECT_TRUE(dtls::parse_fingerprint(good));
    EXPECT_FALSE(dtls::parse_fingerprint(good.substr(1)));
    EXPECT_FALSE(dtls::parse_fingerprint(good + "a"));
    EXPECT_FALSE(dtls::parse_fingerprint("g" + good.substr(1)));
    EXPECT_FALSE(dtls::parse_fingerprint(""));
    std::string dashes = "aa";
    for (int i = 1; i < 32; ++i) dashes += "-aa";
    EXPECT_FALSE(dtls::parse_fingerprint(dashes));
}

TEST(ProfileList, HoldsExactlyWhatWasSetInThatOrder) {
    std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> ctx(SSL_CTX_new(DTLS_method()), SSL_CTX_free);
    std::unique_ptr<SSL, decltype(&SSL_free)> ssl(SSL_new(ctx.get()), SSL_free);
    const srtp::Profile profiles[] = {srtp::Profile::double_aes_256_gcm,
                                      srtp::Profile::double_aes_128_gcm,
                                      srtp::Profile::aead_aes_128_gcm};
    ASSERT_TRUE(dtls::set_srtp_profiles(ssl.get(), profiles));
    ASSERT_TRUE(dtls::set_srtp_profiles(ssl.get(), profiles)) << "replaces, does not append";
    auto* list = SSL_get_srtp_profiles(ssl.get());
    ASSERT_EQ(sk_SRTP_PROTECTION_PROFILE_num(list), 3);
    for (int i = 0; i < 3; ++i)
        EXPECT_EQ(sk_SRTP_PROTECTION_PROFILE_value(list, i)->id,
                  static_cast<unsigned long>(profiles[i]));
    EXPECT_FALSE(dtls::set_srtp_profiles(ssl.get(), {}));
    EXPECT_FALSE(dtls::selected_srtp_profile(ssl.get()));
}

}  // namespace
}  // namespace mdd
