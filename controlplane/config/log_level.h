// How much is logged, as mdd.toml and kmf.toml say it. The log itself: controlplane/log.h.
#pragma once

namespace mdd::config {

enum class LogLevel { trace, debug, info, warning, error };

}  // namespace mdd::config
