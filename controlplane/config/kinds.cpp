// The plain kinds: text, numbers, durations, cores, files, choices, and what lists share.
#include "controlplane/config/kinds.h"

#include <sys/stat.h>
#include <unistd.h>
#include <algorithm>
#include <bit>
#include <charconv>
#include <limits>
#include <nlohmann/json.hpp>

#include "controlplane/config/descriptor.h"
#include "controlplane/config/refuse.h"

namespace mdd::config {
namespace {

using Json = nlohmann::ordered_json;

std::string in_quotes(std::string_view text) {
    return Json(text).dump();
}

std::optional<std::string> read_text(const Value& value, Reader& reader, std::size_t max_bytes,
                                     const std::string& example) {
    const auto* text = std::get_if<std::string>(&value.data);
    if (!text) return refuse_type(value, reader, "text in double quotes", example);
    if (text->empty())
        return refuse(value, reader, "must not be empty", "is empty",
                      "write, for example, " + as_written(reader, example));
    if (text->size() > max_bytes)
        return refuse(value, reader, fmt::format("longer than {} bytes", max_bytes),
                      fmt::format("has {} bytes", text->size()), "shorten it");
    return *text;
}

bool is_name_character(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.';
}

std::optional<std::uint64_t> read_integer(const Value& value, Reader& reader, std::uint64_t least,
                                          std::uint64_t most) {
    const auto* digits = std::get_if<std::string>(&value.data);
    if (digits && !digits->empty() && digits->find_first_not_of("0123456789") == std::string::npos)
        return refuse(value, reader, "expected a number", "is text",
                      "write it without quotes: " + as_written(reader, *digits));
    const auto* number = std::get_if<std::int64_t>(&value.data);
    if (!number) return refuse_type(value, reader, "a number", std::to_string(least));
    if (*number < 0 || static_cast<std::uint64_t>(*number) < least)
        return refuse(value, reader, fmt::format("{} is out of range {}..{}", *number, least, most),
                      "too small", "use " + as_written(reader, std::to_string(least)) + " or more");
    if (static_cast<std::uint64_t>(*number) > most)
        return refuse(value, reader, fmt::format("{} is out of range {}..{}", *number, least, most),
                      "too large", "use " + as_written(reader, std::to_string(most)) + " or less");
    return static_cast<std::uint64_t>(*number);
}

std::optional<unsigned> parse_core(std::string_view digits) {
    unsigned core = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), core);
    constexpr unsigned kHighestCore = 1023;  // what a cpu_set_t can hold
    if (error != std::errc{} || end != digits.data() + digits.size() || core > kHighestCore)
        return std::nullopt;
    return core;
}

std::optional<std::vector<unsigned>> read_cores(const Value& value, Reader& reader) {
    constexpr std::string_view kHelp =
        "write a range like \"2-7\", parts like \"2-4,6\", or a list like [2, 3]";
    std::vector<unsigned> cores;
    if (const auto* text = std::get_if<std::string>(&value.data)) {
        const auto parsed = parse_cores(*text);
        if (!parsed)
            return refuse(value, reader, "\"" + *text + "\" is no list of CPU cores",
                          "expected cores 0..1023, low to high", std::string(kHelp));
        cores = *parsed;
    } else if (const auto* list = std::get_if<std::vector<Value>>(&value.data)) {
        for (const Value& one : *list) {
            const auto* core = std::get_if<std::int64_t>(&one.data);
            if (!core || *core < 0 || *core > 1023)
                return refuse(one, reader, "expected the number of a CPU core, 0..1023", "",
                              std::string(kHelp));
            cores.push_back(static_cast<unsigned>(*core));
        }
    } else {
        return refuse(value, reader, "expected CPU cores", std::string(what_it_is(value)),
                      std::string(kHelp));
    }
    if (cores.empty())
        return refuse(value, reader, "at least one core is needed", "is empty", std::string(kHelp));
    return cores;
}

