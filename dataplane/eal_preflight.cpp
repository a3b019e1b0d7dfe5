// What can be known to fail before EAL is started, said in a sentence: CPUs, hugepages, PCI
// devices.
#include <sched.h>
#include <stdio.h>

#include <filesystem>
#include <fstream>
#include <stdexcept>

#include "dataplane/eal.h"

namespace mdd {
namespace {

namespace fs = std::filesystem;

constexpr unsigned kMaxWorkers = 127;  // EAL numbers 128 lcores, one is control

std::string allowed_cpus(const cpu_set_t& allowed) {
    std::string text;
    for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu)
        if (CPU_ISSET(cpu, &allowed)) text += (text.empty() ? "" : ", ") + std::to_string(cpu);
    return text;
}

void check_cpus(const EalConfig& config) {
    if (config.control_cpus.empty()) throw std::runtime_error("no CPU is named for control.");
    if (config.worker_cpus.empty()) throw std::runtime_error("no CPU is named for workers.");
    if (config.worker_cpus.size() > kMaxWorkers)
        throw std::runtime_error(std::to_string(config.worker_cpus.size()) +
                                 " workers are configured, but DPDK runs at most " +
                                 std::to_string(kMaxWorkers) + ".");
    cpu_set_t allowed;
    CPU_ZERO(&allowed);
    sched_getaffinity(0, sizeof allowed, &allowed);
    const auto check = [&allowed](unsigned cpu, const char* role) {
        if (cpu < CPU_SETSIZE && CPU_ISSET(cpu, &allowed)) return;
        throw std::runtime_error("CPU " + std::to_string(cpu) + " is configured for " + role +
                                 ", but this process may use only CPU " + allowed_cpus(allowed) +
                                 ".");
    };
    for (const unsigned cpu : config.control_cpus) check(cpu, "control");
    for (const unsigned cpu : config.worker_cpus) check(cpu, "a worker");
}

// Free hugepages of every size below `directory`, in MiB.
std::size_t free_hugepages_mib(const fs::path& directory) {
    std::size_t total_kib = 0;
    std::error_code ignored;
    for (const auto& entry : fs::directory_iterator(directory, ignored)) {
        std::size_t page_kib = 0, free_pages = 0;
        const std::string name = entry.path().filename();  // "hugepages-2048kB"
        if (sscanf(name.c_str(), "hugepages-%zukB", &page_kib) != 1) continue;
        std::ifstream(entry.path() / "free_hugepages") >> free_pages;
        total_kib += page_kib * free_pages;
    }
    return total_kib >> 10;
}

void check_hugepages(const EalConfig& config) {
    for (std::size_t node = 0; node < config.hugepages_mib.size(); ++node) {
        const unsigned wanted_mib = config.hugepages_mib[node];
        fs::path directory = "/sys/devices/system/node/node" + std::to_string(node) + "/hugepages";
        if (!fs::exists(directory) && node == 0) directory = "/sys/kernel/mm/hugepages";
        const std::size_t free_mib = free_hugepages_mib(directory);
        if (wanted_mib <= free_mib) continue;
        throw std::runtime_error("NUMA node " + std::to_string(node) + " has " +
                                 std::to_string(free_mib) + " MiB of free hugepages, but " +
                                 std::to_string(wanted_mib) +
                                 " MiB are configured (eal.hugepages_mib; 0 runs without).");
    }
}

void check_pci_device(const std::string& device) {
    const std::string address = device.size() == 7 ? "0000:" + device : device;
    if (fs::exists("/sys/bus/pci/devices/" + address)) return;
    throw std::runtime_error("no PCI device has the address " + device +
                             " (looked in /sys/bus/pci/devices).");
}

}  // namespace

void preflight(const EalConfig& config) {
    check_cpus(config);
    check_hugepages(config);
    for (const auto& device : config.devices)
        if (is_pci_address(device)) check_pci_device(device);
}

}  // namespace mdd
