// mdd.toml as a whole: the smallest file that works, a file with every key, and what the computed
// defaults depend on.
#include "controlplane/config/mdd_config.h"

#include <gtest/gtest.h>

#include "dataplane/bounds.h"
#include "tests/unit/config/config_files.h"

namespace mdd::test {
namespace {

using config::MddConfig;

MddConfig good(const std::string& text, const config::Machine& machine = eight_cores()) {
    auto loaded = config::parse_mdd_config(text, "mdd.toml",
                                           {.folder = "/etc/mdd", .check_files = false}, machine);
    if (const auto* errors = std::get_if<config::ConfigErrors>(&loaded)) {
        ADD_FAILURE() << printed(*errors);
        return {};
    }
    return std::get<MddConfig>(loaded);
}

std::string file_of(const char* name) {
    return content_of(std::filesystem::path(MDD_CONFIG_TESTS) / "good" / name);
}

TEST(MddConfig, MinimalFileGetsComputedDefaults) {
    const MddConfig config = good(file_of("minimal.toml"));
    EXPECT_EQ(config.cpu.control, (std::vector<unsigned>{0}));
    EXPECT_EQ(config.cpu.workers, (std::vector<unsigned>{1, 2, 3, 4, 5, 6, 7}));
    EXPECT_EQ(config.cpu.idle, config::Idle::adaptive);
    EXPECT_EQ(config.cpu.cipher, config::Cipher::fastest);
    ASSERT_EQ(config.ports.size(), 1u);
    EXPECT_EQ(config.ports[0].name, "port0");
    EXPECT_EQ(config.ports[0].rx_queues, 7u);
    EXPECT_EQ(config.ports[0].tx_queues, 7u);
    EXPECT_EQ(config.ports[0].mtu, 1500);
    EXPECT_EQ(config.ports[0].addresses, (std::vector<config::Ipv4Prefix>{{0xc000020a, 24}}));
    EXPECT_EQ(config.pool.mbufs_per_numa, 65535u);  // 7 * (1024 + 512) + 7 * 4096 = 39,424
    EXPECT_EQ(config.eal.hugepages_mib, (std::vector<unsigned>{0}));
    EXPECT_EQ(config.media.udp_ports, (std::vector<std::uint16_t>{5004}));
    EXPECT_EQ(config.media.replay_window, 1024u);
    EXPECT_EQ(config.media.endpoint_timeout, std::chrono::seconds(30));
    EXPECT_EQ(config.media.profiles,
              (std::vector{srtp::Profile::double_aes_128_gcm, srtp::Profile::double_aes_256_gcm}));
    EXPECT_EQ(config.tls.at("default").key, "/etc/mdd/node.key");
    EXPECT_EQ(config.kmf.at(0).name, "kmf-1");
    EXPECT_EQ(config.kmf.at(0).tls, "default");
    EXPECT_EQ(config.conferences.at(0).kmf, (std::vector<std::string>{"kmf-1"}));
    EXPECT_EQ(config.limits.pending_associations, 4096u);
    EXPECT_EQ(config.log.level, config::LogLevel::info);
}

TEST(MddConfig, CompleteFileIsTakenAsWritten) {
    const MddConfig config = good(file_of("complete.toml"));
    EXPECT_EQ(config.eal.hugepages_mib, (std::vector<unsigned>{1024}));
    EXPECT_EQ(config.eal.extra_args, (std::vector<std::string>{"--log-level=lib.eal:debug"}));
    EXPECT_EQ(config.cpu.workers, (std::vector<unsigned>{2, 3, 4, 5, 6, 7}));
    EXPECT_EQ(config.cpu.idle, config::Idle::poll);
    EXPECT_EQ(config.cpu.cipher, config::Cipher::ipsec_mb);
    EXPECT_EQ(config.pool.mbufs_per_numa, 262143u);
    ASSERT_EQ(config.ports.size(), 2u);
    EXPECT_EQ(config.ports[0].gateway, (std::vector<std::uint32_t>{0xc0000201}));
    EXPECT_EQ(config.ports[1].name, "media1");
    EXPECT_EQ(config.ports[1].rx_queues, 3u);
    EXPECT_EQ(config.ports[1].tx_queues, 8u);
    EXPECT_EQ(config.ports[1].addresses.at(1), (config::Ipv4Prefix{0xc633648c, 25}));
    EXPECT_EQ(config.media.udp_ports, (std::vector<std::uint16_t>{5004, 3478}));
    EXPECT_EQ(config.media.burst, 64u);
    EXPECT_TRUE(config.media.allow_plain);
    EXPECT_EQ(config.media.endpoint_timeout, std::chrono::minutes(2));
    EXPECT_EQ(config.media.profiles,
              (std::vector{srtp::Profile::double_aes_256_gcm, srtp::Profile::aead_aes_128_gcm}));
    EXPECT_EQ(config.media.replay_window, 512u);
    EXPECT_EQ(config.tls.size(), 2u);
    EXPECT_EQ(config.tls.at("site-b").cert, "/etc/mdd/site-b.pem");
    EXPECT_EQ(config.kmf.at(0).address, (config::HostPort{"kmf-a.example.net", 4433}));
    ASSERT_EQ(config.kmf.at(0).pin_sha256.size(), 1u);
    EXPECT_EQ(config.kmf[0].pin_sha256[0][31], 0xff);
    EXPECT_EQ(config.kmf[0].pin_sha256[0][1], 0x11);
    EXPECT_EQ(config.kmf.at(1).tls, "site-b");
    EXPECT_EQ(config.kmf[0].protocol, config::TunnelProtocol::dtls_v1);
    EXPECT_EQ(config.kmf[0].tunnels, config::TunnelSharing::shared);
    EXPECT_EQ(config.kmf[0].connect, config::TunnelConnect::eager);
    EXPECT_EQ(config.kmf[1].protocol, config::TunnelProtocol::rfc9185);
    EXPECT_EQ(config.kmf[1].tunnels, config::TunnelSharing::per_conference);
    EXPECT_EQ(config.kmf[1].connect, config::TunnelConnect::first_use);
    EXPECT_EQ(config.limits.handshakes_per_source, 50000u);
    EXPECT_EQ(config.limits.ssrcs_per_endpoint, 64u);
    ASSERT_EQ(config.conferences.size(), 2u);
    EXPECT_EQ(config.conferences[0].kmf, (std::vector<std::string>{"kmf-b", "kmf-a"}));
    EXPECT_EQ(config.conferences[0].audio, (std::vector<std::uint8_t>{111, 0}));
    EXPECT_EQ(config.conferences[0].id[0], 0xc0);
    EXPECT_EQ(config.conferences[0].endpoints.at(1).id, "bob");
    EXPECT_EQ(config.conferences[0].endpoints.at(1).address,
              (config::Ipv4Endpoint{0xc0000216, 40000}));
    EXPECT_EQ(config.conferences[1].id[15], 0x0f);
    EXPECT_EQ(config.log.level, config::LogLevel::debug);
    EXPECT_EQ(explain(config), "Every value that could be computed is given in the file.\n");
}

TEST(MddConfig, ExplainDerivesEachComputedValue) {
    const std::string said = explain(good(file_of("minimal.toml")));
    for (const char* expected :
         {"cpu.control = [0]", "cpu.workers = [1, 2, 3, 4, 5, 6, 7]",
          "port \"port0\": rx_queues = 7", "port \"port0\": tx_queues = 7", "all queues hold 10752",
          "pool.mbufs_per_numa = 65535", "eal.hugepages_mib = [0]", "kmf[0].name = \"kmf-1\"",
          "media.profiles = both DOUBLE"})
        EXPECT_NE(said.find(expected), std::string::npos) << expected << " in:\n" << said;
}

TEST(MddConfig, WorkersDefaultToIsolatedCores) {
    const MddConfig config = good(file_of("minimal.toml"), {{0, 1, 2, 3, 4, 5}, {3, 4, 5, 90}, 0});
    EXPECT_EQ(config.cpu.control, (std::vector<unsigned>{0}));
    EXPECT_EQ(config.cpu.workers, (std::vector<unsigned>{3, 4, 5}));
}

TEST(MddConfig, WorkersDefaultToAtMostEight) {
    config::Machine large = eight_cores();
    for (unsigned core = 8; core < 64; ++core) large.available_cores.push_back(core);
    EXPECT_EQ(good(file_of("minimal.toml"), large).cpu.workers.size(), 8u);
}

TEST(MddConfig, ControlDefaultKeepsOffGivenWorkers) {
    const MddConfig config = good("[cpu]\nworkers = [0, 1]\n" + file_of("minimal.toml"));
    EXPECT_EQ(config.cpu.control, (std::vector<unsigned>{2}));
}

TEST(MddConfig, OneCoreIsSharedByDefault) {
    const MddConfig config = good(file_of("minimal.toml"), {{5}, {}, 0});
    EXPECT_EQ(config.cpu.control, (std::vector<unsigned>{5}));
    EXPECT_EQ(config.cpu.workers, (std::vector<unsigned>{5}));
}

TEST(MddConfig, SharedCoresAreAllowedOnRequest) {
    const MddConfig config =
        good("[cpu]\ncontrol = [0]\nworkers = [0, 1, 1]\nallow_shared = true\n" +
             file_of("minimal.toml"));
    EXPECT_EQ(config.cpu.workers, (std::vector<unsigned>{0, 1, 1}));
    EXPECT_EQ(config.ports[0].rx_queues, 3u);
}

TEST(MddConfig, FreeHugepagesAreUsedWhenTheySuffice) {
    EXPECT_EQ(good(file_of("minimal.toml"), {{0, 1}, {}, 150}).eal.hugepages_mib,
              (std::vector<unsigned>{147}));  // 128 MiB and 8191 mbufs of 2560 bytes
    EXPECT_EQ(good(file_of("minimal.toml"), {{0, 1}, {}, 146}).eal.hugepages_mib,
              (std::vector<unsigned>{0}));
}

TEST(MddConfig, AllowPlainAddsPlainProfilesByDefault) {
    const MddConfig config = good("[media]\nallow_plain = true\n" + file_of("minimal.toml"));
    EXPECT_EQ(config.media.profiles.size(), 4u);
    EXPECT_EQ(config.media.profiles.at(2), srtp::Profile::aead_aes_128_gcm);
}

TEST(MddConfig, NothingIsAskedOfWorkersThatTheyHaveNoPlaceFor) {
    const auto with = [](const std::string& section, const std::string& key, std::size_t value) {
        return errors_in("[" + section + "]\n" + key + " = " + std::to_string(value) + "\n" +
                         file_of("minimal.toml"));
    };
    EXPECT_EQ(with("media", "burst", kMaxBurst), "");
    EXPECT_NE(with("media", "burst", kMaxBurst + 1).find("out of range 1..64"), std::string::npos);
    EXPECT_EQ(with("limits", "ssrcs_per_endpoint", kMaxGrantedStreams), "");
    EXPECT_NE(
        with("limits", "ssrcs_per_endpoint", kMaxGrantedStreams + 1).find("out of range 1..64"),
        std::string::npos);
}

TEST(MddConfig, PoolMayBeExactlyAsSmallAsNeeded) {
    const std::string head = "[cpu]\ncontrol = [0]\nworkers = [1, 2]\n[pool]\nmbufs_per_numa = ";
    EXPECT_EQ(good(head + "5120\n" + file_of("minimal.toml")).pool.mbufs_per_numa, 5120u);
    EXPECT_NE(errors_in(head + "5119\n" + file_of("minimal.toml")).find("at least 5120"),
              std::string::npos);
}

TEST(MddConfig, LoadsFromAFileRelativeToItsFolder) {
    Folder folder;
    write_file(folder.path() / "mdd.toml", file_of("minimal.toml"), 0644);
    for (const char* name : {"node.pem", "node.key", "ca.pem"})
        write_file(folder.path() / name, "content", 0600);
    const auto loaded = config::load_mdd_config(folder.path() / "mdd.toml");
    ASSERT_TRUE(std::holds_alternative<MddConfig>(loaded))
        << printed(std::get<config::ConfigErrors>(loaded));
    EXPECT_EQ(std::get<MddConfig>(loaded).tls.at("default").cert, folder.path() / "node.pem");
}

TEST(MddConfig, UnreadableFileIsOneErrorWithItsReason) {
    Folder folder;
    const auto missing = config::load_mdd_config(folder.path() / "none.toml");
    ASSERT_TRUE(std::holds_alternative<config::ConfigErrors>(missing));
    EXPECT_NE(printed(std::get<config::ConfigErrors>(missing)).find("No such file"),
              std::string::npos);
    const auto directory = config::load_mdd_config(folder.path());
    ASSERT_TRUE(std::holds_alternative<config::ConfigErrors>(directory));
    EXPECT_NE(printed(std::get<config::ConfigErrors>(directory)).find("Is a directory"),
              std::string::npos);
}

TEST(MddConfig, EmptyFileNamesWhatIsNeeded) {
    const std::string output = errors_in("");
    for (const char* section : {"[[port]]", "[tls.NAME]", "[[kmf]]"})
        EXPECT_NE(output.find(section), std::string::npos) << output;
}

}  // namespace
}  // namespace mdd::test
