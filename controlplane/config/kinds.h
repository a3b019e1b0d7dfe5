// The types a configuration value can have: how each is read, checked, shown and documented. No
// keys: descriptor.h.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "controlplane/config/document.h"

namespace mdd::config {

class Reader;

// Addresses are in host byte order: 192.0.2.1 is 0xc0000201.
struct Ipv4Prefix {
    std::uint32_t address = 0;  // as written, host bits kept
    unsigned length = 0;        // 0..32
    bool operator==(const Ipv4Prefix&) const = default;
};
struct Ipv4Endpoint {
    std::uint32_t address = 0;
    std::uint16_t port = 0;  // never 0 after reading
    auto operator<=>(const Ipv4Endpoint&) const = default;
};
struct HostPort {
    std::string host;  // name or dotted IPv4 address, unresolved
    std::uint16_t port = 0;
    bool operator==(const HostPort&) const = default;
};
using Id128 = std::array<std::uint8_t, 16>;   // in the order of the text
using Sha256 = std::array<std::uint8_t, 32>;  // in the order of the text

std::string to_string(std::uint32_t ipv4_address);
std::string to_string(const Ipv4Prefix& prefix);
std::string to_string(const Ipv4Endpoint& endpoint);
std::string to_string(const HostPort& host_port);
std::string to_string(const Id128& id);

// How values of type T are written in the file. `read` reports what it refuses to the reader, at
// the value's place, and returns nothing then. `show` writes a value the way the file would.
template <class T>
struct Kind {
    std::string type;         // word for the documentation: "integer"
    std::string range;        // "1..256", "poll | adaptive"; may be empty
    std::string unit;         // may be empty
    std::string json_schema;  // JSON Schema of one value, as JSON text
    std::string example;      // a value as the file would have it
    std::function<std::optional<T>(const Value&, Reader&)> read;
    std::function<std::string(const T&)> show;
};

// Any text of 1..max_bytes bytes. A name has letters, digits, '-', '_' and '.' only, at most 64 of
// them.
Kind<std::string> text(std::size_t max_bytes = 1024);
Kind<std::string> name();
Kind<bool> boolean();
Kind<std::uint64_t> integer_in(std::uint64_t least, std::uint64_t most, std::string unit = {});
Kind<std::uint64_t> power_of_two_in(std::uint64_t least, std::uint64_t most, std::string unit = {});
// "500ms", "30s", "10m", "24h".
Kind<std::chrono::milliseconds> duration(std::chrono::milliseconds least,
                                         std::chrono::milliseconds most);
// CPU cores: "2-7", "2-4,6" or [2, 3]; at least one, in the order written, repeats kept.
Kind<std::vector<unsigned>> lcores();
// The text form, which is also the kernel's ("2-4,6"); nothing when it is no such text.
std::optional<std::vector<unsigned>> parse_cores(std::string_view text);
// A file that must exist and be readable; relative paths start at the configuration file's folder.
// A private key must not be readable by group or others.
enum class FileRole { readable, private_key };
Kind<std::filesystem::path> file(FileRole role);
Kind<Id128> id128();    // UUID text, or 32 hexadecimal digits
Kind<Sha256> sha256();  // 64 hexadecimal digits, colons allowed between bytes, any case
Kind<std::uint32_t> ipv4_address();
Kind<Ipv4Prefix> ipv4_prefix();
Kind<Ipv4Endpoint> ipv4_endpoint();
Kind<HostPort> host_port();
Kind<std::size_t> choice_of(std::vector<std::string> words);  // the index of the word

// A Kind<B> from a Kind<A>: both functions must be total; `back` is only for showing.
template <class B, class A>
Kind<B> mapped(Kind<A> kind, std::function<B(const A&)> forth, std::function<A(const B&)> back) {
    Kind<B> result{kind.type, kind.range, kind.unit, kind.json_schema, kind.example, {}, {}};
    result.read = [kind, forth](const Value& value, Reader& reader) -> std::optional<B> {
        if (auto read = kind.read(value, reader)) return forth(*read);
        return std::nullopt;
    };
    result.show = [kind, back](const B& value) { return kind.show(back(value)); };
    return result;
}

// An integer kept in the unsigned type T. Precondition: `most` fits in T.
template <class T>
Kind<T> integer(T least, T most, std::string unit = {}) {
    return mapped<T, std::uint64_t>(
        integer_in(least, most, std::move(unit)),
        [](const std::uint64_t& wide) { return static_cast<T>(wide); },
        [](const T& narrow) -> std::uint64_t { return narrow; });
}
template <class T>
Kind<T> power_of_two(T least, T most, std::string unit = {}) {
    return mapped<T, std::uint64_t>(
        power_of_two_in(least, most, std::move(unit)),
        [](const std::uint64_t& wide) { return static_cast<T>(wide); },
        [](const T& narrow) -> std::uint64_t { return narrow; });
}

// One of several words, each standing for a value of T. Precondition: every value that `show` meets
// is listed.
template <class T>
Kind<T> choice(std::vector<std::pair<std::string, T>> words) {
    std::vector<std::string> texts;
    for (const auto& [word, value] : words) texts.push_back(word);
    return mapped<T, std::size_t>(
        choice_of(std::move(texts)), [words](const std::size_t& i) { return words[i].second; },
        [words](const T& value) -> std::size_t {
            for (std::size_t i = 0; i < words.size(); ++i)
                if (words[i].second == value) return i;
            return 0;
        });
}

// What lists need, without the element's type. The elements of `value`, or nullptr after a report.
const std::vector<Value>* elements_of(const Value& value, std::size_t least, std::size_t most,
                                      const std::string& example, Reader& reader);
class ElementScope {  // the reader's path is that of the element while this lives
  public:
    ElementScope(Reader& reader, std::size_t index, const Value& element);
    ~ElementScope();
    ElementScope(const ElementScope&) = delete;
    ElementScope& operator=(const ElementScope&) = delete;

