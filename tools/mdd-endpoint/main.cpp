// mdd-endpoint: a PERC endpoint and RTP gateway. Starts, waits for signals or the end of time,
// writes the report.
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <fstream>

#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>

#include "tools/mdd-endpoint/endpoint.h"
#include "tools/mdd-endpoint/options.h"
#include "tools/mdd-endpoint/srtp_session.h"

namespace mdd::endpoint {
namespace {

constexpr int kExitOk = 0;
constexpr int kExitFailure = 1;
constexpr int kExitUsage = 64;
constexpr int kExitConfig = 78;

// Keys must not reach a disk by way of a crash.
void forbid_core_dumps() {
    const rlimit none{0, 0};
    setrlimit(RLIMIT_CORE, &none);
    prctl(PR_SET_DUMPABLE, 0);
}

bool write_report(const Endpoint& endpoint, const std::filesystem::path& file) {
    if (file.empty()) return true;
    const auto fresh = file.string() + ".new";
    std::ofstream out(fresh, std::ios::trunc);
    out << endpoint.report().dump(2) << '\n';
    out.close();
    std::error_code error;
    if (out) std::filesystem::rename(fresh, file, error);
    if (out && !error) return true;
    fmt::print(stderr, "mdd-endpoint: report file {} cannot be written.\n", file.string());
    return false;
}

class Run {
  public:
    explicit Run(const Options& options)
        : options_(options),
          endpoint_(loop_, options),
          signals_(loop_, SIGTERM, SIGINT),
          end_timer_(loop_) {
        signals_.add(SIGUSR1);
        signals_.add(SIGUSR2);
    }

    int operator()() {
        SrtpSession::prepare();
        wait_for_signal();
        if (options_.run_time.count() > 0) {
            end_timer_.expires_after(options_.run_time);
            end_timer_.async_wait([this](const boost::system::error_code& cancelled) {
                if (!cancelled) end();
            });
        }
        endpoint_.start([this] {
            fmt::print(stderr, "mdd-endpoint: {}.\n", endpoint_.failure());
            exit_code_ = kExitFailure;
            end();
        });
        loop_.run();
        if (!write_report(endpoint_, options_.json)) exit_code_ = kExitFailure;
        return exit_code_;
    }

  private:
    void wait_for_signal() {
        signals_.async_wait([this](const boost::system::error_code& cancelled, int signal) {
            if (cancelled) return;
            if (signal == SIGUSR1) endpoint_.rekey();
            if (signal == SIGUSR2) endpoint_.toggle_pause();
            if (signal == SIGTERM || signal == SIGINT) return end();
            wait_for_signal();
        });
    }

    void end() {
        endpoint_.stop();
        signals_.cancel();
        end_timer_.cancel();
    }

    Options options_;
    boost::asio::io_context loop_{1};
    Endpoint endpoint_;
    boost::asio::signal_set signals_;
    boost::asio::steady_timer end_timer_;
    int exit_code_ = kExitOk;
};

int run(int argc, const char* const* argv) {
    std::signal(SIGPIPE, SIG_IGN);
    forbid_core_dumps();
    std::optional<Run> program;
    try {
        const auto parsed = parse_options(argc, argv);
        if (const auto* notice = std::get_if<Notice>(&parsed)) {
            fmt::print("{}", notice->text);
            return kExitOk;
        }
        program.emplace(std::get<Options>(parsed));
    } catch (const UsageError& error) {
        fmt::print(stderr, "mdd-endpoint: {}\nSee mdd-endpoint --help.\n", error.what());
        return kExitUsage;
    } catch (const std::exception& error) {
        fmt::print(stderr, "mdd-endpoint: {}.\n", error.what());
        return kExitConfig;
    }
    return (*program)();
}

}  // namespace
}  // namespace mdd::endpoint

int main(int argc, char** argv) {
    try {
        return mdd::endpoint::run(argc, argv);
    } catch (const std::exception& error) {
        fmt::print(stderr, "mdd-endpoint: {}.\n", error.what());
        return 1;
    }
}
