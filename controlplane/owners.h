// Which worker an endpoint belongs to from its first admission on. Pure; posts nothing, and never
// takes an endpoint back: a seat is for the endpoint's life (ownership law 1).
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "dataplane/table.h"

namespace mdd::control {

class Owners {
  public:
    explicit Owners(unsigned workers) : copies_(workers) {}

    // The owner of an endpoint of a conference with `members` seats, whose first packet came to
    // worker `first`. Where the port has spread it, that is the one. Where it has not, it is the
    // worker whose endpoints have the fewest copies to be made, `first` before the others, then
    // the lowest index.
    WorkerIndex choose(bool port_spreads_flows, WorkerIndex first, std::size_t members);

  private:
    // By worker: for each packet of each of its endpoints, what is opened and what is sealed. Those
    // who have left count on, since they come back to the same worker.
    std::vector<std::uint64_t> copies_;
};

}  // namespace mdd::control