  private:
    Reader& reader_;
    std::string list_path_;
};
std::string list_range(std::size_t least, std::size_t most, const std::string& element_range);
std::string list_schema(std::size_t least, std::size_t most, const std::string& element_schema);

// A list of least..most values. Every refused element is reported, not only the first.
template <class T>
Kind<std::vector<T>> list_of(Kind<T> element, std::size_t least = 0, std::size_t most = 1024) {
    Kind<std::vector<T>> result{"list of " + element.type,
                                list_range(least, most, element.range),
                                element.unit,
                                list_schema(least, most, element.json_schema),
                                "[" + element.example + "]",
                                {},
                                {}};
    result.read = [element, least, most, example = result.example](
                      const Value& value, Reader& reader) -> std::optional<std::vector<T>> {
        const auto* values = elements_of(value, least, most, example, reader);
        if (!values) return std::nullopt;
        std::vector<T> list;
        for (std::size_t i = 0; i < values->size(); ++i) {
            const ElementScope scope(reader, i, (*values)[i]);
            if (auto read = element.read((*values)[i], reader)) list.push_back(std::move(*read));
        }
        if (list.size() != values->size()) return std::nullopt;
        return list;
    };
    result.show = [element](const std::vector<T>& list) {
        std::string shown = "[";
        for (const T& one : list) shown += (shown.size() > 1 ? ", " : "") + element.show(one);
        return shown + "]";
    };
    return result;
}

std::string one_or_list_schema(const std::string& element_schema, const std::string& list_schema);
bool is_list(const Value& value);

// One value, or a list of 1..most values.
template <class T>
Kind<std::vector<T>> one_or_more(Kind<T> element, std::size_t most) {
    const auto list = list_of(element, 1, most);
    Kind<std::vector<T>> result{element.type + " or " + list.type,
                                list.range,
                                element.unit,
                                one_or_list_schema(element.json_schema, list.json_schema),
                                element.example,
                                {},
                                {}};
    result.read = [element, list](const Value& value,
                                  Reader& reader) -> std::optional<std::vector<T>> {
        if (is_list(value)) return list.read(value, reader);
        auto one = element.read(value, reader);
        if (!one) return std::nullopt;
        return std::vector<T>{std::move(*one)};
    };
    result.show = [element, list](const std::vector<T>& values) {
        return values.size() == 1 ? element.show(values.front()) : list.show(values);
    };
    return result;
}

}  // namespace mdd::config
