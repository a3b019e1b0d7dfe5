// Reads configuration texts in tests: a fixed machine, and a folder with identity files where a
// test needs them.
#pragma once

#include <stdlib.h>
#include <sys/stat.h>
#include <fstream>
#include <sstream>
#include <string>

#include "controlplane/config/mdd_config.h"

namespace mdd::test {

// Eight cores, none isolated, no hugepages: computed defaults come out the same everywhere.
inline config::Machine eight_cores() {
    return {{0, 1, 2, 3, 4, 5, 6, 7}, {}, 0};
}

inline std::string content_of(const std::filesystem::path& path) {
    std::ifstream file(path);
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

inline void write_file(const std::filesystem::path& path, const std::string& text, mode_t mode) {
    std::ofstream(path) << text;
    ::chmod(path.c_str(), mode);
}

// A folder that goes away with the object.
class Folder {
  public:
    Folder() {
        std::string name = (std::filesystem::temp_directory_path() / "mdd-config-XXXXXX").string();
        path_ = ::mkdtemp(name.data());
    }
    ~Folder() { std::filesystem::remove_all(path_); }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;
    const std::filesystem::path& path() const { return path_; }

  private:
    std::filesystem::path path_;
};

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
