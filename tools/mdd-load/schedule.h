// In which order senders' packets are due, over and over, and who sends in which place: the shape
// of the traffic without its speed. Times are shares of a cycle.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "tools/mdd-load/random.h"
#include "tools/mdd-load/world.h"

namespace mdd::load {

// A place for one sender of a conference; talk-spurts change who is in it.
using SlotIndex = std::uint32_t;

struct Event {
    std::uint32_t at = 0;  // 2^-32 of a cycle
    SlotIndex slot = 0;
    MediaKind kind = MediaKind::audio;
    bool ends_frame = true;
};

// Nothing changes after construction.
class Schedule {
  public:
    explicit Schedule(const Scenario& scenario, const Plan& plan);

    const std::vector<Event>& events() const { return events_; }
    // What the scenario's own speed is.
    double cycles_per_second() const { return cycles_per_second_; }
    double packets_per_second() const {
        return cycles_per_second_ * static_cast<double>(events_.size());
    }

  private:
    std::vector<Event> events_;  // in order of time; never empty
    double cycles_per_second_ = 0;
};

// Who is in which slot. One thread, that of the world.
class Speakers {
  public:
    Speakers(const Scenario& scenario, const Plan& plan, std::uint64_t ticks_per_second);

    // nullopt: this sender has no such stream.
    std::optional<StreamIndex> stream_in(SlotIndex slot, MediaKind kind) const {
        const auto stream = streams_[slot][static_cast<std::size_t>(kind)];
        return stream == kNone ? std::nullopt : std::optional(stream);
    }
    // Lets those talk whose turn it is. Looks at some slots in each call, so that no call is long.
    void poll(Tsc now);

  private:
    static constexpr StreamIndex kNone = ~StreamIndex{0};

    void seat(SlotIndex slot, std::uint32_t member);
    Tsc spurt();

    const Plan& plan_;
    const std::uint32_t slots_per_conference_;
    const Tsc mean_;  // 0: nobody ever changes
    Random random_;
    std::vector<std::uint32_t> members_;               // by slot
    std::vector<std::array<StreamIndex, 2>> streams_;  // by slot and kind
    std::vector<Tsc> until_;                           // by slot; 0: not begun
    SlotIndex next_ = 0;
};

}  // namespace mdd::load
