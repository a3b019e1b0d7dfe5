// mdd-kmf as it ships: exit codes, the standby, SIGHUP, and kill -9. What it does for endpoints is
// tested elsewhere.
#include <gtest/gtest.h>

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/udp.hpp>

#include "kmf-tunnel/link.h"
#include "tests/support/test_pki.h"

namespace mdd::test {
namespace {

using namespace std::chrono_literals;

// One run of the program; killed with the object.
class KmfProcess {
  public:
    KmfProcess(const std::filesystem::path& config, const std::filesystem::path& log,
               const std::vector<std::string>& more = {})
        : log_(log) {
        std::vector<std::string> words{MDD_KMF, "--config", config};
        words.insert(words.end(), more.begin(), more.end());
        std::vector<char*> argv;
        for (auto& word : words) argv.push_back(word.data());
        argv.push_back(nullptr);
        pid_ = ::fork();
        if (pid_ != 0) return;
        const int fd = ::open(log.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
        ::dup2(fd, 1);
        ::dup2(fd, 2);
        ::execv(MDD_KMF, argv.data());
        ::_exit(127);
    }
    ~KmfProcess() {
        if (pid_ <= 0) return;
        ::kill(pid_, SIGKILL);
        ::waitpid(pid_, nullptr, 0);
    }
    KmfProcess(const KmfProcess&) = delete;
    KmfProcess& operator=(const KmfProcess&) = delete;

    void tell(int signal) const { ::kill(pid_, signal); }
    // Waits for its end. -1: it is still running; 128 + n: by signal n.
    int exit_code(std::chrono::milliseconds limit = 10s) {
        for (const auto end = std::chrono::steady_clock::now() + limit;
             std::chrono::steady_clock::now() < end; std::this_thread::sleep_for(5ms)) {
            int status = 0;
            if (::waitpid(pid_, &status, WNOHANG) != pid_) continue;
            pid_ = 0;
            return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
        }
        return -1;
    }
    std::string said() const {
        std::ostringstream text;
        text << std::ifstream(log_).rdbuf();
        return text.str();
    }
    bool says(const std::string& words, std::chrono::milliseconds limit = 10s) const {
        for (const auto end = std::chrono::steady_clock::now() + limit;
             std::chrono::steady_clock::now() < end; std::this_thread::sleep_for(5ms))
            if (said().find(words) != std::string::npos) return true;
        return false;
    }

  private:
    std::filesystem::path log_;
    pid_t pid_ = 0;
};

class KmfProgram : public ::testing::Test {
  protected:
    KmfProgram() {
        const auto endpoint_side = pki_.self_signed("kmf-endpoint");
        ::chmod(kmf_.key_file.c_str(), 0600);
        ::chmod(endpoint_side.key_file.c_str(), 0600);
        std::ostringstream text;
        text << "[tunnel_tls]\ncert = \"" << kmf_.cert_file << "\"\nkey = \"" << kmf_.key_file
             << "\"\nca = \"" << pki_.ca_file() << "\"\n[endpoint_tls]\ncert = \""
             << endpoint_side.cert_file << "\"\nkey = \"" << endpoint_side.key_file << "\"\n";
        identity_ = text.str();
        listed_ = listing(mdd_);
        write("state.key", std::string(64, 'a') + "\n", 0600);
    }

    static std::string listing(const TestCertificate& mdd) {
        return "[[mdd]]\nname = \"mdd-1\"\nfingerprint_sha256 = [\"" +
               tunnel::to_hex(mdd.certificate_sha256) + "\"]\n[[conference]]\nid = \"" +
               std::string(32, 'c') + "\"\n";
    }
    std::filesystem::path write(const std::string& name, const std::string& text,
                                mode_t mode = 0644) const {
        const auto path = pki_.directory() / name;
        std::ofstream(path) << text;
        ::chmod(path.c_str(), mode);
        return path;
    }
    static std::uint16_t free_port() {
        boost::asio::io_context io;
        boost::asio::ip::udp::socket socket(io, {boost::asio::ip::make_address("127.0.0.1"), 0});
        return socket.local_endpoint().port();
    }
    std::string config(const std::string& state = {}) const {
        return "listen = \"127.0.0.1:" + std::to_string(port_) +
               "\"\nprotocols = [\"dtls-v1\", \"rfc9185\"]\n" + identity_ + state + listed_;
    }
    static std::string with_state(bool standby = false) {
        return std::string("[state]\nfile = \"kmf.state\"\nkey_file = \"state.key\"\nstandby = ") +
               (standby ? "true\n" : "false\n");
    }
    std::filesystem::path log(const std::string& name) const { return pki_.directory() / name; }

