// kmf.toml: what a good file gives, and what each broken one is told.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include "tools/mdd-kmf/kmf_config.h"

namespace mdd::kmf {
namespace {

using namespace std::chrono_literals;

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
    EXPECT_EQ(conference.endpoint(fingerprint)->id, "alice");
}

TEST(KmfConfig, RekeysOnJoinAndLeaveAndDailyUnlessToldOtherwise) {
    const auto config = good(head() + mdd() + conference());
    EXPECT_EQ(config.conferences[0].rekey, RekeyPolicy{});
    EXPECT_TRUE(config.conferences[0].require_tls_id);
    EXPECT_TRUE(config.conferences[0].require_ekt);
    EXPECT_FALSE(
        good(head() + mdd() + conference("require_ekt = false\n")).conferences[0].require_ekt);
}

TEST(KmfConfig, ReadsEveryRekeyPolicy) {
    struct Case {
        const char* text;
        RekeyPolicy policy;
    };
    const auto policy = [](bool join, bool leave,
                           std::optional<std::chrono::milliseconds> interval = {}) {
        return RekeyPolicy{.on_join = join, .on_leave = leave, .interval = interval, .ttl = 24h};
    };
    for (const auto& [text, expected] : {Case{"[]", policy(false, false)},
                                         {"[\"join\"]", policy(true, false)},
                                         {"[\"leave\"]", policy(false, true)},
                                         {"[\"10m\"]", policy(false, false, 10min)},
                                         {"[\"leave\", \"1h\", \"join\"]", policy(true, true, 1h)},
                                         {"[\"30s\"]", policy(false, false, 30s)}})
        EXPECT_EQ(good(head() + mdd() + conference(std::string("rekey = ") + text + "\n"))
                      .conferences[0]
                      .rekey,
                  expected)
            << text;
    EXPECT_EQ(good(head() + mdd() + conference("ekt_ttl = \"90m\"\n")).conferences[0].rekey.ttl,
              90min);
}

TEST(KmfConfig, RefusesRekeyWordsAndLivesThatCannotBe) {
    struct Case {
        const char* row;
        std::vector<std::string> parts;
    };
    for (const auto& [row, parts] :
         {Case{"rekey = [\"jion\"]", {"kmf.toml:13:10", "\"jion\" is no occasion"}},
          {"rekey = [\"10\"]", {"\"10\" is no occasion"}},
          {"rekey = [\"-5s\"]", {"\"-5s\" is no occasion"}},
          {"rekey = [\"5d\"]", {"\"5d\" is no occasion"}},
          {"rekey = [\"99999999999h\"]", {"is no occasion"}},
          {"rekey = [\"0s\"]", {"\"0s\" is too short", "use \"1s\" or more"}},
          {"rekey = [\"1m\", \"2m\"]", {"kmf.toml:13:16", "has two durations"}},
          {"rekey = [\"join\", \"join\", \"join\", \"join\"]", {"expected 0..3 elements"}},
          {"rekey = \"join\"", {"a list in square brackets"}},
          {"ekt_ttl = \"0s\"", {"out of range"}},
          {"ekt_ttl = \"195d\"", {"out of range", "194d"}},
          {"ekt_ttl = 60", {"a duration needs a unit"}}})
        expect_complaint(head() + mdd() + conference(std::string(row) + "\n"), parts);
}

TEST(KmfConfig, ServesBothProtocolsOnOneAddress) {
    const auto config =
        good("protocols = [\"rfc9185\", \"dtls-v1\"]\n" + head() + mdd() + conference());
    EXPECT_EQ(config.dialects, (std::vector{tunnel::Dialect::rfc9185, tunnel::Dialect::dtls_v1}));
    EXPECT_EQ(good(head() + mdd() + conference()).dialects, std::vector{tunnel::Dialect::dtls_v1});
    expect_complaint("protocols = [\"rfc9186\"]\n" + head() + mdd() + conference(),
                     {"kmf.toml:1:14", "did you mean \"rfc9185\"?"});
}

std::string endpoint(const std::string& id, const std::string& fingerprint,
                     const std::string& tls_id = {}) {
    return "{ id = \"" + id + "\", fingerprint_sha256 = \"" + fingerprint + "\"" +
           (tls_id.empty() ? "" : ", tls_id = \"" + tls_id + "\"") + " }";
}
const std::string kTlsId = "alice-0123456789abcdef";

TEST(KmfConfig, TlsIdsOfEndpointsAndOurs) {
    const auto config = good(head() + mdd() +
                             conference("tls_id = \"ours-0123456789abcdef\"\nendpoints = [" +
                                        endpoint("alice", kFingerprintA, kTlsId) + "]\n"));
    const auto& conference = config.conferences[0];
    EXPECT_EQ(conference.own_tls_id(), "ours-0123456789abcdef");
    EXPECT_EQ(conference.endpoints.begin()->second.tls_id, kTlsId);
    const Roster roster(config.mdds, config.conferences);
    ASSERT_NE(roster.conference_of(kTlsId), nullptr);
    EXPECT_EQ(roster.conference_of(kTlsId)->id, conference.id);
    EXPECT_EQ(roster.conference_of("bob-0123456789abcdef00"), nullptr);
}

TEST(KmfConfig, OurTlsIdIsComputedFromTheConferenceIdAndNeverChanges) {
    const auto config = good(head() + mdd() + conference());
    EXPECT_EQ(config.conferences[0].own_tls_id(), "kmf-c0c1c2c3c4c5c6c7c8c9cacbcccdcecf");
}

TEST(KmfConfig, RefusesTlsIdsThatCannotBe) {
    for (const auto& tls_id : {std::string("short"), std::string("nineteen-characters"),
                               std::string("twenty characters with")})
        expect_complaint(head() + mdd() + conference("tls_id = \"" + tls_id + "\"\n"),
                         {"kmf.toml:13:10", "20..255 letters, digits, + / - _", "a=tls-id"});
    expect_complaint(head() + mdd() + conference("tls_id = \"" + std::string(256, 'x') + "\"\n"),
                     {"kmf.toml:13:10", "longer than 255 bytes"});
    EXPECT_EQ(good(head() + mdd() + conference("tls_id = \"" + std::string(255, 'x') + "\"\n"))
                  .conferences[0]
                  .tls_id.size(),
              255u);
}

TEST(KmfConfig, RefusesOneTlsIdForTwo) {
    const std::string other = "[[conference]]\nid = \"" + std::string(32, '1') + "\"\n";
    expect_complaint(
        head() + mdd() +
            conference("endpoints = [" + endpoint("a", kFingerprintA, kTlsId) + "]\n") + other +
            "endpoints = [" + endpoint("a", kFingerprintA, kTlsId) + "]\n",
        {"kmf.toml:16:", "tls_id is used twice", "first used at kmf.toml:13:"});
}

TEST(KmfConfig, RefusesAnEndpointWhoseConferenceNobodyCanTell) {
    const std::string open =
        "require_tls_id = false\nendpoints = [" + endpoint("a", kFingerprintA) + "]\n";
    const std::string file = head() + mdd() + conference(open) + "[[conference]]\nid = \"" +
                             std::string(32, '1') + "\"\n" + open;
    expect_complaint("protocols = [\"rfc9185\", \"dtls-v1\"]\n" + file,
                     {"nothing tells which conference this endpoint means"});
    good(file);
}

TEST(KmfConfig, RefusesAnEndpointThatCanNeverJoin) {
    const auto file =
        head() + mdd() + conference("endpoints = [" + endpoint("alice", kFingerprintA) + "]\n");
    expect_complaint(
        "protocols = [\"rfc9185\"]\n" + file,
        {"endpoint \"alice\" can never join", "has no tls_id", "require_tls_id = false"});
    const auto both = good("protocols = [\"rfc9185\", \"dtls-v1\"]\n" + file);
    ASSERT_EQ(both.warnings.size(), 1u);
    EXPECT_NE(both.warnings[0].find("\"alice\" has no tls_id and can join over dtls-v1 only"),
              std::string::npos);
    EXPECT_TRUE(good(file).warnings.empty());
}

TEST(KmfConfig, StateAndAuditFilesStandBesideTheConfiguration) {
    const auto config = good(head() +
                             "[state]\nfile = \"kmf.state\"\nkey_file = \"/keys/state.key\"\n"
                             "standby = true\n[audit]\nfile = \"audit.jsonl\"\n" +
                             mdd() + conference());
    ASSERT_TRUE(config.state);
    EXPECT_EQ(config.state->file, "/etc/mdd/kmf.state");
    EXPECT_EQ(config.state->key_file, "/keys/state.key");
    EXPECT_TRUE(config.state->standby);
    EXPECT_EQ(config.audit_file, "/etc/mdd/audit.jsonl");
    const auto without = good(head() + mdd() + conference());
    EXPECT_FALSE(without.state);
    EXPECT_FALSE(without.audit_file);
}

TEST(KmfConfig, RefusesHalfOfAStateSection) {
    expect_complaint(head() + "[state]\nfile = \"kmf.state\"\n" + mdd() + conference(),
                     {"state.file needs state.key_file", "openssl rand -hex 32"});
    expect_complaint(head() + "[state]\nkey_file = \"state.key\"\n" + mdd() + conference(),
                     {"state.key_file has no meaning without state.file"});
    expect_complaint(head() + "[state]\nstandby = true\n" + mdd() + conference(),
                     {"state.standby has no meaning without state.file"});
}

TEST(KmfConfig, TellsWhatAReloadCanChange) {
    std::map<std::string, config::Reload> classes;
    for (const auto& row : kmf_descriptor().rows) {
        if (row.shape == config::Shape::value) classes[row.name] = row.reload;
        for (const auto& inner : row.rows) classes[row.name + "." + inner.name] = inner.reload;
    }
    for (const auto* key :
         {"listen", "protocols", "state.file", "state.key_file", "state.standby", "audit.file"})
        EXPECT_EQ(classes.at(key), config::Reload::start) << key;
    for (const auto* key :
         {"profiles", "tunnel_tls.cert", "tunnel_tls.ca", "endpoint_tls.key", "mdd.conferences",
          "mdd.fingerprint_sha256", "conference.rekey", "conference.ekt_ttl"})
        EXPECT_EQ(classes.at(key), config::Reload::live) << key;
}

// MDD_REWRITE=1 writes the page anew.
TEST(KmfConfig, ReferencePageIsUpToDate) {
    const auto page = std::filesystem::path(MDD_DOCS) / "KMF-CONFIG.md";
    const auto generated = config::markdown_reference(kmf_descriptor(), "mdd-kmf", "kmf.toml");
    if (::getenv("MDD_REWRITE")) std::ofstream(page) << generated;
    std::ostringstream text;
    text << std::ifstream(page).rdbuf();
    EXPECT_TRUE(text.str() == generated)
        << "run this test with MDD_REWRITE=1 to renew docs/KMF-CONFIG.md";
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

TEST(KmfConfig, FindsWhatIsUsedTwice) {
    const auto printed = complaints(head() + mdd() + mdd() +
                                    conference("endpoints = [" + endpoint("a", kFingerprintA) +
                                               ", " + endpoint("a", kFingerprintA) + "]\n") +
                                    conference());
    for (const auto* noun :
         {"MDD name", "MDD fingerprint", "conference id", "endpoint id", "endpoint fingerprint"})
        EXPECT_NE(printed.find(std::string(noun) + " is used twice"), std::string::npos) << printed;
}

TEST(KmfConfig, AnMddHasSeveralCertificatesAndEachIsOneMdds) {
    const auto with = [](const std::string& name, const std::string& list) {
        return "[[mdd]]\nname = \"" + name + "\"\nfingerprint_sha256 = [" + list + "]\n";
    };
    const auto a = '"' + kFingerprintA + '"', b = '"' + kFingerprintB + '"';
    const auto config = good(head() + with("mdd-1", a + ", " + b) + conference());
    ASSERT_EQ(config.mdds.size(), 1u);
    ASSERT_EQ(config.mdds[0].certificates.size(), 2u);
    EXPECT_EQ(config.mdds[0].certificates[0][0], 0xaa);
    EXPECT_EQ(config.mdds[0].certificates[1][31], 0xbb);
    const auto printed = complaints(head() + with("mdd-1", a + ", " + b) +
                                    with("mdd-2", b + ", " + a) + with("mdd-3", "") + conference());
    const auto second = b.size() + 2;
    for (const auto& part :
         {std::string("kmf.toml:13:23: error: MDD fingerprint is used twice"),
          "first used at kmf.toml:10:" + std::to_string(23 + second),
          "kmf.toml:13:" + std::to_string(23 + second) + ": error: MDD fingerprint is used twice",
          std::string("first used at kmf.toml:10:23"),
          std::string("give each MDD certificates of its own"),
          std::string("kmf.toml:16:22: error: mdd[2].fingerprint_sha256: expected 1..8")})
        EXPECT_NE(printed.find(part), std::string::npos) << part << "\nnot in\n" << printed;
    expect_complaint(head() + with("mdd-1", a + ", " + a) + conference(),
                     {"MDD fingerprint is used twice"});
    expect_complaint(head() + with("mdd-1", "\"12\"") + conference(), {"kmf.toml:10:23"});
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
