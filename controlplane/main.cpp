// mdd, the media distribution device: parse, start, run, stop. The only place that catches start-up
// errors.
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <boost/asio/signal_set.hpp>
#include <csignal>
#include <fstream>
#include <iostream>
#include <sstream>

#include "controlplane/certificate_watch.h"
#include "controlplane/config/mdd_config.h"
#include "controlplane/control.h"
#include "controlplane/log.h"
#include "controlplane/node.h"
#include "controlplane/settings.h"
#include "controlplane/totals.h"
#include "dataplane/srtp/aead.h"
#include "kmf-tunnel/tls_version.h"

namespace mdd::control {
namespace {

constexpr int kOk = 0;
constexpr int kUsage = 64;
constexpr int kBadConfig = 78;

struct Options {
    std::string config;
    std::string json;
    bool check = false;
    bool explain = false;
    bool version = false;
};

void start_crypto(config::Cipher cipher) {
    const auto code =
        cipher == config::Cipher::ipsec_mb ? srtp::AeadCode::ipsec_mb : srtp::AeadCode::fastest;
    if (srtp::aead_start(code) != srtp::AeadStart::ok)
        throw std::runtime_error(
            "This CPU has no AES-NI and PCLMULQDQ instructions, without which mdd cannot encrypt; "
            "run it on an x86-64 CPU that has them (in a virtual machine, expose them to the "
            "guest).");
    if (srtp::aead_disagreed())
        spdlog::warn(
            "AES-GCM of mdd's own has made other bytes than IPsec-MB's and is not used; this CPU, "
            "or this build of mdd or of the library, has a fault");
}

int print_version() {
    const bool has_aes = srtp::aead_start() == srtp::AeadStart::ok;
    fmt::print("mdd {}\n{}\nIPsec-MB {}\n{}\ncrypto code path: {}\n", MDD_VERSION, dpdk_version(),
               srtp::aead_library_version(), tunnel::tls_library_version(),
               has_aes ? srtp::aead_code_path() : "none, this CPU has no AES instructions");
    return kOk;
}

// The workers run as long as this lives: they must have ended before control frees what they use.
class Running {
  public:
    explicit Running(Node& node) : node_(node) { node_.launch(); }
    ~Running() { node_.stop(); }
    Running(const Running&) = delete;
    Running& operator=(const Running&) = delete;

