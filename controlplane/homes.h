// Which NUMA node each worker is on: its tables and the keys it reads lie there. Asks no machine.
#pragma once

#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

#include "dataplane/srtp/hot_memory.h"
#include "dataplane/table.h"

namespace mdd::control {

class Homes {
  public:
    // By WorkerIndex.
    explicit Homes(std::vector<srtp::NumaNode> workers) : workers_(std::move(workers)) {
        for (const auto node : workers_)
            if (std::ranges::find(nodes_, node) == nodes_.end()) nodes_.push_back(node);
    }
    // Workers of a machine that has one node.
    static Homes on_one_node(unsigned workers) {
        return Homes(std::vector<srtp::NumaNode>(workers, srtp::kAnyNode));
    }

    unsigned workers() const { return static_cast<unsigned>(workers_.size()); }
    srtp::NumaNode of(WorkerIndex worker) const { return workers_[worker]; }
    // The nodes that have workers, each once.
    const std::vector<srtp::NumaNode>& nodes() const { return nodes_; }
    // Where the worker's node stands in nodes().
    std::size_t place_of(WorkerIndex worker) const {
        return static_cast<std::size_t>(std::ranges::find(nodes_, of(worker)) - nodes_.begin());
    }

  private:
    std::vector<srtp::NumaNode> workers_;
    std::vector<srtp::NumaNode> nodes_;
};

}  // namespace mdd::control
