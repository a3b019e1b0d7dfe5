// The table of the scenario, and what no single key of its file shows.
#include "tools/mdd-load/scenario.h"

#include <fmt/format.h>

namespace mdd::load {
namespace {

using namespace config;
using std::chrono::hours;
using std::chrono::seconds;

// Inner tag and OHB; then media enough to tell packets apart.
constexpr std::uint32_t kLeastSize_bytes = srtp::kTagBytes + 1 + 16;
constexpr std::uint32_t kMostSize_bytes = 1380;
constexpr std::uint32_t kMostConferences = 1'000'000;

Kind<srtp::Profile> double_profile() {
    std::vector<std::pair<std::string, srtp::Profile>> words;
    for (const auto profile :
         {srtp::Profile::double_aes_128_gcm, srtp::Profile::double_aes_256_gcm})
        words.emplace_back(srtp::traits_of(profile).name, profile);
    return choice<srtp::Profile>(std::move(words));
}

Kind<std::uint32_t> size() {
    return integer<std::uint32_t>(kLeastSize_bytes, kMostSize_bytes, "bytes");
}
Kind<std::uint8_t> payload_type() {
    // RFC 5761 §4: others would look like RTCP where the two share a port.
    return integer<std::uint8_t>(96, 127);
}

Schema<ConferencesSection> conferences_rows() {
    Schema<ConferencesSection> rows;
    rows.key("count", &ConferencesSection::count,
             integer<std::uint32_t>(1, kMostConferences, "conferences"), required, Reload::start,
             "How many conferences there are.");
    rows.key("members", &ConferencesSection::members, integer<std::uint32_t>(2, 1000, "endpoints"),
             required, Reload::start, "Endpoints in each conference.");
    rows.key("senders", &ConferencesSection::senders, integer<std::uint32_t>(1, 1000, "endpoints"),
             1u, Reload::start, "How many of them send media at any time.");
    rows.key("profile", &ConferencesSection::profile, double_profile(),
             srtp::Profile::double_aes_128_gcm, Reload::start, "SRTP protection profile.");
    rows.key("inner", &ConferencesSection::inner,
             choice<Inner>({{"sealed", Inner::sealed}, {"repeated", Inner::repeated}}),
             Inner::sealed, Reload::start,
             "sealed: every packet has its own end-to-end layer. repeated: one for each stream, "
             "again and again, which no endpoint could open and mdd cannot tell; where the "
             "generator would be the limit.");
    return rows;
}

Schema<AudioSection> audio_rows() {
    Schema<AudioSection> rows;
    rows.key("packets_per_second", &AudioSection::packets_per_second,
             integer<std::uint32_t>(0, 100'000, "packets"), 0u, Reload::start,
             "Of each sender's audio stream; 0: no audio.");
    rows.key("size_bytes", &AudioSection::size_bytes, size(), 100u, Reload::start,
             "What the outer layer of a packet seals: media, inner tag and original header block.");
    rows.key("payload_type", &AudioSection::payload_type, payload_type(), std::uint8_t{111},
             Reload::start, "RTP payload type of audio; mdd sheds those last.");
    return rows;
}

Schema<VideoSection> video_rows() {
    Schema<VideoSection> rows;
    rows.key("frames_per_second", &VideoSection::frames_per_second,
             integer<std::uint32_t>(0, 10'000, "frames"), 0u, Reload::start,
             "Of each sender's video stream; 0: no video.");
    rows.key("packets_per_frame", &VideoSection::packets_per_frame,
             integer<std::uint32_t>(1, 256, "packets"), 8u, Reload::start,
             "Packets of a frame; they are due together.");
    rows.key("size_bytes", &VideoSection::size_bytes, size(), 1200u, Reload::start,
             "What the outer layer of a packet seals: media, inner tag and original header block.");
    rows.key("payload_type", &VideoSection::payload_type, payload_type(), std::uint8_t{96},
             Reload::start, "RTP payload type of video.");
    rows.key("share_percent", &VideoSection::share_percent,
             integer<std::uint32_t>(1, 100, "percent"), 100u, Reload::start,
             "How many of the members have video.");
    return rows;
}

Schema<RtcpSection> rtcp_rows() {
    Schema<RtcpSection> rows;
    rows.key("interval", &RtcpSection::interval, duration(milliseconds(0), hours(1)), seconds(5),
             Reload::start,
             "Between two sender reports of a stream of audio, or of video where there is no "
             "audio; 0ms: none.");
    return rows;
}

Schema<TalkSpurtsSection> talk_spurts_rows() {
    Schema<TalkSpurtsSection> rows;
    rows.key("mean", &TalkSpurtsSection::mean, duration(milliseconds(0), hours(24)),
             milliseconds(0), Reload::start,
             "How long a member is among the senders, on average, before another one is; 0ms: the "
             "first members send all the time.");
    return rows;
}

Schema<JoinsSection> joins_rows() {
    Schema<JoinsSection> rows;
    rows.key("per_second", &JoinsSection::per_second,
             integer<std::uint32_t>(1, 1'000'000, "endpoints"), 1000u, Reload::start,
             "How fast endpoints join at the start; mdd's [limits] must allow it.");
    rows.key("again", &JoinsSection::again, duration(milliseconds(50), seconds(60)),
             milliseconds(1000), Reload::start,
             "After how long a ClientHello without an answer is sent again.");
    return rows;
}

Schema<ChurnSection> churn_rows() {
    Schema<ChurnSection> rows;
    rows.key("per_second", &ChurnSection::per_second,
             integer<std::uint32_t>(0, 100'000, "endpoints"), 0u, Reload::start,
             "Endpoints that are put out of their conference and join again, with new keys.");
    rows.key("away", &ChurnSection::away, duration(milliseconds(100), seconds(60)),
             milliseconds(500), Reload::start,
             "How long each of them is away, once it was put out.");
    return rows;
}

Schema<StormSection> storm_rows() {
    Schema<StormSection> rows;
    rows.key("per_second", &StormSection::per_second,
             integer<std::uint32_t>(0, 100'000, "endpoints"), 0u, Reload::start,
             "Endpoints in the call that shake hands anew; media goes on.");
    return rows;
}

Schema<GreedySection> greedy_rows() {
    Schema<GreedySection> rows;
    rows.key("conferences", &GreedySection::conferences,
             integer<std::uint32_t>(0, kMostConferences, "conferences"), 0u, Reload::start,
             "How many conferences, the first ones, take more than their share.");
    rows.key("times", &GreedySection::times, integer<std::uint32_t>(1, 1000), 10u, Reload::start,
             "How many times as much as the others their senders send.");
    return rows;
}

Schema<HostileSection> hostile_rows() {
    Schema<HostileSection> rows;
    rows.key("bad_tags_percent", &HostileSection::bad_tags_percent,
             integer<std::uint32_t>(0, 1000, "percent"), 0u, Reload::start,
             "So many packets with a damaged tag for 100 of media, from the senders' addresses.");
    rows.key("strangers_percent", &HostileSection::strangers_percent,
             integer<std::uint32_t>(0, 1000, "percent"), 0u, Reload::start,
             "So many packets from an address that is nobody's for 100 of media.");
    return rows;
}

Schema<EktSection> ekt_rows() {
    Schema<EktSection> rows;
    rows.key("full_tag_every", &EktSection::full_tag_every,
             integer<std::uint32_t>(0, 1'000'000, "packets"), 0u, Reload::start,
             "One packet of so many has a full EKT tag, 47 or 63 bytes, instead of one byte; 0: "
             "only the first three of each key.");
    return rows;
}

Schema<Scenario> scenario_rows() {
    Schema<Scenario> root;
    root.key("seed", &Scenario::seed, integer_in(0, INT64_MAX), std::uint64_t{1}, Reload::start,
             "Everything random follows from it, except the keys of a run.");
    root.table("conferences", &Scenario::conferences, conferences_rows(), "Who is there.");
    root.table("audio", &Scenario::audio, audio_rows(), "Audio of each sender.");
    root.table("video", &Scenario::video, video_rows(), "Video of each sender.");
    root.table("rtcp", &Scenario::rtcp, rtcp_rows(), "Reports.");
    root.table("talk_spurts", &Scenario::talk_spurts, talk_spurts_rows(), "Who sends when.");
    root.table("joins", &Scenario::joins, joins_rows(), "The start.");
    root.table("churn", &Scenario::churn, churn_rows(), "Endpoints that leave and come back.");
    root.table("storm", &Scenario::storm, storm_rows(), "Handshakes beside the media.");
    root.table("greedy", &Scenario::greedy, greedy_rows(), "Conferences out of proportion.");
    root.table("hostile", &Scenario::hostile, hostile_rows(), "What mdd has to drop.");
    root.table("ekt", &Scenario::ekt, ekt_rows(), "Keys that travel with the media.");
    return root;
}

void check_scenario(Scenario& scenario, Reader& reader) {
    const auto& conferences = scenario.conferences;
    const bool sound = reader.sound("conferences.senders") && reader.sound("conferences.members");
    if (sound && conferences.senders > conferences.members)
        reader.error(reader.place_of("conferences.senders"),
                     {fmt::format("conferences.senders = {} but a conference has {} members",
                                  conferences.senders, conferences.members),
                      "more than there are", fmt::format("use senders = {}", conferences.members)});
    if (reader.sound("greedy.conferences") && reader.sound("conferences.count") &&
        scenario.greedy.conferences >= conferences.count && scenario.greedy.conferences != 0)
        reader.error(reader.place_of("greedy.conferences"),
                     {fmt::format("greedy.conferences = {} of {} conferences leaves no others",
                                  scenario.greedy.conferences, conferences.count),
                      "too many", "use fewer"});
    if (scenario.audio.packets_per_second == 0 && scenario.video.frames_per_second == 0 &&
        reader.sound("audio") && reader.sound("video"))
        reader.error(reader.place_of("conferences"),
                     {"nobody sends anything: there is neither audio nor video", "",
                      "set audio.packets_per_second or video.frames_per_second"});
    if (reader.sound("audio.payload_type") && reader.sound("video.payload_type") &&
        scenario.audio.payload_type == scenario.video.payload_type)
        reader.error(
            reader.place_of("video.payload_type"),
            {fmt::format("audio and video both have payload type {}", scenario.video.payload_type),
             "the same", "give video another one"});
}

}  // namespace

const Schema<Scenario>& scenario_schema() {
    static const Schema<Scenario> schema = scenario_rows();
    return schema;
}

std::variant<Scenario, ConfigErrors> load_scenario(const std::filesystem::path& path) {
    return load_config(path, scenario_schema(), check_scenario);
}

std::variant<Scenario, ConfigErrors> parse_scenario(std::string_view text, std::string file_name) {
    return parse_config<Scenario>(text, std::move(file_name), scenario_schema(), {},
                                  check_scenario);
}

}  // namespace mdd::load
