// Checks across the keys of kmf.toml. Changes nothing.
#include <algorithm>
#include <charconv>
#include <map>

#include <fmt/format.h>

#include "kmf-tunnel/ids.h"
#include "tools/mdd-kmf/kmf_file.h"

namespace mdd::kmf {
namespace {

using config::Reader;

// Reports every value that an earlier element of the list has too. `value_of` gives the value,
// `key` is its key.
template <class Row, class ValueOf>
void report_repeats(const std::vector<Row>& rows, const std::string& list, const std::string& key,
                    const std::string& noun, ValueOf value_of, Reader& reader) {
    std::map<std::decay_t<decltype(value_of(rows.front()))>, std::string> seen;
    for (std::size_t i = 0; i < rows.size(); ++i) {
        const auto path = fmt::format("{}[{}].{}", list, i, key);
        if (!reader.sound(path) || !reader.given(path)) continue;
        const auto [first, is_new] = seen.emplace(value_of(rows[i]), path);
        if (!is_new)
            reader.error(reader.place_of(path),
                         {fmt::format("{} is used twice", noun),
                          fmt::format("first used at {}", reader.describe(first->second)),
                          fmt::format("give each its own {}", noun)});
    }
}

// A certificate tells one MDD.
void check_certificates_of_mdds(const KmfFile& file, Reader& reader) {
    std::map<config::Sha256, std::string> seen;
    for (std::size_t i = 0; i < file.mdds.size(); ++i) {
        const auto list = fmt::format("mdd[{}].fingerprint_sha256", i);
        if (!reader.sound(list)) continue;
        for (std::size_t j = 0; j < file.mdds[i].fingerprints.size(); ++j) {
            const auto path = fmt::format("{}[{}]", list, j);
            const auto [first, is_new] = seen.emplace(file.mdds[i].fingerprints[j], path);
            if (!is_new)
                reader.error(reader.place_of(path),
                             {"MDD fingerprint is used twice",
                              fmt::format("first used at {}", reader.describe(first->second)),
                              "give each MDD certificates of its own, and list each once"});
        }
    }
}

void check_profile(const KmfFile& file, const ConferenceRow& conference, const std::string& path,
                   Reader& reader) {
    if (!reader.sound(path) || !reader.sound("profiles")) return;
    const auto& traits = srtp::traits_of(conference.profile);
    if (!traits.is_double && !conference.allow_plain)
        reader.error(
            reader.place_of(path + ".profile"),
            {fmt::format("{} has no end-to-end layer", traits.name), "the MDD could read the media",
             "use a DOUBLE_ profile, or allow_plain = true in this conference"});
    const bool is_listed =
        std::ranges::find(file.profiles, conference.profile) != file.profiles.end();
    if (traits.is_double && !is_listed)
        reader.error(reader.place_of(path + ".profile"),
                     {fmt::format("{} is not one of `profiles`", traits.name), "",
                      "add it to the list `profiles`, or use one of those in it"});
}

bool is_served_as_9185(const KmfFile& file) {
    return std::ranges::find(file.protocols, Protocol::rfc9185) != file.protocols.end();
}

void check_rekey(const ConferenceRow& conference, const std::string& path, Reader& reader) {
    if (!reader.sound(path + ".rekey")) return;
    bool has_interval = false;
    for (std::size_t i = 0; i < conference.rekey.size(); ++i) {
        const auto& word = conference.rekey[i];
        const auto place = reader.place_of(fmt::format("{}.rekey[{}]", path, i));
        const auto interval = rekey_interval(word);
        if (!interval && word != "join" && word != "leave")
            reader.error(place, {fmt::format("{}.rekey: \"{}\" is no occasion", path, word), "",
                                 "use \"join\", \"leave\" or a duration like \"10m\""});
        else if (interval && *interval < std::chrono::seconds(1))
            reader.error(place, {fmt::format("{}.rekey: \"{}\" is too short", path, word),
                                 "below one second", "use \"1s\" or more"});
        else if (interval && std::exchange(has_interval, true))
            reader.error(place, {fmt::format("{}.rekey has two durations", path), "the second",
                                 "keep the shorter one"});
    }
}

void check_state(const KmfFile& file, Reader& reader) {
    if (file.state.file && !file.state.key_file && reader.sound("state.key_file"))
        reader.error(reader.place_of("state.file"),
                     {"state.file needs state.key_file", "would lie unsealed",
                      "make one: (umask 077; openssl rand -hex 32 > state.key), and add "
                      "key_file = \"state.key\""});
    for (const auto* key : {"key_file", "standby"}) {
        const auto path = std::string("state.") + key;
        if (reader.given(path) && !reader.given("state.file"))
            reader.error(reader.place_of(path), {path + " has no meaning without state.file", "",
                                                 "add file = \"kmf.state\", or remove it"});
    }
}

// What would let an endpoint into a conference that nobody can tell.
void check_tls_ids(const KmfFile& file, Reader& reader) {
    std::map<std::string, std::string> by_tls_id;
    std::map<config::Sha256, std::string> open;
    for (std::size_t i = 0; i < file.conferences.size(); ++i) {
        const auto& conference = file.conferences[i];
        for (std::size_t j = 0; j < conference.endpoints.size(); ++j) {
            const auto& endpoint = conference.endpoints[j];
            const auto path = fmt::format("conference[{}].endpoints[{}]", i, j);
            if (!reader.sound(path)) continue;
            if (endpoint.tls_id) {
                const auto [first, is_new] = by_tls_id.emplace(*endpoint.tls_id, path + ".tls_id");
                if (!is_new)
                    reader.error(
                        reader.place_of(path + ".tls_id"),
                        {"tls_id is used twice",
                         fmt::format("first used at {}", reader.describe(first->second)),
                         "give each endpoint its own in each conference: the conference is told "
                         "by it"});
            } else if (!conference.require_tls_id && is_served_as_9185(file)) {
                const auto [first, is_new] =
                    open.emplace(endpoint.fingerprint, path + ".fingerprint_sha256");
                if (!is_new)
                    reader.error(reader.place_of(path + ".fingerprint_sha256"),
                                 {"over rfc9185 nothing tells which conference this endpoint means",
                                  fmt::format("also at {}", reader.describe(first->second)),
                                  "give it a tls_id in each, or another certificate"});
            }
        }
    }
}

void check_some_way_in(const KmfFile& file, std::size_t i, Reader& reader) {
    if (file.protocols != std::vector{Protocol::rfc9185} || !file.conferences[i].require_tls_id)
        return;
    for (std::size_t j = 0; j < file.conferences[i].endpoints.size(); ++j) {
        const auto path = fmt::format("conference[{}].endpoints[{}]", i, j);
        if (!reader.sound(path) || file.conferences[i].endpoints[j].tls_id) continue;
        reader.error(reader.place_of(path), {fmt::format("endpoint \"{}\" can never join",
                                                         file.conferences[i].endpoints[j].id),
                                             "has no tls_id",
                                             "add tls_id = \"...\", the value of its SDP, or "
                                             "require_tls_id = false in this conference"});
    }
}

void check_conferences_of(const KmfFile& file, std::size_t i, Reader& reader) {
    const auto list = fmt::format("mdd[{}].conferences", i);
    if (!reader.sound(list)) return;
    for (std::size_t j = 0; j < file.mdds[i].conferences.size(); ++j) {
        const auto& word = file.mdds[i].conferences[j];
        if (word == "*") continue;
        const auto place = reader.place_of(fmt::format("{}[{}]", list, j));
        const auto id = tunnel::parse_conference_id(word);
        if (!id)
            reader.error(place, {fmt::format("{}: \"{}\" is no conference id", list, word), "",
                                 "write 32 hexadecimal digits, a UUID, or \"*\" for all"});
        else if (reader.sound("conference") &&
                 std::ranges::none_of(file.conferences,
                                      [&](const auto& row) { return row.id == id->bytes; }))
            reader.error(place, {fmt::format("{}: there is no conference {}", list, word), "",
                                 "add a [[conference]] with this id, or remove it here"});
    }
}

}  // namespace

std::optional<std::chrono::milliseconds> rekey_interval(const std::string& word) {
    std::uint64_t count = 0;
    const auto* const end = word.data() + word.size();
    const auto [unit, error] = std::from_chars(word.data(), end, count);
    constexpr std::uint64_t kMost = 24 * 366 * 3600;
    if (error != std::errc{} || end - unit != 1 || count > kMost) return std::nullopt;
    if (*unit == 's') return std::chrono::seconds(count);
    if (*unit == 'm') return std::chrono::minutes(count);
    if (*unit == 'h') return std::chrono::hours(count);
    return std::nullopt;
}

void check_across(const KmfFile& file, Reader& reader) {
    check_state(file, reader);
    report_repeats(
        file.mdds, "mdd", "name", "MDD name", [](const auto& row) { return row.name; }, reader);
    check_certificates_of_mdds(file, reader);
    report_repeats(
        file.conferences, "conference", "id", "conference id",
        [](const auto& row) { return row.id; }, reader);
    check_tls_ids(file, reader);
    for (std::size_t i = 0; i < file.mdds.size(); ++i) check_conferences_of(file, i, reader);
    for (std::size_t i = 0; i < file.conferences.size(); ++i) {
        const auto& conference = file.conferences[i];
        const auto path = fmt::format("conference[{}]", i);
        check_profile(file, conference, path, reader);
        check_rekey(conference, path, reader);
        check_some_way_in(file, i, reader);
        report_repeats(
            conference.endpoints, path + ".endpoints", "id", "endpoint id",
            [](const auto& row) { return row.id; }, reader);
        report_repeats(
            conference.endpoints, path + ".endpoints", "fingerprint_sha256", "endpoint fingerprint",
            [](const auto& row) { return row.fingerprint; }, reader);
    }
}

}  // namespace mdd::kmf
