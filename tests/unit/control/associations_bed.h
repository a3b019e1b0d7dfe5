// Control, KMFs and workers, for tests of associations in either dialect.
#pragma once

#include <algorithm>

#include "tests/unit/control/control_bed.h"
#include "tests/unit/control/dtls_datagrams.h"

namespace mdd::test {

class AssociationsBed : public ControlBed {
  protected:
    void speak(tunnel::Dialect dialect, std::size_t count = 1) {
        kmf_plans.resize(count);
        for (auto& plan : kmf_plans) plan.link.dialect = dialect;
    }
    static bool is_disconnect(const tunnel::Message& message) {
        return std::holds_alternative<tunnel::Disconnect>(message.body);
    }
    std::vector<tunnel::AssociationId> disconnects(std::size_t kmf) const {
        std::vector<tunnel::AssociationId> ids;
        for (const auto& message : kmfs[kmf]->messages)
            if (is_disconnect(message)) ids.push_back(message.association);
        return ids;
    }
    std::uint64_t refused(control::KeyRefusal why) const {
        return statistics().key_refusals[static_cast<std::size_t>(why)];
    }
};

}  // namespace mdd::test
