// kmf.toml: what a good file gives, and what each broken one is told.
#include <gtest/gtest.h>

#include <sstream>

#include "tools/mdd-kmf/kmf_config.h"

namespace mdd::kmf {
namespace {

const std::string kFingerprintA(64, 'a');
const std::string kFingerprintB(64, 'b');
const std::string kId = "c0c1c2c3-c4c5-c6c7-c8c9-cacbcccdcecf";

std::string head() {
    return R"([tunnel_tls]
cert = "kmf.pem"
key = "kmf.key"
ca = "ca.pem"
[endpoint_tls]
cert = "endpoint.pem"
key = "endpoint.key"
)";
}
std::string mdd(const std::string& more = {}) {
    return "[[mdd]]\nname = \"mdd-1\"\nfingerprint_sha256 = \"" + kFingerprintA + "\"\n" + more;
}
std::string conference(const std::string& more = {}) {
    return "[[conference]]\nid = \"" + kId + "\"\n" + more;
}

auto parse(const std::string& text) {
    config::ReadOptions options;
    options.folder = "/etc/mdd";
    options.check_files = false;
    return parse_kmf_config(text, "kmf.toml", options);
}

KmfConfig good(const std::string& text) {
    auto parsed = parse(text);
    if (auto* errors = std::get_if<config::ConfigErrors>(&parsed)) {
        std::ostringstream out;
        errors->print(out);
        ADD_FAILURE() << out.str();
        return {};
    }
    return std::get<KmfConfig>(std::move(parsed));
}

std::string complaints(const std::string& text) {
    auto parsed = parse(text);
    const auto* errors = std::get_if<config::ConfigErrors>(&parsed);
    if (!errors) {
        ADD_FAILURE() << "accepted: " << text;
        return {};
    }
    std::ostringstream out;
    errors->print(out);
    return out.str();
}

void expect_complaint(const std::string& text, const std::vector<std::string>& parts) {
    const auto printed = complaints(text);
    for (const auto& part : parts) EXPECT_NE(printed.find(part), std::string::npos) << printed;
}

TEST(KmfConfig, AMinimalFileListensWhereTheContractSays) {
    const auto config = good(head() + mdd() + conference());
    EXPECT_EQ(config.listen_address, "0.0.0.0");
    EXPECT_EQ(config.listen_port, 4433);
    EXPECT_EQ(config.endpoint_tls.cert, "/etc/mdd/endpoint.pem");
    ASSERT_EQ(config.mdds.size(), 1u);
    EXPECT_TRUE(config.mdds[0].all_conferences);
    ASSERT_EQ(config.conferences.size(), 1u);
    EXPECT_EQ(config.conferences[0].profile, srtp::Profile::double_aes_128_gcm);
    EXPECT_TRUE(config.warnings.empty());
}

TEST(KmfConfig, ReadsEveryKeyOfTheContract) {
    const auto config = good("listen = \"127.0.0.1:5000\"\nprotocols = [\"dtls-v1\"]\n" + head() +
                             mdd("conferences = [\"" + kId + "\"]\n") +
                             conference("profile = \"DOUBLE_AEAD_AES_256_GCM_AEAD_AES_256_GCM\"\n"
                                        "endpoints = [{ id = \"alice\", fingerprint_sha256 = \"" +
                                        kFingerprintB + "\" }]\n"));
    EXPECT_EQ(config.listen_address, "127.0.0.1");
    EXPECT_EQ(config.listen_port, 5000);
    EXPECT_FALSE(config.mdds[0].all_conferences);
    const auto& conference = config.conferences[0];
    EXPECT_TRUE(config.mdds[0].serves(conference.id));
    EXPECT_EQ(tunnel::to_uuid(conference.id), kId);
    EXPECT_EQ(conference.profile, srtp::Profile::double_aes_256_gcm);
    dtls::Fingerprint fingerprint;
    fingerprint.fill(0xbb);
    ASSERT_NE(conference.endpoint(fingerprint), nullptr);
    EXPECT_EQ(*conference.endpoint(fingerprint), "alice");
}

TEST(KmfConfig, SaysWhichKnownKeysHaveNoEffectYet) {
    const auto config = good(head() + mdd() +
                             conference("rekey = [\"join\", \"10m\"]\nekt_ttl = \"24h\"\n"
                                        "require_tls_id = true\n"));
    ASSERT_EQ(config.warnings.size(), 3u);
    EXPECT_NE(config.warnings[0].find("rekey has no effect yet"), std::string::npos);
    EXPECT_NE(config.warnings[2].find("rfc9185"), std::string::npos);
}

TEST(KmfConfig, PlainProfilesNeedTheConferencesConsent) {
    const std::string plain = "profile = \"SRTP_AEAD_AES_128_GCM\"\n";
    expect_complaint(head() + mdd() + conference(plain),
                     {"kmf.toml:13:11", "no end-to-end layer", "allow_plain = true"});
    const auto config = good(head() + mdd() + conference(plain + "allow_plain = true\n"));
    EXPECT_EQ(config.conferences[0].profile, srtp::Profile::aead_aes_128_gcm);
}

TEST(KmfConfig, RefusesAProfileThatIsNotListed) {
    expect_complaint("profiles = [\"DOUBLE_AEAD_AES_256_GCM_AEAD_AES_256_GCM\"]\n" + head() +
                         mdd() +
                         conference("profile = \"DOUBLE_AEAD_AES_128_GCM_AEAD_AES_128_GCM\"\n"),
                     {"is not one of `profiles`"});
}

TEST(KmfConfig, TellsThatTheOtherProtocolComesLater) {
    expect_complaint("protocols = [\"dtls-v1\", \"rfc9185\"]\n" + head() + mdd() + conference(),
                     {"kmf.toml:1:25", "comes in a later version", "protocols = [\"dtls-v1\"]"});
}

TEST(KmfConfig, FindsWhatIsUsedTwice) {
    const auto endpoint = [](const std::string& id, const std::string& fingerprint) {
        return "{ id = \"" + id + "\", fingerprint_sha256 = \"" + fingerprint + "\" }";
    };
    const auto printed = complaints(head() + mdd() + mdd() +
                                    conference("endpoints = [" + endpoint("a", kFingerprintA) +
                                               ", " + endpoint("a", kFingerprintA) + "]\n") +
                                    conference());
    for (const auto* noun :
         {"MDD name", "MDD fingerprint", "conference id", "endpoint id", "endpoint fingerprint"})
        EXPECT_NE(printed.find(std::string(noun) + " is used twice"), std::string::npos) << printed;
}

TEST(KmfConfig, FindsConferencesOfAnMddThatDoNotExist) {
    expect_complaint(
        head() + mdd("conferences = [\"" + std::string(32, '1') + "\"]\n") + conference(),
        {"there is no conference"});
    expect_complaint(head() + mdd("conferences = [\"all\"]\n") + conference(),
                     {"\"all\" is no conference id"});
}

TEST(KmfConfig, FindsWrongWordsAndUnknownKeysInOneRun) {
    const auto printed = complaints(head() + mdd("fingerprnt = \"x\"\n") +
                                    conference("rekey = [\"jion\"]\nallow_plan = true\n"));
    EXPECT_NE(printed.find("fingerprint_sha256"), std::string::npos) << printed;
    EXPECT_NE(printed.find("\"jion\" is no occasion"), std::string::npos) << printed;
    EXPECT_NE(printed.find("allow_plain"), std::string::npos) << printed;
}

TEST(KmfConfig, NeedsAnMddAndAConference) {
    const auto printed = complaints(head());
    EXPECT_NE(printed.find("mdd"), std::string::npos) << printed;
    EXPECT_NE(printed.find("conference"), std::string::npos) << printed;
}

TEST(KmfConfig, DescribesEveryRowForItsReaders) {
    const auto page = config::markdown_reference(kmf_descriptor(), "mdd-kmf", "kmf.toml");
    for (const auto* key : {"listen", "protocols", "tunnel_tls", "fingerprint_sha256",
                            "allow_plain", "require_tls_id"})
        EXPECT_NE(page.find(key), std::string::npos) << key;
}

}  // namespace
}  // namespace mdd::kmf