struct DurationUnit {
    std::string_view suffix;
    std::uint64_t ms;
};
constexpr std::array<DurationUnit, 5> kDurationUnits{
    {{"ms", 1}, {"s", 1000}, {"m", 60'000}, {"h", 3'600'000}, {"d", 86'400'000}}};

std::optional<std::chrono::milliseconds> parse_duration(std::string_view text) {
    std::uint64_t count = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
    if (error != std::errc{}) return std::nullopt;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    for (const DurationUnit& unit : kDurationUnits)
        if (unit.suffix == text && count <= std::numeric_limits<std::int64_t>::max() / unit.ms)
            return std::chrono::milliseconds(count * unit.ms);
    return std::nullopt;
}

std::string show_duration(std::chrono::milliseconds duration) {
    const auto ms = static_cast<std::uint64_t>(duration.count());
    const auto unit = std::find_if(kDurationUnits.rbegin(), kDurationUnits.rend(),
                                   [ms](const DurationUnit& u) { return ms % u.ms == 0; });
    if (ms == 0) return "0s";
    return fmt::format("{}{}", ms / unit->ms, unit->suffix);
}

std::optional<std::chrono::milliseconds> read_duration(const Value& value, Reader& reader,
                                                       std::chrono::milliseconds least,
                                                       std::chrono::milliseconds most) {
    const auto example = in_quotes(show_duration(least));
    if (const auto* number = std::get_if<std::int64_t>(&value.data))
        return refuse(value, reader, "a duration needs a unit", "is a bare number",
                      "write " + as_written(reader, fmt::format("\"{}s\"", *number)) +
                          " for seconds; the units are ms, s, m, h and d");
    const auto* text = std::get_if<std::string>(&value.data);
    if (!text) return refuse_type(value, reader, "a duration", example);
    const auto duration = parse_duration(*text);
    if (!duration)
        return refuse(value, reader, "\"" + *text + "\" is no duration", "",
                      "write a whole number and a unit, ms, s, m, h or d, for example " + example);
    if (*duration < least || *duration > most)
        return refuse(
            value, reader,
            fmt::format("\"{}\" is out of range {}..{}", *text, show_duration(least),
                        show_duration(most)),
            *duration < least ? "too short" : "too long",
            "use " +
                as_written(reader, in_quotes(show_duration(std::clamp(*duration, least, most)))));
    return duration;
}

// Complains about a file that cannot be used; true when it can.
bool check_file(const std::filesystem::path& path, FileRole role, const Value& value,
                Reader& reader) {
    struct stat status {};
    const std::string name = path.string();
    if (::stat(path.c_str(), &status) != 0) {
        refuse(value, reader, "file " + name + " does not exist", "names no file",
               "create the file or correct the path; relative paths start at the folder of the "
               "configuration file");
    } else if (!S_ISREG(status.st_mode)) {
        refuse(value, reader, name + " is not a file", "", "name a file");
    } else if (::access(path.c_str(), R_OK) != 0) {
        refuse(value, reader, "file " + name + " may not be read by this user", "",
               "give this user the right to read it");
    } else if (role == FileRole::private_key && (status.st_mode & 077) != 0) {
        refuse(value, reader,
               fmt::format("private key {} is open to group or others (mode {:04o})", name,
                           static_cast<unsigned>(status.st_mode & 07777)),
               "must be for its owner alone", "run: chmod 600 " + name);
    } else {
        return true;
    }
    return false;
}

}  // namespace

Kind<std::string> text(std::size_t max_bytes) {
    const std::string example = "\"...\"";
    return {"text",
            "",
            "",
            Json{{"type", "string"}, {"minLength", 1}}.dump(),
            example,
            [=](const Value& v, Reader& r) { return read_text(v, r, max_bytes, example); },
            [](const std::string& s) { return in_quotes(s); }};
}

Kind<std::string> name() {
    constexpr std::size_t kLongest = 64;
    Kind<std::string> kind = text(kLongest);
    kind.type = "name";
    kind.range = "letters, digits, - _ .";
    kind.json_schema = Json{{"type", "string"}, {"pattern", "^[A-Za-z0-9._-]{1,64}$"}}.dump();
    kind.example = "\"a\"";
    kind.read = [](const Value& v, Reader& r) -> std::optional<std::string> {
        auto read = read_text(v, r, kLongest, "\"a\"");
        if (read && !std::all_of(read->begin(), read->end(), is_name_character))
            return refuse(v, r, "a name has letters, digits, '-', '_' and '.' only", "",
                          "replace the other characters");
        return read;
    };
    return kind;
}

Kind<bool> boolean() {
    return {"boolean",
            "true | false",
            "",
            R"({"type":"boolean"})",
            "true",
            [](const Value& v, Reader& r) -> std::optional<bool> {
                if (const auto* flag = std::get_if<bool>(&v.data)) return *flag;
                return refuse_type(v, r, "true or false, without quotes", "true");
            },
            [](const bool& b) { return std::string(b ? "true" : "false"); }};
}

Kind<std::uint64_t> integer_in(std::uint64_t least, std::uint64_t most, std::string unit) {
    return {"integer",
            fmt::format("{}..{}", least, most),
            std::move(unit),
            Json{{"type", "integer"}, {"minimum", least}, {"maximum", most}}.dump(),
            std::to_string(least),
            [=](const Value& v, Reader& r) { return read_integer(v, r, least, most); },
            [](const std::uint64_t& n) { return std::to_string(n); }};
}

Kind<std::uint64_t> power_of_two_in(std::uint64_t least, std::uint64_t most, std::string unit) {
    Kind<std::uint64_t> kind = integer_in(least, most, std::move(unit));
    kind.range += ", a power of two";
    Json words = Json::array();
    for (std::uint64_t n = std::bit_ceil(least); n <= most; n *= 2) words.push_back(n);
    kind.json_schema = Json{{"enum", words}}.dump();
    kind.read = [=](const Value& v, Reader& r) -> std::optional<std::uint64_t> {
        const auto number = read_integer(v, r, least, most);
        if (number && !std::has_single_bit(*number))
            return refuse(v, r, fmt::format("{} is no power of two", *number), "",
                          "use " + as_written(r, std::to_string(std::bit_ceil(*number))));
        return number;
    };
    return kind;
}

Kind<std::chrono::milliseconds> duration(std::chrono::milliseconds least,
                                         std::chrono::milliseconds most) {
    return {"duration",
            show_duration(least) + ".." + show_duration(most),
            "",
            Json{{"type", "string"}, {"pattern", "^[0-9]+(ms|s|m|h|d)$"}}.dump(),
            in_quotes(show_duration(least)),
            [=](const Value& v, Reader& r) { return read_duration(v, r, least, most); },
            [](const std::chrono::milliseconds& d) { return in_quotes(show_duration(d)); }};
}

std::optional<std::vector<unsigned>> parse_cores(std::string_view text) {
    std::vector<unsigned> cores;
    for (;;) {
        const auto comma = text.find(',');
        const std::string_view part = text.substr(0, comma);
        const auto dash = part.find('-');
        const auto first = parse_core(part.substr(0, dash));
        const auto last =
            dash == std::string_view::npos ? first : parse_core(part.substr(dash + 1));
        if (!first || !last || *last < *first) return std::nullopt;
        for (unsigned core = *first; core <= *last; ++core) cores.push_back(core);
        if (comma == std::string_view::npos) return cores;
        text.remove_prefix(comma + 1);
    }
}

Kind<std::vector<unsigned>> lcores() {
    return {"CPU cores",
            "0..1023",
            "",
            R"({"oneOf":[{"type":"string","pattern":"^[0-9]+(-[0-9]+)?(,[0-9]+(-[0-9]+)?)*$"},)"
            R"({"type":"array","items":{"type":"integer","minimum":0,"maximum":1023}}]})",
            "\"2-7\"",
            read_cores,
            [](const std::vector<unsigned>& cores) {
                return fmt::format("[{}]", fmt::join(cores, ", "));
            }};
}

Kind<std::filesystem::path> file(FileRole role) {
    const bool is_key = role == FileRole::private_key;
    const std::string example = is_key ? "\"node.key\"" : "\"node.pem\"";
    return {"file",
            is_key ? "readable by its owner alone" : "",
            "",
            R"({"type":"string","minLength":1})",
            example,
            [=](const Value& v, Reader& r) -> std::optional<std::filesystem::path> {
                const auto read = read_text(v, r, 4095, example);
                if (!read) return std::nullopt;
                const auto path = r.options().folder / *read;
                if (r.options().check_files && !check_file(path, role, v, r)) return std::nullopt;
                return path;
            },
            [](const std::filesystem::path& p) { return in_quotes(p.string()); }};
}

Kind<std::size_t> choice_of(std::vector<std::string> words) {
    const std::string example = in_quotes(words.front());
    return {"choice",
            fmt::format("{}", fmt::join(words, " | ")),
            "",
            Json{{"enum", words}}.dump(),
            example,
            [=](const Value& v, Reader& r) -> std::optional<std::size_t> {
                const auto read = read_text(v, r, 1024, example);
                if (!read) return std::nullopt;
                const auto at = std::find(words.begin(), words.end(), *read);
                if (at != words.end()) return static_cast<std::size_t>(at - words.begin());
                const std::string near = nearest_name(*read, words);
                return refuse(
                    v, r, fmt::format("\"{}\" is not one of {}", *read, fmt::join(words, ", ")),
                    near.empty() ? "" : fmt::format("did you mean \"{}\"?", near),
                    "use " + as_written(r, in_quotes(near.empty() ? words.front() : near)));
            },
            [=](const std::size_t& i) { return in_quotes(words[i]); }};
}

const std::vector<Value>* elements_of(const Value& value, std::size_t least, std::size_t most,
                                      const std::string& example, Reader& reader) {
    const auto* list = std::get_if<std::vector<Value>>(&value.data);
    if (!list) {
        refuse_type(value, reader, "a list in square brackets", example);
    } else if (list->size() < least || list->size() > most) {
        refuse(value, reader, fmt::format("expected {}..{} elements", least, most),
               fmt::format("has {}", list->size()),
               "write, for example, " + as_written(reader, example));
        list = nullptr;
    }
    return list;
}

ElementScope::ElementScope(Reader& reader, std::size_t index, const Value& element)
    : reader_(reader), list_path_(reader.path()) {
    reader_.enter(fmt::format("{}[{}]", list_path_, index), element.place);
}
ElementScope::~ElementScope() {
    reader_.enter(std::move(list_path_), Place{});
}

std::string list_range(std::size_t least, std::size_t most, const std::string& element_range) {
    const std::string count =
        least == 0 ? fmt::format("up to {}", most) : fmt::format("{}..{}", least, most);
    return count + (element_range.empty() ? "" : " of " + element_range);
}

std::string list_schema(std::size_t least, std::size_t most, const std::string& element_schema) {
    return Json{{"type", "array"},
                {"minItems", least},
                {"maxItems", most},
                {"items", Json::parse(element_schema)}}
        .dump();
}

std::string one_or_list_schema(const std::string& element_schema, const std::string& list_schema) {
    return Json{{"oneOf", {Json::parse(element_schema), Json::parse(list_schema)}}}.dump();
}

bool is_list(const Value& value) {
    return std::holds_alternative<std::vector<Value>>(value.data);
}

}  // namespace mdd::config
