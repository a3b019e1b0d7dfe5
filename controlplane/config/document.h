// A TOML file as a tree in which every key and value knows its place. No meaning: descriptor.h
// gives keys a meaning.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace mdd::config {

class ConfigErrors;

// Line and column of the first character, counted from 1; {0, 0}: nowhere in the file.
struct Place {
    unsigned line = 0;
    unsigned column = 0;
    auto operator<=>(const Place&) const = default;
};

struct Entry;

// `place` is that of the header ("[port]"), of the brace of an inline table, or of the file's start
// for the root.
struct Table {
    Place place;
    std::vector<Entry> entries;  // sorted by name

    const Entry* find(std::string_view name) const;  // nullptr when absent
};

// monostate: a TOML type that no key of ours takes (floating point, date, time).
struct Value {
    Place place;
    std::variant<std::monostate, bool, std::int64_t, std::string, std::vector<Value>, Table> data;
};

struct Entry {
    std::string name;
    Place place;  // of the name
    Value value;
};

// Parses TOML 1.0. A syntax error gives no tree and one error, worded and placed like every other.
// `file_name` is how errors call the file.
std::variant<Table, ConfigErrors> parse_document(std::string_view text, std::string file_name);

}  // namespace mdd::config
