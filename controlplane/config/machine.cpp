// What the computed defaults need to know about this machine. Reads only; knows nothing of the
// configuration.
#include <sched.h>
#include <charconv>
#include <filesystem>
#include <fstream>

#include "controlplane/config/mdd_config.h"

namespace mdd::config {
namespace {

namespace fs = std::filesystem;

std::string first_line_of(const fs::path& path) {
    std::ifstream file(path);
    std::string line;
    std::getline(file, line);
    return line;
}

std::uint64_t number_in(std::string_view text) {
    std::uint64_t number = 0;
    std::from_chars(text.data(), text.data() + text.size(), number);
    return number;
}

std::vector<unsigned> cores_of_this_process() {
    cpu_set_t set;
    CPU_ZERO(&set);
    std::vector<unsigned> cores;
    if (sched_getaffinity(0, sizeof set, &set) == 0)
        for (unsigned core = 0; core < CPU_SETSIZE; ++core)
            if (CPU_ISSET(core, &set)) cores.push_back(core);
    return cores.empty() ? std::vector<unsigned>{0} : cores;
}

// Folders are called hugepages-2048kB and hold the number of free pages.
std::uint64_t free_hugepages_mib_under(const fs::path& folder) {
    constexpr std::string_view kPrefix = "hugepages-";
    std::uint64_t free_kib = 0;
    std::error_code missing;
    for (const auto& size : fs::directory_iterator(folder, missing)) {
        const std::string name = size.path().filename().string();
        if (!name.starts_with(kPrefix)) continue;
        free_kib += number_in(std::string_view(name).substr(kPrefix.size())) *
                    number_in(first_line_of(size.path() / "free_hugepages"));
    }
    return free_kib / 1024;
}

}  // namespace

Machine Machine::here() {
    Machine machine;
    machine.available_cores = cores_of_this_process();
    if (const auto isolated = parse_cores(first_line_of("/sys/devices/system/cpu/isolated")))
        machine.isolated_cores = *isolated;
    machine.free_hugepages_mib = free_hugepages_mib_under("/sys/kernel/mm/hugepages");
    return machine;
}

}  // namespace mdd::config
