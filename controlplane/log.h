// The log of the control side: spdlog's default logger on stderr or in the journal. Never keys,
// never from a poll core.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "controlplane/config/log_level.h"

namespace mdd::control {

// Makes spdlog::info() and its sisters write to stderr: time, level, `name` of the program or part,
// text. Where systemd gave us stderr as the journal, a line has sd-daemon's "<N>" in front instead
// of time and level. Control characters in the text become '?', because peers choose some of it: a
// line cannot be forged. Callable again with another level. Control thread; logging itself may come
// from any thread that may block.
void start_log(const std::string& name, config::LogLevel least);

// The first four bytes in hexadecimal: enough to tell associations and conferences apart in a log.
// For identifiers only; key material has no business here, not even shortened.
std::string short_id(std::span<const std::uint8_t> id);

}  // namespace mdd::control