    // An MDD that only connects.
    struct Mdd : tunnel::LinkEvents {
        void on_link_up(const tunnel::PeerIdentity&) override { ++ups; }
        void on_link_down(tunnel::DownReason, const std::string&) override { ++downs; }
        void on_link_message(tunnel::Message&&) override {}
        void on_link_refused(tunnel::DownReason, const std::string&) override {}
        int ups = 0, downs = 0;
    };
    tunnel::LinkConfig link_config(tunnel::Dialect dialect) const {
        tunnel::LinkConfig made;
        made.name = "kmf";
        made.host = "127.0.0.1";
        made.port = port_;
        made.dialect = dialect;
        made.profiles = {9};
        made.credentials = {mdd_.cert_file, mdd_.key_file, pki_.ca_file(), {}};
        made.retry_first = 50ms;
        return made;
    }
    bool run_until(boost::asio::io_context& io, const std::function<bool()>& done) const {
        const auto end = std::chrono::steady_clock::now() + 10s;
        while (!done() && std::chrono::steady_clock::now() < end) {
            io.run_for(5ms);
            io.restart();
        }
        return done();
    }

    TestPki pki_;
    TestCertificate kmf_ = pki_.issue("kmf");
    TestCertificate mdd_ = pki_.issue("mdd-1");
    std::string identity_, listed_;
    std::uint16_t port_ = free_port();
};

TEST_F(KmfProgram, EndsWithZeroOnSigterm) {
    KmfProcess kmf(write("kmf.toml", config()), log("kmf.log"));
    ASSERT_TRUE(kmf.says("listening on"));
    kmf.tell(SIGTERM);
    EXPECT_EQ(kmf.exit_code(), 0) << kmf.said();
}

TEST_F(KmfProgram, ChecksAConfigurationWithItsStateKeyAndTouchesNoState) {
    const auto file = write("kmf.toml", config(with_state()));
    KmfProcess good(file, log("good.log"), {"--check-config"});
    EXPECT_EQ(good.exit_code(), 0) << good.said();
    EXPECT_FALSE(std::filesystem::exists(pki_.directory() / "kmf.state"));
    write("state.key", "no key", 0600);
    KmfProcess bad(file, log("bad.log"), {"--check-config"});
    EXPECT_EQ(bad.exit_code(), 78);
    EXPECT_NE(bad.said().find("does not hold 64 hexadecimal digits"), std::string::npos);
    EXPECT_EQ(bad.said().find("no key\""), std::string::npos);
}

TEST_F(KmfProgram, RefusesAStateKeyThatOthersMayRead) {
    write("state.key", std::string(64, 'a'), 0644);
    KmfProcess kmf(write("kmf.toml", config(with_state())), log("kmf.log"));
    EXPECT_EQ(kmf.exit_code(), 78);
    EXPECT_NE(kmf.said().find("chmod 600"), std::string::npos) << kmf.said();
}

TEST_F(KmfProgram, DoesNotStartWithAStateItCannotUse) {
    const auto file = write("kmf.toml", config(with_state()));
    {
        KmfProcess kmf(file, log("first.log"));
        ASSERT_TRUE(kmf.says("listening on"));
        kmf.tell(SIGTERM);
        ASSERT_EQ(kmf.exit_code(), 0);
    }
    const auto state = pki_.directory() / "kmf.state";
    std::ostringstream good;
    good << std::ifstream(state).rdbuf();
    struct Case {
        const char* what;
        std::string content;
        const char* says;
    };
    auto damaged = good.str();
    damaged.back() = static_cast<char>(damaged.back() ^ 1);
    for (const auto& [what, content, says] :
         {Case{"foreign", "[state]", "is not a state of this mdd-kmf"},
          Case{"empty", "", "is not a state of this mdd-kmf"},
          Case{"damaged", damaged, "sealed with another key than that in state.key_file"},
          Case{"cut off", good.str().substr(0, 40), "cut off"}}) {
        std::ofstream(state, std::ios::trunc) << content;
        KmfProcess kmf(file, log("again.log"));
        EXPECT_EQ(kmf.exit_code(), 1) << what;
        EXPECT_NE(kmf.said().find(says), std::string::npos) << what << ": " << kmf.said();
        std::ostringstream after;
        after << std::ifstream(state).rdbuf();
        EXPECT_EQ(after.str(), content) << what << ": not touched";
    }
    std::ofstream(state, std::ios::trunc) << good.str();
    write("state.key", std::string(64, 'b'), 0600);
    KmfProcess other_key(file, log("other.log"));
    EXPECT_EQ(other_key.exit_code(), 1);
    EXPECT_NE(other_key.said().find("sealed with another key"), std::string::npos);
}

TEST_F(KmfProgram, ASecondOneRefusesToStartOnTheSameState) {
    const auto file = write("kmf.toml", config(with_state()));
    KmfProcess first(file, log("first.log"));
    ASSERT_TRUE(first.says("listening on"));
    KmfProcess second(file, log("second.log"));
    EXPECT_EQ(second.exit_code(), 1);
    EXPECT_NE(second.said().find("Another mdd-kmf holds the state file"), std::string::npos);
}

TEST_F(KmfProgram, AStandbyWaitsWithoutListeningAndTakesOverWhenTheFirstIsKilled) {
    const auto file = write("kmf.toml", config(with_state(true)));
    KmfProcess first(file, log("first.log"));
    ASSERT_TRUE(first.says("listening on"));
    KmfProcess second(file, log("second.log"));
    ASSERT_TRUE(second.says("standing by"));
    second.tell(SIGHUP);
    std::this_thread::sleep_for(100ms);
    EXPECT_EQ(second.said().find("listening on"), std::string::npos);
    first.tell(SIGKILL);
    const auto killed_at = std::chrono::steady_clock::now();
    EXPECT_EQ(first.exit_code(), 128 + SIGKILL);
    ASSERT_TRUE(second.says("listening on"));
    EXPECT_LT(std::chrono::steady_clock::now() - killed_at, 1s);
    second.tell(SIGTERM);
    EXPECT_EQ(second.exit_code(), 0);
}

TEST_F(KmfProgram, AStandbyEndsOnSigterm) {
    const auto file = write("kmf.toml", config(with_state(true)));
    KmfProcess first(file, log("first.log"));
    ASSERT_TRUE(first.says("listening on"));
    KmfProcess second(file, log("second.log"));
    ASSERT_TRUE(second.says("standing by"));
    second.tell(SIGTERM);
    EXPECT_EQ(second.exit_code(), 0);
}

TEST_F(KmfProgram, ReloadsOnSighupAndKeepsTheOldConfigurationWhenTheNewOneIsBroken) {
    const auto file = write("kmf.toml", config());
    KmfProcess kmf(file, log("kmf.log"));
    ASSERT_TRUE(kmf.says("listening on"));
    boost::asio::io_context io;
    Mdd draft, final;
    tunnel::Link draft_link(io, link_config(tunnel::Dialect::dtls_v1), draft);
    tunnel::Link final_link(io, link_config(tunnel::Dialect::rfc9185), final);
    draft_link.start();
    final_link.start();
    ASSERT_TRUE(run_until(io, [&] { return draft_link.is_up() && final_link.is_up(); }));

    write("kmf.toml", config() + "nonsense = 1\n");
    kmf.tell(SIGHUP);
    ASSERT_TRUE(kmf.says("reload refused, the old configuration stays"));
    EXPECT_NE(kmf.said().find("nonsense"), std::string::npos);

    write("kmf.toml", config() + "rekey = [\"leave\"]\n");
    kmf.tell(SIGHUP);
    ASSERT_TRUE(kmf.says("reloaded: mdds=1 conferences=1"));
    io.run_for(300ms);
    io.restart();
    EXPECT_EQ(draft.downs + final.downs, 0) << "no tunnel is dropped";

    listed_ = listing(pki_.issue("mdd-2"));
    write("kmf.toml", config());
    kmf.tell(SIGHUP);
    ASSERT_TRUE(run_until(io, [&] { return draft.downs == 1 && final.downs == 1; }))
        << "the tunnels of an MDD that is not listed any more are closed";
    kmf.tell(SIGTERM);
    EXPECT_EQ(kmf.exit_code(), 0) << kmf.said();
}

TEST_F(KmfProgram, StartsAgainAfterKillNine) {
    const auto file = write("kmf.toml", config(with_state()));
    for (int round = 0; round < 20; ++round) {
        KmfProcess kmf(file, log("kmf.log"));
        // Killed at any point of its start.
        std::this_thread::sleep_for(std::chrono::milliseconds(round * 3));
        kmf.tell(SIGKILL);
        ASSERT_EQ(kmf.exit_code(), 128 + SIGKILL) << kmf.said();
    }
    KmfProcess kmf(file, log("kmf.log"));
    EXPECT_TRUE(kmf.says("listening on")) << kmf.said();
}

}  // namespace
}  // namespace mdd::test
