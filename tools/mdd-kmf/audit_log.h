// The audit: one line of JSON for each decision, in a file that is only ever appended to. Never a
// key.
#pragma once

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string_view>

#include <nlohmann/json_fwd.hpp>

#include "tools/mdd-kmf/notice.h"

namespace mdd::kmf {

class AuditLog {
  public:
    // Throws std::runtime_error, a full sentence, when the file cannot be opened. A new one is for
    // its owner alone.
    explicit AuditLog(std::filesystem::path file);

    // Opens the file anew, for who has moved it away. False: that failed, and the old one stays.
    bool reopen();

    // `event` is one of join, refuse, leave, put_out, rekey, restore, reload, tunnel_up,
    // tunnel_down, start, stop. False: it could not be written.
    bool write(std::chrono::system_clock::time_point at, std::string_view event,
               const nlohmann::json& facts);
    // What of a notice is a decision; nothing happens for the rest.
    bool write(std::chrono::system_clock::time_point at, const Notice& notice);

  private:
    struct Close {
        void operator()(std::FILE* file) const { std::fclose(file); }
    };
    std::filesystem::path file_;
    std::unique_ptr<std::FILE, Close> out_;
};

}  // namespace mdd::kmf
