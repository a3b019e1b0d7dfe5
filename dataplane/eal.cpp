// Starting and ending EAL. Everything that can be refused with a sentence is refused before
// rte_eal_init(), which may also abort.
#include "dataplane/eal.h"

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_launch.h>
#include <rte_lcore.h>
#include <rte_log.h>
#include <rte_version.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <stdexcept>

namespace mdd {
namespace {

bool wants_hugepages(const EalConfig& config) {
    return std::any_of(config.hugepages_mib.begin(), config.hugepages_mib.end(),
                       [](unsigned mib) { return mib != 0; });
}

template <typename Number>
std::string joined(const std::vector<Number>& numbers) {
    std::string text;
    for (const auto number : numbers) {
        if (!text.empty()) text += ',';
        text += std::to_string(number);
    }
    return text;
}

// Control is lcore 0, worker i is lcore i + 1, whatever CPUs they run on: "0@(0,1),1@(1),2@(2)".
std::string lcore_map(const EalConfig& config) {
    std::string map = "0@(" + joined(config.control_cpus) + ")";
    for (unsigned worker = 0; worker < config.worker_cpus.size(); ++worker)
        map += "," + std::to_string(Eal::lcore_of(worker)) + "@(" +
               std::to_string(config.worker_cpus[worker]) + ")";
    return map;
}

// EAL's log during start-up: passed on to stderr, its last line kept for the exception.
class StartupLog {
  public:
    StartupLog() {
        stream_ = fopencookie(this, "w", {nullptr, write, nullptr, nullptr});
        if (stream_ == nullptr) throw std::runtime_error("cannot open a log stream for EAL.");
        setvbuf(stream_, nullptr, _IOLBF, 0);
        rte_openlog_stream(stream_);
    }
    ~StartupLog() {
        rte_openlog_stream(stderr);
        fclose(stream_);
    }
    StartupLog(const StartupLog&) = delete;
    StartupLog& operator=(const StartupLog&) = delete;

    std::string last_line() const {
        std::string line = text_.substr(0, text_.find_last_not_of("\n") + 1);
        const std::size_t start = line.rfind('\n');
        return start == std::string::npos ? line : line.substr(start + 1);
    }

  private:
    static ssize_t write(void* self, const char* bytes, std::size_t size_bytes) {
        static_cast<StartupLog*>(self)->text_.append(bytes, size_bytes);
        fwrite(bytes, 1, size_bytes, stderr);
        return static_cast<ssize_t>(size_bytes);
    }

    FILE* stream_ = nullptr;
    std::string text_;
};

int run_body(void* body) {
    (*static_cast<std::function<void()>*>(body))();
    return 0;
}

}  // namespace

bool is_pci_address(const std::string& device) {
    const auto matches = [&device](const char* shape) {
        const std::string pattern = shape;
        return device.size() == pattern.size() &&
               std::equal(device.begin(), device.end(), pattern.begin(), [](char c, char p) {
                   return p == 'x' ? std::isxdigit(static_cast<unsigned char>(c)) != 0 : c == p;
               });
    };
    return matches("xxxx:xx:xx.x") || matches("xx:xx.x");
}

std::vector<std::string> eal_arguments(const EalConfig& config) {
    std::vector<std::string> arguments{
        config.program,
        "--lcores=" + lcore_map(config),
        "--main-lcore=0",
        "--no-telemetry",
        "--log-level=*:warning",
        "--file-prefix=" +
            (config.file_prefix.empty() ? "mdd-" + std::to_string(getpid()) : config.file_prefix)};
    // --in-memory: no hugetlbfs file outlives a crash with keys in it, and no second process can
    // attach. EAL does not allow it together with --no-huge, where the memory is private anyway.
    if (wants_hugepages(config)) {
        arguments.push_back("--in-memory");
        arguments.push_back("--socket-mem=" + joined(config.hugepages_mib));
    } else {
        arguments.insert(arguments.end(),
                         {"--no-huge", "--no-shconf", "-m", std::to_string(config.no_huge_mib)});
    }
    const std::size_t before = arguments.size();
    for (const auto& device : config.devices)
        if (is_pci_address(device)) arguments.push_back("--allow=" + device);
    if (arguments.size() == before) arguments.push_back("--no-pci");
    arguments.insert(arguments.end(), config.extra_args.begin(), config.extra_args.end());
    return arguments;
}

void harden_process() {
    const rlimit none{0, 0};
    setrlimit(RLIMIT_CORE, &none);
#if !defined(__SANITIZE_ADDRESS__)
    prctl(PR_SET_DUMPABLE, 0);
#endif
    signal(SIGPIPE, SIG_IGN);
}

Eal::Eal(const EalConfig& config)
    : worker_count_(static_cast<unsigned>(config.worker_cpus.size())), bodies_(worker_count_) {
    preflight(config);
    std::vector<std::string> arguments = eal_arguments(config);
    std::vector<char*> argv;
    for (auto& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);

    const StartupLog log;
    if (rte_eal_init(static_cast<int>(arguments.size()), argv.data()) < 0)
        throw std::runtime_error("DPDK does not start: " + std::string(rte_strerror(rte_errno)) +
                                 (log.last_line().empty() ? "" : " (" + log.last_line() + ")") +
                                 ".");
}

Eal::~Eal() {
    rte_eal_cleanup();
}

int Eal::socket_of(unsigned worker) const {
    return static_cast<int>(rte_lcore_to_socket_id(lcore_of(worker)));
}

unsigned Eal::node_count() const {
    return rte_socket_count();
}

void Eal::launch_worker(unsigned worker, std::function<void()> body) {
    if (rte_eal_get_lcore_state(lcore_of(worker)) != WAIT)
        throw std::runtime_error("worker " + std::to_string(worker) + " runs already.");
    bodies_.at(worker) = std::move(body);
    rte_eal_remote_launch(run_body, &bodies_[worker], lcore_of(worker));
}

void Eal::join(unsigned worker) {
    // Not by rte_eal_wait_lcore() alone: it spins, and the worker may share this CPU.
    while (rte_eal_get_lcore_state(lcore_of(worker)) == RUNNING) usleep(100);
    rte_eal_wait_lcore(lcore_of(worker));
    bodies_.at(worker) = nullptr;
}

std::string dpdk_version() {
    return rte_version();
}

}  // namespace mdd
