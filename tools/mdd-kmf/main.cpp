// mdd-kmf: parses its arguments, starts the service, ends on a signal, writes the totals.
#include <csignal>
#include <fstream>
#include <iostream>

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <CLI/CLI.hpp>
#include <boost/asio/signal_set.hpp>
#include <nlohmann/json.hpp>

#include "kmf-tunnel/secure.h"
#include "kmf-tunnel/tls_version.h"
#include "tools/mdd-kmf/service.h"

namespace {

using namespace mdd;

constexpr int kExitFailure = 1;
constexpr int kExitUsage = 64;
constexpr int kExitConfig = 78;

struct Arguments {
    std::string config;
    std::string json;
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

// What only OpenSSL can tell about a configuration. Throws a sentence.
void check_certificates(const kmf::KmfConfig& config) {
    const tunnel::SecureContext tunnel_side(tunnel::Role::kmf, config.tunnel_tls);
    const kmf::EndpointGate endpoint_side(config.endpoint_tls, 1000);
}

int serve(const kmf::KmfConfig& config, const Arguments& arguments) {
    // Opened first: a report that cannot be written should not be found out at the end.
    std::ofstream report;
    if (!arguments.json.empty()) {
        report.open(arguments.json);
        if (!report) throw std::runtime_error("Cannot write \"" + arguments.json + "\".");
    }
    boost::asio::io_context io(1);
    kmf::Service service(io, config);
    boost::asio::signal_set signals(io, SIGTERM, SIGINT);
    signals.async_wait([&](const boost::system::error_code& error, int) {
        if (!error) io.stop();
    });
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
    auto loaded = kmf::load_kmf_config(arguments.config);
    if (const auto* errors = std::get_if<config::ConfigErrors>(&loaded)) {
        errors->print(std::cerr);
        return kExitConfig;
    }
    const auto& config = std::get<kmf::KmfConfig>(loaded);
    try {
        check_certificates(config);
    } catch (const std::exception& error) {
        std::cerr << arguments.config << ": error: " << error.what() << "\n";
        return kExitConfig;
    }
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
