// Checks across the keys of kmf.toml. Changes nothing.
#include <algorithm>
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

void check_protocols(const KmfFile& file, Reader& reader) {
    for (std::size_t i = 0; i < file.protocols.size(); ++i)
        if (file.protocols[i] == Protocol::rfc9185)
            reader.error(reader.place_of(fmt::format("protocols[{}]", i)),
                         {"\"rfc9185\" comes in a later version", "not in this version",
                          "use protocols = [\"dtls-v1\"] here and at the MDDs"});
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

bool is_rekey_word(const std::string& word) {
    const auto digits = word.find_first_not_of("0123456789");
    if (digits == 0 || digits == std::string::npos) return word == "join" || word == "leave";
    const auto unit = word.substr(digits);
    return unit == "s" || unit == "m" || unit == "h";
}

void check_rekey(const ConferenceRow& conference, const std::string& path, Reader& reader) {
    if (!conference.rekey) return;
    for (std::size_t i = 0; i < conference.rekey->size(); ++i)
        if (!is_rekey_word((*conference.rekey)[i]))
            reader.error(
                reader.place_of(fmt::format("{}.rekey[{}]", path, i)),
                {fmt::format("{}.rekey: \"{}\" is no occasion", path, (*conference.rekey)[i]), "",
                 "use \"join\", \"leave\" or a duration like \"10m\""});
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

void check_across(const KmfFile& file, Reader& reader) {
    check_protocols(file, reader);
    report_repeats(
        file.mdds, "mdd", "name", "MDD name", [](const auto& row) { return row.name; }, reader);
    report_repeats(
        file.mdds, "mdd", "fingerprint_sha256", "MDD fingerprint",
        [](const auto& row) { return row.fingerprint; }, reader);
    report_repeats(
        file.conferences, "conference", "id", "conference id",
        [](const auto& row) { return row.id; }, reader);
    for (std::size_t i = 0; i < file.mdds.size(); ++i) check_conferences_of(file, i, reader);
    for (std::size_t i = 0; i < file.conferences.size(); ++i) {
        const auto& conference = file.conferences[i];
        const auto path = fmt::format("conference[{}]", i);
        check_profile(file, conference, path, reader);
        check_rekey(conference, path, reader);
        report_repeats(
            conference.endpoints, path + ".endpoints", "id", "endpoint id",
            [](const auto& row) { return row.id; }, reader);
        report_repeats(
            conference.endpoints, path + ".endpoints", "fingerprint_sha256", "endpoint fingerprint",
            [](const auto& row) { return row.fingerprint; }, reader);
    }
}

}  // namespace mdd::kmf