  private:
    Node& node_;
};

std::vector<CertificateFile> certificate_files(const config::MddConfig& config) {
    std::vector<CertificateFile> files;
    for (const auto& [name, tls] : config.tls) files.push_back({name, tls.cert.string()});
    return files;
}

// SIGHUP: what can change while mdd runs are the certificates and pins of its tunnels. A file with
// an error changes nothing.
void reload(const std::string& file, const config::MddConfig& running, Control& control,
            CertificateWatch& certificates) {
    const auto loaded = config::load_mdd_config(file);
    if (const auto* errors = std::get_if<config::ConfigErrors>(&loaded)) {
        std::ostringstream text;
        errors->print(text);
        spdlog::error("SIGHUP: {} has errors, nothing changes:\n{}", file, text.str());
        return;
    }
    const auto& config = std::get<config::MddConfig>(loaded);
    const auto plans = kmf_plans(config);
    const auto same = [](const config::KmfConfig& a, const config::KmfConfig& b) {
        return a.name == b.name;
    };
    if (!std::ranges::equal(config.kmf, running.kmf, same)) {
        spdlog::error(
            "SIGHUP: the list of KMFs has changed, which needs a restart; nothing changes");
        return;
    }
    std::vector<tunnel::Credentials> credentials;
    for (const auto& plan : plans) credentials.push_back(plan.link.credentials);
    if (control.renew(credentials))
        spdlog::info(
            "SIGHUP: tunnels go over to the certificates and pins of {}; whatever else "
            "has changed there needs a restart",
            file);
    certificates.watch(certificate_files(config));
}

// Runs until SIGTERM or SIGINT. Returns how the tunnels stood when it came.
std::vector<TunnelReport> run_until_told(boost::asio::io_context& io, Control& control,
                                         const std::function<void()>& on_hangup) {
    std::vector<TunnelReport> tunnels;
    boost::asio::signal_set ends(io, SIGINT, SIGTERM);
    ends.async_wait([&](const boost::system::error_code& error, int signal) {
        if (error) return;
        spdlog::info("{}: stopping", signal == SIGINT ? "SIGINT" : "SIGTERM");
        tunnels = control.tunnels();
        control.stop();
        io.stop();
    });
    boost::asio::signal_set hangups(io, SIGHUP);
    std::function<void()> wait = [&] {
        hangups.async_wait([&](const boost::system::error_code& error, int) {
            if (error) return;
            on_hangup();
            wait();
        });
    };
    wait();
    control.start();
    io.run();
    return tunnels;
}

void write_json(const std::string& file, const Totals& totals) {
    if (file.empty()) return;
    std::ofstream out(file);
    out << to_json(totals) << '\n';
    if (!out.flush())
        throw std::runtime_error(fmt::format("Cannot write the report to \"{}\".", file));
}

int run(const config::MddConfig& config, const Options& options) {
    start_log("mdd", config.log.level);
    start_crypto(config.cpu.cipher);
    Node node(config);
    boost::asio::io_context io(1);
    Control control(io, control_settings(config, node.port_facts(), node.control_pool()),
                    kmf_plans(config), node.doors());
    CertificateWatch certificates(io);
    certificates.watch(certificate_files(config));
    const auto begun = Clock::now();
    std::vector<TunnelReport> tunnels;
    {
        const Running running(node);
        spdlog::info("mdd {} is ready: {} worker(s), {} conference(s), crypto {}", MDD_VERSION,
                     config.cpu.workers.size(), config.conferences.size(), srtp::aead_code_path());
        tunnels = run_until_told(io, control,
                                 [&] { reload(options.config, config, control, certificates); });
    }
    control.drain();
    auto totals = sum(node.counters(), control.counters());
    totals.seconds = std::chrono::duration<double>(Clock::now() - begun).count();
    totals.statistics = control.statistics();
    totals.tunnels = tunnels;
    print(std::cout, totals);
    write_json(options.json, totals);
    return kOk;
}

int act(const Options& options) {
    const auto loaded = config::load_mdd_config(options.config);
    if (const auto* errors = std::get_if<config::ConfigErrors>(&loaded)) {
        errors->print(std::cerr);
        return kBadConfig;
    }
    const auto& config = std::get<config::MddConfig>(loaded);
    if (options.explain) std::cout << config::explain(config);
    if (!options.check) return run(config, options);
    std::cout << options.config << ": no errors\n";
    return kOk;
}

int main_program(int argc, char** argv) {
    Options options;
    CLI::App app("mdd - PERC media distribution device", "mdd");
    app.add_option("--config", options.config, "configuration file")->type_name("FILE");
    auto* check = app.add_flag("--check-config", options.check,
                               "check the configuration, print every error, start nothing");
    app.add_flag("--explain", options.explain, "say how computed defaults came about")
        ->needs(check);
    app.add_option("--json", options.json, "write the totals there at the end")->type_name("FILE");
    app.add_flag("--version", options.version, "print versions and the crypto code path");
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? kOk : kUsage;
    }
    if (options.version) return print_version();
    if (options.config.empty()) {
        std::cerr << "mdd: --config FILE is required; see mdd --help\n";
        return kUsage;
    }
    harden_process();
    return act(options);
}

}  // namespace
}  // namespace mdd::control

int main(int argc, char** argv) {
    try {
        return mdd::control::main_program(argc, argv);
    } catch (const std::exception& error) {
        std::cerr << "mdd: " << error.what() << '\n';
        return 1;
    }
}
