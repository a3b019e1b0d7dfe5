// When the next packet of a schedule is due at a given speed: an open loop that waits for nobody. A
// sender that falls behind for longer than a moment is not made to catch up in a burst; the time
// that it lost is told.
#pragma once

#include <algorithm>
#include <cstdint>

#include "tools/mdd-load/schedule.h"

namespace mdd::load {

class Pacer {
  public:
    // Later than this, and than `catch_up`, is behind schedule.
    static constexpr double kSlack_seconds = 0.0005;

    // Precondition: packets_per_second > 0.
    Pacer(const Schedule& schedule, double packets_per_second, std::uint64_t ticks_per_second,
          Tsc start, Tsc catch_up)
        : events_(schedule.events()),
          slack_(std::max(
              catch_up, static_cast<Tsc>(kSlack_seconds * static_cast<double>(ticks_per_second)))),
          cycle_ticks_(static_cast<double>(ticks_per_second) * static_cast<double>(events_.size()) /
                       packets_per_second),
          cycle_start_(start) {}

    // The next event, if it is due; nullptr otherwise. Each is given once.
    const Event* next(Tsc now) {
        const auto& event = events_[position_];
        const auto due = due_at(event);
        if (now < due) return nullptr;
        // A double holds such times to less than a microsecond for days.
        if (const auto late = now - due; late > slack_) slip(late);
        if (++position_ == events_.size()) {
            position_ = 0;
            cycle_start_ += cycle_ticks_;
        }
        ++given_;
        return &event;
    }

    // The event so many behind the next one, for those who want to look at it early.
    const Event& ahead(std::size_t count) const {
        auto position = position_ + count;
        while (position >= events_.size()) position -= events_.size();
        return events_[position];
    }

    std::uint64_t given() const { return given_; }
    // How much longer the schedule has become because nobody came for what was due.
    Tsc slipped() const { return slipped_; }

  private:
    Tsc due_at(const Event& event) const {
        return static_cast<Tsc>(cycle_start_ + event.at * 0x1p-32 * cycle_ticks_);
    }
    void slip(Tsc late) {
        slipped_ += late;
        cycle_start_ += static_cast<double>(late);
    }

    const std::vector<Event>& events_;
    const Tsc slack_;
    const double cycle_ticks_;
    double cycle_start_;
    std::size_t position_ = 0;
    std::uint64_t given_ = 0;
    Tsc slipped_ = 0;
};

}  // namespace mdd::load
