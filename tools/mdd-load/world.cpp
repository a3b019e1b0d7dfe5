// The comings and goings of the endpoints.
#include "tools/mdd-load/world.h"

#include "dataplane/srtp/kdf.h"
#include "tools/mdd-endpoint/ekt_tag.h"
#include "tools/mdd-load/random.h"

namespace mdd::load {
namespace {

constexpr std::uint8_t kAnnouncements = 3;
// A key must not start above this, or mdd and the receivers could guess another ROC.
constexpr std::uint32_t kFirstIndexes = 1u << 15;

std::uint16_t size_of(const Scenario& scenario, MediaKind kind) {
    return static_cast<std::uint16_t>(kind == MediaKind::audio ? scenario.audio.size_bytes
                                                               : scenario.video.size_bytes);
}

}  // namespace

World::World(const Scenario& scenario, const Bed& bed, const KeySource& keys)
    : scenario_(scenario),
      plan_(scenario, bed),
      keys_(keys),
      mdd_{net::to_be(bed.mdd.address.address), net::to_be(bed.mdd.address.port)},
      endpoints_(plan_.endpoints()),
      streams_(plan_.streams()),
      legs_(plan_.legs()),
      present_(plan_.conferences()),
      traffic_(plan_.endpoints()),
      packets_in_(plan_.conferences()) {
    for (StreamIndex i = 0; i < plan_.streams(); ++i) {
        auto& stream = streams_[i];
        stream.ssrc = plan_.ssrc_of(i);
        stream.sender = plan_.sender_of(i);
        stream.kind = plan_.kind_of(i);
        stream.payload_type = stream.kind == MediaKind::audio ? scenario.audio.payload_type
                                                              : scenario.video.payload_type;
        stream.size_bytes = size_of(scenario, stream.kind);
    }
}

void World::set_link(const net::MacAddress& ours, const net::MacAddress& next_hop) {
    headers_.clear();
    headers_.reserve(plan_.endpoints());
    for (EndpointIndex i = 0; i < plan_.endpoints(); ++i)
        headers_.push_back(net::make_header_template(ours, next_hop, plan_.address_of(i), mdd_));
}

void World::start_streams(EndpointIndex endpoint) {
    for (const auto kind : {MediaKind::audio, MediaKind::video}) {
        const auto index = plan_.stream_of(endpoint, kind);
        if (!index) continue;
        auto& stream = streams_[*index];
        ++stream.run;
        const auto start = mixed(scenario_.seed ^ (std::uint64_t{stream.run} << 32 | *index));
        stream.next_index = start % kFirstIndexes;
        stream.timestamp = static_cast<std::uint32_t>(start >> 32);
        const auto session = srtp::derive_session_keys(
            keys_.profile(), keys_.inner_key(*index, plan_.conference_of(endpoint),
                                             endpoints_[endpoint].generation));
        const auto key_bytes = srtp::traits_of(keys_.profile()).hop_key_bytes;
        stream.inner = std::make_unique<const srtp::AeadKey>(session.rtp_key.first(key_bytes),
                                                             session.rtp_salt.bytes());
        stream.repeated.clear();
        stream.announcements = kAnnouncements;
        stream.until_full_tag = 0;
        make_full_tag(*index);
    }
}

void World::make_full_tag(StreamIndex index) {
    auto& stream = streams_[index];
    const auto conference = plan_.conference_of(stream.sender);
    const auto key_bytes = srtp::traits_of(keys_.profile()).hop_key_bytes;
    const auto master =
        keys_.inner_key(index, conference, endpoints_[stream.sender].inner_generation);
    stream.tag_roc = static_cast<std::uint32_t>(stream.next_index >> 16);
    // Each start has a key of its own, and receivers want a higher epoch for it (RFC 8870 §4.1).
    stream.full_tag =
        endpoint::build_full_tag(keys_.ekt_key(conference), static_cast<std::uint16_t>(stream.run),
                                 master.key.first(key_bytes), stream.ssrc, stream.tag_roc);
}

void World::begin(EndpointIndex index, const srtp::HopKeys& hop) {
    auto& endpoint = endpoints_[index];
    endpoint.receive_before = std::move(endpoint.receive);
    endpoint.receive = srtp::make_keyset(hop.profile, hop.server_write, endpoint.generation);
    auto& presence = endpoint.presence;
    if (!presence.is_now()) presence = {kNever, kNever, presence.from, presence.until};
    if (endpoint.is_inside) return;
    ++endpoint.joins;
    endpoint.rtcp_index = 0;
    endpoint.inner_generation = endpoint.generation;
    start_streams(index);
}

void World::complete(EndpointIndex index, const srtp::HopKeys& hop, Tsc now) {
    auto& endpoint = endpoints_[index];
    endpoint.send = srtp::make_keyset(hop.profile, hop.client_write, endpoint.generation);
    endpoint.keyed_at = now;
    endpoint.is_inside = true;
    if (endpoint.presence.is_now()) return;
    endpoint.presence.from = now;
    const auto conference = plan_.conference_of(index);
    traffic_[index].owed_since = packets_in_[conference];
    ++present_[conference];
}

void World::begin_handshake(EndpointIndex index) {
    const auto generation = ++endpoints_[index].generation;
    begin(index, keys_.hop_keys(index, generation));
}

void World::complete_handshake(EndpointIndex index, Tsc now) {
    complete(index, keys_.hop_keys(index, endpoints_[index].generation), now);
}

void World::install(EndpointIndex index, const srtp::HopKeys& keys, Tsc now) {
    ++endpoints_[index].generation;
    begin(index, keys);
    complete(index, keys, now);
}

void World::leave(EndpointIndex index, Tsc now) {
    pause(index, now);
    endpoints_[index].is_inside = false;
}

void World::pause(EndpointIndex index, Tsc now) {
    auto& presence = endpoints_[index].presence;
    if (!presence.is_now()) return;
    presence.until = now;
    const auto conference = plan_.conference_of(index);
    auto& traffic = traffic_[index];
    traffic.under_way += static_cast<std::int64_t>(packets_in_[conference] - traffic.owed_since);
    --present_[conference];
}

void World::note_sent(EndpointIndex sender) {
    const auto conference = plan_.conference_of(sender);
    ++packets_in_[conference];
    // One for each other, and none for itself, though it is one more of the conference.
    traffic_[sender].under_way += std::int64_t{present_[conference]} - 2;
}

void World::note_arrived(EndpointIndex sender, EndpointIndex receiver) {
    --traffic_[sender].under_way;
    --traffic_[receiver].under_way;
}

std::int64_t World::under_way(EndpointIndex index) const {
    const auto& traffic = traffic_[index];
    const auto owed_now =
        is_present(index) ? packets_in_[plan_.conference_of(index)] - traffic.owed_since : 0;
    return traffic.under_way + static_cast<std::int64_t>(owed_now);
}

void World::forget_under_way() {
    for (EndpointIndex i = 0; i < traffic_.size(); ++i)
        traffic_[i] = {.owed_since = packets_in_[plan_.conference_of(i)]};
}

}  // namespace mdd::load
