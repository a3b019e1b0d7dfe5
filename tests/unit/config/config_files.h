// Reads configuration texts in tests: a fixed machine, and a folder with identity files where a
// test needs them.
#pragma once

#include <sys/stat.h>
#include <fstream>
#include <sstream>
#include <string>

#include "controlplane/config/mdd_config.h"
#include "tests/support/folder.h"

namespace mdd::test {

// Eight cores, none isolated, no hugepages: computed defaults come out the same everywhere.
inline config::Machine eight_cores() {
    return {{0, 1, 2, 3, 4, 5, 6, 7}, {}, 0};
}

inline void write_file(const std::filesystem::path& path, const std::string& text, mode_t mode) {
    std::ofstream(path) << text;
    ::chmod(path.c_str(), mode);
}

// The configuration in `text`, whose files are not looked at.
inline std::variant<config::MddConfig, config::ConfigErrors> parse(const std::string& text) {
    return config::parse_mdd_config(text, "mdd.toml", {.folder = "/etc/mdd", .check_files = false},
                                    eight_cores());
}

inline std::string printed(const config::ConfigErrors& errors) {
    std::ostringstream out;
    errors.print(out);
    return out.str();
}

// What is wrong with a text, or "" when nothing is.
inline std::string errors_in(const std::string& text) {
    const auto loaded = parse(text);
    const auto* errors = std::get_if<config::ConfigErrors>(&loaded);
    return errors ? printed(*errors) : std::string{};
}

}  // namespace mdd::test
