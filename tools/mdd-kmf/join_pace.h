// How often an endpoint may join a conference: each time costs everybody in it a new key, and one
// of 65,536 SPIs. Times only.
#pragma once

#include <algorithm>
#include <chrono>
#include <map>
#include <utility>

#include "tools/mdd-kmf/conference_keys.h"
#include "tools/mdd-kmf/roster.h"

namespace mdd::kmf {

class JoinPace {
  public:
    using Who = std::pair<tunnel::ConferenceId, dtls::Fingerprint>;

    // `at_once` joins in a row, and one more in each `interval`.
    JoinPace(unsigned at_once, std::chrono::milliseconds interval)
        : at_once_(at_once), interval_(interval) {}

    // False: too soon. That does not count as a join.
    bool admit(const Who& who, TimePoint now) {
        auto& rested_at = rested_at_[who];
        const auto from = std::max(rested_at, now);
        if (from - now > (at_once_ - 1) * interval_) return false;
        rested_at = from + interval_;
        return true;
    }
    // Forgets those who may join `at_once` times again.
    void forget_rested(TimePoint now) {
        std::erase_if(rested_at_, [&](const auto& one) { return one.second <= now; });
    }

  private:
    unsigned at_once_;
    std::chrono::milliseconds interval_;
    std::map<Who, TimePoint> rested_at_;
};

}  // namespace mdd::kmf
