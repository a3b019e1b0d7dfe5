// What mdd-load does: conferences, media, joins and what else happens, as plain values from a TOML
// file. Where it does it is bed.h, what follows from both world.h.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "controlplane/config/descriptor.h"
#include "dataplane/srtp/profile.h"

namespace mdd::load {

using std::chrono::milliseconds;

// sealed: each packet has a fresh end-to-end layer, as from an endpoint. repeated: each stream's is
// sealed once and sent again in every packet, which no endpoint could open and no device can tell;
// for machines on which the generator would be the limit.
enum class Inner { sealed, repeated };

struct ConferencesSection {
    std::uint32_t count = 0;
    std::uint32_t members = 0;  // of each conference
    std::uint32_t senders = 0;  // of them, at any time
    srtp::Profile profile = srtp::Profile::double_aes_128_gcm;
    Inner inner = Inner::sealed;
};

// One audio stream of each sender; packets_per_second 0: none.
struct AudioSection {
    std::uint32_t packets_per_second = 0;
    std::uint32_t size_bytes = 0;  // what the outer layer seals: media, inner tag and OHB
    std::uint8_t payload_type = 0;
};

// One video stream of each sender that has video; frames_per_second 0: none. A frame's packets are
// due together.
struct VideoSection {
    std::uint32_t frames_per_second = 0;
    std::uint32_t packets_per_frame = 0;
    std::uint32_t size_bytes = 0;
    std::uint8_t payload_type = 0;
    std::uint32_t share_percent = 0;  // of the members that have video
};

struct RtcpSection {
    milliseconds interval{};  // between two compounds of an endpoint; 0: none
};

struct TalkSpurtsSection {
    milliseconds mean{};  // how long a member is among the senders; 0: for ever
};

struct JoinsSection {
    std::uint32_t per_second = 0;  // at the start
    milliseconds again{};          // until a hello without an answer is sent again
};

struct ChurnSection {
    std::uint32_t per_second = 0;  // endpoints that leave and come back
    milliseconds away{};
};

struct StormSection {
    std::uint32_t per_second = 0;  // endpoints in the call that shake hands anew
};

// The first conferences send so many times as much as the others.
struct GreedySection {
    std::uint32_t conferences = 0;
    std::uint32_t times = 0;
};

// A stream's first three packets under a key have a full EKT tag in any case.
struct EktSection {
    std::uint32_t full_tag_every = 0;  // packets; 0: only those
};

// Packets beside the media that mdd has to drop, in percent of the media packets.
struct HostileSection {
    std::uint32_t bad_tags_percent = 0;   // copies of media packets, with a damaged tag
    std::uint32_t strangers_percent = 0;  // copies from an address that is nobody's
};

struct Scenario {
    std::uint64_t seed = 0;
    ConferencesSection conferences;
    AudioSection audio;
    VideoSection video;
    RtcpSection rtcp;
    TalkSpurtsSection talk_spurts;
    JoinsSection joins;
    ChurnSection churn;
    StormSection storm;
    GreedySection greedy;
    HostileSection hostile;
    EktSection ekt;
};

// The table behind a scenario file.
const config::Schema<Scenario>& scenario_schema();

// A scenario, or every error found. Never throws for what a file says.
std::variant<Scenario, config::ConfigErrors> load_scenario(const std::filesystem::path& path);
std::variant<Scenario, config::ConfigErrors> parse_scenario(std::string_view text,
                                                            std::string file_name);

}  // namespace mdd::load
