// Notices as lines of the log.
#pragma once

#include "tools/mdd-kmf/notice.h"

namespace mdd::kmf {

void log(const Notice& notice);

}  // namespace mdd::kmf
