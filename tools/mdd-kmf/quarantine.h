// Associations that ended a short while ago: what comes late for them is not a new beginning. Ids
// and times only.
#pragma once

#include <chrono>
#include <deque>
#include <set>
#include <utility>

#include "kmf-tunnel/ids.h"

namespace mdd::kmf {

class Quarantine {
  public:
    using TimePoint = std::chrono::steady_clock::time_point;

    void add(const tunnel::AssociationId& id, TimePoint now) {
        if (!ids_.insert(id).second) return;
        order_.emplace_back(now + kTime, id);
        if (order_.size() > kMost) drop_oldest();
    }
    bool holds(const tunnel::AssociationId& id, TimePoint now) {
        while (!order_.empty() && order_.front().first <= now) drop_oldest();
        return ids_.contains(id);
    }

  private:
    // As the first TLS draft of the tunnel named it; RFC 9185 leaves it open.
    static constexpr std::chrono::minutes kTime{5};
    static constexpr std::size_t kMost = 65'536;

    void drop_oldest() {
        ids_.erase(order_.front().second);
        order_.pop_front();
    }

    std::set<tunnel::AssociationId> ids_;
    std::deque<std::pair<TimePoint, tunnel::AssociationId>> order_;
};

}  // namespace mdd::kmf
