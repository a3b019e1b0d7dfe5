// A search as a picture: what its trials lost and let through, and latencies. Decides nothing.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tools/mdd-load/search.h"

namespace mdd::load {

// SVG that a browser shows as it is. Any results will do, also none.
std::string search_picture(std::string_view title, const std::vector<Found>& found,
                           const std::vector<TrialNote>& trials);

}  // namespace mdd::load
