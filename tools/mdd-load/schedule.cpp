// Laying out a cycle, and drawing lots for speakers.
#include "tools/mdd-load/schedule.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace mdd::load {
namespace {

constexpr double kCycle = 0x1p32;

std::vector<SlotIndex> shuffled(SlotIndex count, Random& random) {
    std::vector<SlotIndex> order(count);
    std::iota(order.begin(), order.end(), 0);
    for (SlotIndex i = count; i > 1; --i) std::swap(order[i - 1], order[random.below(i)]);
    return order;
}

// What a kind of media does in each second.
struct Rhythm {
    MediaKind kind;
    std::uint32_t frames_per_second;
    std::uint32_t packets_per_frame;
};

std::vector<Rhythm> rhythms_of(const Scenario& scenario) {
    std::vector<Rhythm> rhythms;
    if (scenario.audio.packets_per_second > 0)
        rhythms.push_back({MediaKind::audio, scenario.audio.packets_per_second, 1});
    if (scenario.video.frames_per_second > 0)
        rhythms.push_back(
            {MediaKind::video, scenario.video.frames_per_second, scenario.video.packets_per_frame});
    return rhythms;
}

}  // namespace

Schedule::Schedule(const Scenario& scenario, const Plan& plan) {
    const auto slots_per_conference = scenario.conferences.senders;
    const auto slots = scenario.conferences.count * slots_per_conference;
    const bool have_turns = scenario.talk_spurts.mean.count() > 0;
    const auto rhythms = rhythms_of(scenario);
    std::uint32_t cycles = 0;
    for (const auto& rhythm : rhythms) cycles = std::gcd(cycles, rhythm.frames_per_second);
    cycles_per_second_ = cycles;

    // Each slot has its own phase, evenly apart, so that one kind alone is an even stream.
    Random random(scenario.seed ^ 0x73636865);
    const auto order = shuffled(slots, random);
    for (SlotIndex rank = 0; rank < slots; ++rank) {
        const auto slot = order[rank];
        const auto conference = slot / slots_per_conference;
        const auto times = conference < scenario.greedy.conferences ? scenario.greedy.times : 1;
        for (const auto& rhythm : rhythms) {
            const auto member = slot % slots_per_conference;
            if (!have_turns && !plan.stream_of(plan.endpoint_of(conference, member), rhythm.kind))
                continue;
            const auto frames = rhythm.frames_per_second / cycles * times;
            for (std::uint32_t frame = 0; frame < frames; ++frame) {
                const double phase = (rank + 0.5) / slots;
                const auto at = static_cast<std::uint32_t>((frame + phase) / frames * kCycle);
                for (std::uint32_t i = 0; i < rhythm.packets_per_frame; ++i)
                    events_.push_back({at, slot, rhythm.kind, i + 1 == rhythm.packets_per_frame});
            }
        }
    }
    std::ranges::stable_sort(events_, {}, &Event::at);
}

Speakers::Speakers(const Scenario& scenario, const Plan& plan, std::uint64_t ticks_per_second)
    : plan_(plan),
      slots_per_conference_(scenario.conferences.senders),
      mean_(ticks_per_second / 1000 * static_cast<Tsc>(scenario.talk_spurts.mean.count())),
      random_(scenario.seed ^ 0x74616c6b),
      members_(plan.conferences() * slots_per_conference_),
      streams_(members_.size()),
      until_(members_.size()) {
    for (SlotIndex slot = 0; slot < members_.size(); ++slot)
        seat(slot, slot % slots_per_conference_);
}

void Speakers::seat(SlotIndex slot, std::uint32_t member) {
    members_[slot] = member;
    const auto endpoint = plan_.endpoint_of(slot / slots_per_conference_, member);
    for (const auto kind : {MediaKind::audio, MediaKind::video})
        streams_[slot][static_cast<std::size_t>(kind)] =
            plan_.stream_of(endpoint, kind).value_or(kNone);
}

// People's talk-spurts are about exponential (ITU-T P.59).
Tsc Speakers::spurt() {
    return static_cast<Tsc>(static_cast<double>(mean_) * -std::log(random_.share()));
}

void Speakers::poll(Tsc now) {
    constexpr SlotIndex kLookedAt = 64;
    if (mean_ == 0) return;
    for (SlotIndex i = 0; i < std::min<std::size_t>(kLookedAt, members_.size()); ++i) {
        const auto slot = next_;
        next_ = (next_ + 1) % static_cast<SlotIndex>(members_.size());
        if (now < until_[slot]) continue;
        const bool is_first = until_[slot] == 0;
        until_[slot] = now + spurt();
        if (is_first) continue;
        // One who is silent now; the one who talked may go on.
        const auto first = slot / slots_per_conference_ * slots_per_conference_;
        const auto talking = std::span(members_).subspan(first, slots_per_conference_);
        auto member = random_.below(plan_.members());
        while (member != members_[slot] && std::ranges::find(talking, member) != talking.end())
            member = (member + 1) % plan_.members();
        seat(slot, member);
    }
}

}  // namespace mdd::load
