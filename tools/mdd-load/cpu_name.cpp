// From /proc/cpuinfo.
#include "tools/mdd-load/cpu_name.h"

#include <fstream>

namespace mdd::load {

std::string cpu_name() {
    std::ifstream info("/proc/cpuinfo");
    for (std::string line; std::getline(info, line);)
        if (line.starts_with("model name")) return line.substr(line.find(':') + 2);
    return "unknown";
}

}  // namespace mdd::load
