// Association ids that have ended: what a KMF still says of one is late, and it must never be used
// again (RFC 9185 §5.3 wants a fresh one each time). Pure.
#pragma once

#include <deque>
#include <unordered_set>

#include "controlplane/clock.h"
#include "kmf-tunnel/ids.h"

namespace mdd::control {

class Quarantine {
  public:
    static constexpr std::chrono::minutes kFor{5};
    static constexpr std::size_t kCapacity = 1 << 18;  // the oldest go before their time

    void add(const tunnel::AssociationId& id, TimePoint now) {
        forget_old(now);
        if (ids_.insert(id).second) order_.push_back({id, now});
    }
    bool contains(const tunnel::AssociationId& id) const { return ids_.contains(id); }
    void forget_old(TimePoint now) {
        while (!order_.empty() &&
               (now - order_.front().since >= kFor || order_.size() >= kCapacity)) {
            ids_.erase(order_.front().id);
            order_.pop_front();
        }
    }
    std::size_t size() const { return ids_.size(); }

  private:
    struct Entry {
        tunnel::AssociationId id;
        TimePoint since;
    };
    std::unordered_set<tunnel::AssociationId> ids_;
    std::deque<Entry> order_;  // oldest first
};

}  // namespace mdd::control
