// Names and numbers that follow from a scenario and a bed: conferences, endpoints, addresses,
// streams, legs. Arithmetic on indices; holds no key and no state.
#pragma once

#include <cstdint>
#include <optional>

#include "dataplane/net/address.h"
#include "kmf-tunnel/ids.h"
#include "tools/mdd-load/bed.h"

namespace mdd::load {

// Endpoints of all conferences are numbered through: those of conference c are c * members to (c +
// 1) * members - 1.
using EndpointIndex = std::uint32_t;
using ConferenceIndex = std::uint32_t;
// Streams likewise: those of an endpoint are neighbours, audio first.
using StreamIndex = std::uint32_t;
using LegIndex = std::uint64_t;

enum class MediaKind : std::uint8_t { audio, video };

// One thread or many: nothing changes after construction.
class Plan {
  public:
    // Precondition: misfits(scenario, bed) is empty.
    Plan(const Scenario& scenario, const Bed& bed);

    std::uint32_t conferences() const { return conferences_; }
    std::uint32_t members() const { return members_; }  // of a conference
    std::uint32_t endpoints() const { return conferences_ * members_; }
    std::uint32_t streams() const { return conferences_ * senders_ * kinds_; }
    // One for each stream and member of its conference; the stream's own endpoint has one too,
    // which nothing uses, so that legs are found without a search.
    LegIndex legs() const { return LegIndex{streams()} * members_; }

    ConferenceIndex conference_of(EndpointIndex endpoint) const { return endpoint / members_; }
    std::uint32_t member_of(EndpointIndex endpoint) const { return endpoint % members_; }
    EndpointIndex endpoint_of(ConferenceIndex conference, std::uint32_t member) const {
        return conference * members_ + member;
    }
    tunnel::ConferenceId conference_id(ConferenceIndex conference) const;

    net::SocketAddress address_of(EndpointIndex endpoint) const;
    // nullopt: nobody's.
    std::optional<EndpointIndex> endpoint_at(const net::SocketAddress& address) const {
        const auto behind = net::from_be(address.ip) - first_address_;
        const auto port = static_cast<std::uint32_t>(net::from_be(address.port)) - first_port_;
        if (port >= ports_per_address_) return std::nullopt;
        const auto endpoint = std::uint64_t{behind} * ports_per_address_ + port;
        if (endpoint >= endpoints()) return std::nullopt;
        return static_cast<EndpointIndex>(endpoint);
    }
    // ARP: one of the endpoints has this address.
    bool is_ours(net::Be32 address) const {
        return endpoint_at({address, net::to_be(static_cast<std::uint16_t>(first_port_))})
            .has_value();
    }

    // How many members of a conference may ever send: they come first.
    std::uint32_t possible_senders() const { return senders_; }
    // nullopt: it never sends that.
    std::optional<StreamIndex> stream_of(EndpointIndex endpoint, MediaKind kind) const;
    EndpointIndex sender_of(StreamIndex stream) const {
        const auto sender = stream / kinds_;
        return endpoint_of(sender / senders_, sender % senders_);
    }
    MediaKind kind_of(StreamIndex stream) const {
        return stream % kinds_ == 0 && has_audio_ ? MediaKind::audio : MediaKind::video;
    }
    LegIndex leg_of(StreamIndex stream, std::uint32_t member) const {
        return LegIndex{stream} * members_ + member;
    }
    // The numbers of streams go through a bijection, so that SSRCs look like any others.
    std::uint32_t ssrc_of(StreamIndex stream) const { return (stream + ssrc_base_) * kSsrcFactor; }
    std::optional<StreamIndex> stream_with(std::uint32_t ssrc) const {
        const StreamIndex stream = ssrc * kSsrcInverse - ssrc_base_;
        if (stream >= streams()) return std::nullopt;
        return stream;
    }
    // An SSRC of an endpoint's own that carries RTCP only.
    std::uint32_t report_ssrc_of(EndpointIndex endpoint) const {
        return (streams() + endpoint + ssrc_base_) * kSsrcFactor;
    }

  private:
    static constexpr std::uint32_t kSsrcFactor = 0x9e3779b1;
    static constexpr std::uint32_t kSsrcInverse = 0x0e8b2f51;

    static_assert(kSsrcFactor * kSsrcInverse == 1);

    bool has_video(EndpointIndex endpoint) const;

    std::uint32_t conferences_, members_, senders_, kinds_;
    bool has_audio_;
    bool has_video_;
    std::uint32_t video_percent_;
    std::uint32_t ssrc_base_;
    std::uint64_t seed_;
    std::uint32_t first_address_, first_port_, ports_per_address_;
};

}  // namespace mdd::load
