// How many handshakes each MDD has under way, and whether it may begin another. Counts only.
#pragma once

#include <map>
#include <set>
#include <string>

#include "tools/mdd-kmf/state_record.h"

namespace mdd::kmf {

class HandshakeShare {
  public:
    // `most`: of all MDDs together.
    explicit HandshakeShare(std::size_t most) : most_(most) {}

    // No MDD has more than are left for the others: however many hellos come through one, another
    // still finds room, and one alone has half of all.
    bool has_room(const std::string& mdd) const {
        const auto its = of_.find(mdd);
        return under_way_.size() + (its == of_.end() ? 0 : its->second) < most_;
    }
    // Again and again is as good as once.
    void begun(const std::string& mdd, const AssociationKey& key) {
        if (under_way_.insert(key).second) ++of_[mdd];
    }
    void ended(const std::string& mdd, const AssociationKey& key) {
        if (under_way_.erase(key) > 0 && --of_[mdd] == 0) of_.erase(mdd);
    }

  private:
    std::size_t most_;
    std::set<AssociationKey> under_way_;
    std::map<std::string, std::size_t> of_;  // none: not in it
};

}  // namespace mdd::kmf
