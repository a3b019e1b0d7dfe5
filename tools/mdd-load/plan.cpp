// The arithmetic behind plan.h.
#include "tools/mdd-load/plan.h"

#include <algorithm>

#include "dataplane/srtp/bytes.h"
#include "tools/mdd-load/random.h"

namespace mdd::load {

Plan::Plan(const Scenario& scenario, const Bed& bed)
    : conferences_(scenario.conferences.count),
      members_(scenario.conferences.members),
      senders_(scenario.talk_spurts.mean.count() > 0 ? scenario.conferences.members
                                                     : scenario.conferences.senders),
      kinds_((scenario.audio.packets_per_second > 0 ? 1u : 0u) +
             (scenario.video.frames_per_second > 0 ? 1u : 0u)),
      has_audio_(scenario.audio.packets_per_second > 0),
      has_video_(scenario.video.frames_per_second > 0),
      video_percent_(scenario.video.share_percent),
      ssrc_base_(static_cast<std::uint32_t>(mixed(scenario.seed))),
      seed_(scenario.seed),
      first_address_(bed.endpoints.first.address),
      first_port_(bed.endpoints.first_port),
      ports_per_address_(bed.endpoints.ports_per_address) {}

tunnel::ConferenceId Plan::conference_id(ConferenceIndex conference) const {
    tunnel::ConferenceId id;
    srtp::store_be32(id.bytes.data(), 0x6c6f6164);  // "load"
    srtp::store_be32(id.bytes.data() + 4, static_cast<std::uint32_t>(seed_ >> 32));
    srtp::store_be32(id.bytes.data() + 8, static_cast<std::uint32_t>(seed_));
    srtp::store_be32(id.bytes.data() + 12, conference);
    return id;
}

net::SocketAddress Plan::address_of(EndpointIndex endpoint) const {
    return {net::to_be(first_address_ + endpoint / ports_per_address_),
            net::to_be(static_cast<std::uint16_t>(first_port_ + endpoint % ports_per_address_))};
}

bool Plan::has_video(EndpointIndex endpoint) const {
    return has_video_ && mixed(seed_ ^ (std::uint64_t{endpoint} << 32)) % 100 < video_percent_;
}

std::optional<StreamIndex> Plan::stream_of(EndpointIndex endpoint, MediaKind kind) const {
    const auto member = member_of(endpoint);
    if (member >= senders_) return std::nullopt;
    const auto first = (conference_of(endpoint) * senders_ + member) * kinds_;
    if (kind == MediaKind::audio) return has_audio_ ? std::optional(first) : std::nullopt;
    return has_video(endpoint) ? std::optional(first + kinds_ - 1) : std::nullopt;
}

}  // namespace mdd::load
