// The name of this machine's processor, for rows of results. Says nothing of what it can do.
#pragma once

#include <string>

namespace mdd::load {

// As the kernel tells it of the first processor, "AMD EPYC 9B14"; "unknown" where it does not.
std::string cpu_name();

}  // namespace mdd::load
