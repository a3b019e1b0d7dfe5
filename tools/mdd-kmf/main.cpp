// mdd-kmf: parses its arguments, becomes the authority, runs the service, reloads on SIGHUP, ends
// on other signals, writes the totals.
#include <csignal>
#include <fstream>
#include <iostream>
#include <optional>
#include <sstream>
#include <variant>

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <CLI/CLI.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <nlohmann/json.hpp>

#include "kmf-tunnel/tls_version.h"
#include "tools/mdd-kmf/service.h"

namespace {

using namespace mdd;

constexpr int kExitFailure = 1;
constexpr int kExitUsage = 64;
constexpr int kExitConfig = 78;

constexpr std::chrono::milliseconds kStandbyInterval{50};

struct Arguments {
    std::string config;
    std::string json;
    std::string trace;
    bool check_config = false;
};

// Keys live in this process: no core file, no debugger of the same user, and a peer that goes away
// is no signal.
void harden_process() {
    const rlimit none{0, 0};
    setrlimit(RLIMIT_CORE, &none);
    prctl(PR_SET_DUMPABLE, 0);
    std::signal(SIGPIPE, SIG_IGN);
}

void log_to_stderr() {
    spdlog::set_default_logger(spdlog::stderr_logger_st("mdd-kmf"));
    spdlog::set_pattern("%Y-%m-%dT%H:%M:%S.%e%z %l %v");
    spdlog::flush_on(spdlog::level::info);
}

// Either the configuration, or what is wrong with it, as a compiler would print it.
std::variant<kmf::KmfConfig, std::string> load(const std::string& file) {
    auto loaded = kmf::load_kmf_config(file);
    if (const auto* errors = std::get_if<config::ConfigErrors>(&loaded)) {
        std::ostringstream text;
        errors->print(text);
        return text.str();
    }
    try {
        kmf::check_secrets(std::get<kmf::KmfConfig>(loaded));
    } catch (const std::exception& error) {
        return file + ": error: " + error.what() + "\n";
    }
    return std::get<kmf::KmfConfig>(std::move(loaded));
}

// Waits, without listening, for the state to be free. nullopt: told to end meanwhile.
std::optional<kmf::StateFile> take_authority(boost::asio::io_context& io,
                                             boost::asio::signal_set& signals,
                                             const kmf::StateConfig& config) {
    const auto key = kmf::read_state_key(config.key_file);
    auto state = kmf::StateFile::open(config.file, key);
    if (!state && !config.standby)
        throw std::runtime_error("Another mdd-kmf holds the state file \"" + config.file.string() +
                                 "\"; end it, or set state.standby = true to wait for that.");
    if (!state) spdlog::info("standing by: another mdd-kmf holds {}", config.file.string());
    bool is_told_to_end = false;
    boost::asio::steady_timer timer(io);
    while (!state && !is_told_to_end) {
        timer.expires_after(kStandbyInterval);
        timer.async_wait([](const boost::system::error_code&) {});
        signals.async_wait([&](const boost::system::error_code& error, int signal) {
            if (!error && signal != SIGHUP) is_told_to_end = true;
            timer.cancel();
        });
        io.run_one();
        timer.cancel();
        signals.cancel();
        io.run();
        io.restart();
        state = kmf::StateFile::open(config.file, key);
        if (state) spdlog::info("took over: the state is free");
    }
    return is_told_to_end ? std::nullopt : std::move(state);
}

// While a standby waited the file may have changed, as it has for the one that it follows.
kmf::KmfConfig newest(const kmf::KmfConfig& known, const std::string& file) {
    auto loaded = load(file);
    if (auto* config = std::get_if<kmf::KmfConfig>(&loaded)) return std::move(*config);
    spdlog::error("the configuration of the start is used: {}", std::get<std::string>(loaded));
    return known;
}

void reload(kmf::Service& service, const std::string& file) {
    auto loaded = load(file);
    if (const auto* config = std::get_if<kmf::KmfConfig>(&loaded))
        service.reload(*config);
    else
        service.refuse_reload(std::get<std::string>(loaded));
}

// Until a signal other than SIGHUP ends it.
void wait_for_signal(boost::asio::io_context& io, boost::asio::signal_set& signals,
                     kmf::Service& service, const std::string& file) {
    signals.async_wait([&](const boost::system::error_code& error, int signal) {
        if (error) return;
        if (signal != SIGHUP) return io.stop();
        reload(service, file);
        wait_for_signal(io, signals, service, file);
    });
}

int serve(const kmf::KmfConfig& config, const Arguments& arguments) {
    // Opened first: a report that cannot be written should not be found out at the end.
    std::ofstream report;
    if (!arguments.json.empty()) {
        report.open(arguments.json);
        if (!report) throw std::runtime_error("Cannot write \"" + arguments.json + "\".");
    }
    boost::asio::io_context io(1);
    boost::asio::signal_set signals(io, SIGTERM, SIGINT, SIGHUP);
    std::optional<kmf::StateFile> state;
    if (config.state) {
        state = take_authority(io, signals, *config.state);
        if (!state) return 0;
    }
    kmf::Service service(
        io, config.state && config.state->standby ? newest(config, arguments.config) : config,
        std::move(state), arguments.trace);
    wait_for_signal(io, signals, service, arguments.config);
    service.start();
    spdlog::info("endpoints pin fingerprint_sha256={}",
                 dtls::fingerprint_text(service.endpoint_fingerprint()));
    spdlog::info("listening on {}:{}", config.listen_address, service.port());
    io.run();
    const auto totals = service.report();
    service.stop();
    spdlog::info("stopped: {}", totals.dump());
    if (report.is_open() && !(report << totals.dump(2) << std::endl))
        throw std::runtime_error("Cannot write \"" + arguments.json + "\".");
    return 0;
}

int run(const Arguments& arguments) {
    auto loaded = load(arguments.config);
    if (const auto* wrong = std::get_if<std::string>(&loaded)) {
        std::cerr << *wrong;
        return kExitConfig;
    }
    const auto& config = std::get<kmf::KmfConfig>(loaded);
    for (const auto& warning : config.warnings) spdlog::warn("{}", warning);
    if (arguments.check_config) {
        std::cout << arguments.config << ": good\n";
        return 0;
    }
    return serve(config, arguments);
}

}  // namespace

int main(int argc, char** argv) {
    harden_process();
    log_to_stderr();
    Arguments arguments;
    CLI::App app("Key Management Function for PERC conferences.", "mdd-kmf");
    app.add_option("--config", arguments.config, "Configuration file, see kmf.toml(5)")
        ->required()
        ->type_name("FILE");
    app.add_flag("--check-config", arguments.check_config, "Check the configuration and end");
    app.add_option("--json", arguments.json, "Write totals here at the end")->type_name("FILE");
    app.add_option("--trace", arguments.trace,
                   "Write a line for each tunnel message here: time, association, digest")
        ->type_name("FILE");
    app.set_version_flag("--version", "mdd-kmf " MDD_VERSION "\n" + tunnel::tls_library_version());
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? 0 : kExitUsage;
    }
    try {
        return run(arguments);
    } catch (const std::exception& error) {
        spdlog::error("{}", error.what());
        return kExitFailure;
    }
}
