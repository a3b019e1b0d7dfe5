// The least busy worker, where no port has decided.
#include "controlplane/owners.h"

#include <algorithm>

namespace mdd::control {

WorkerIndex Owners::choose(bool port_spreads_flows, WorkerIndex first, std::size_t members) {
    auto owner = first;
    if (!port_spreads_flows) {
        const auto least = std::ranges::min_element(copies_);
        if (*least < copies_[first]) owner = static_cast<WorkerIndex>(least - copies_.begin());
    }
    // One packet opened, and one sealed for everybody else.
    copies_[owner] += members;
    return owner;
}

}  // namespace mdd::control
