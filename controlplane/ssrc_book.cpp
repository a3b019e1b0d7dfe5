// SSRC ownership of one conference.
#include "controlplane/ssrc_book.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace mdd::control {

SsrcBook::SsrcBook(std::size_t members, std::size_t live_cap)
    : live_cap_(live_cap),
      owned_cap_(
          std::max(kRestarts * live_cap, kPerConference / std::max<std::size_t>(members, 1))),
      live_(members),
      owned_(members) {}

SsrcAnswer SsrcBook::ask(MemberSlot who, std::uint32_t ssrc, std::uint64_t epoch) {
    const auto refuse = [](srtp::Verdict why) { return SsrcAnswer{why, nullptr, false}; };
    const auto found = entries_.find(ssrc);
    if (found != entries_.end()) {
        auto& entry = found->second;
        if (entry.owner != who) return refuse(srtp::Verdict::ssrc_owned);
        if (!entry.live && live_[who] >= live_cap_) return refuse(srtp::Verdict::ssrc_cap);
        if (!std::exchange(entry.live, true)) ++live_[who];
        entry.epoch = epoch;
        return {srtp::Verdict::accepted, entry.stream.get(), false};
    }
    // Whoever restarts with other SSRCs again and again uses up its own room, not everybody's.
    if (live_[who] >= live_cap_ || owned_[who] >= owned_cap_ || entries_.size() >= kPerConference)
        return refuse(srtp::Verdict::ssrc_cap);
    auto& entry = entries_[ssrc];
    entry = {who, true, epoch, 0, std::make_unique<Stream>(ssrc, live_.size())};
    ++live_[who];
    ++owned_[who];
    return {srtp::Verdict::accepted, entry.stream.get(), true};
}

void SsrcBook::park(MemberSlot who, std::uint32_t key_start) {
    park_older(who, std::numeric_limits<std::uint64_t>::max(), key_start);
}

void SsrcBook::park_older(MemberSlot who, std::uint64_t epoch, std::uint32_t key_start) {
    for (auto& [ssrc, entry] : entries_) {
        if (entry.owner != who || !entry.live || entry.epoch >= epoch) continue;
        entry.live = false;
        entry.key_start = key_start;
        --live_[who];
    }
}

std::vector<std::shared_ptr<const Stream>> SsrcBook::forget(std::uint32_t oldest_key_start) {
    std::vector<std::shared_ptr<const Stream>> gone;
    for (auto at = entries_.begin(); at != entries_.end();) {
        auto& entry = at->second;
        if (entry.live || entry.key_start >= oldest_key_start) {
            ++at;
            continue;
        }
        gone.push_back(std::move(entry.stream));
        --owned_[entry.owner];
        at = entries_.erase(at);
    }
    return gone;
}

Stream* SsrcBook::find(MemberSlot who, std::uint32_t ssrc) const {
    const auto found = entries_.find(ssrc);
    if (found == entries_.end() || found->second.owner != who) return nullptr;
    return found->second.stream.get();
}

}  // namespace mdd::control
