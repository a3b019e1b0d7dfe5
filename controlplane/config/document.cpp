// TOML text to a tree with places. The only file that includes toml++.
#include "controlplane/config/document.h"

#include <toml++/toml.h>
#include <algorithm>
#include <optional>

#include "controlplane/config/errors.h"

namespace mdd::config {
namespace {

Place place_of(const toml::source_region& region) {
    return {region.begin.line, region.begin.column};
}

Value value_from(const toml::node& node);

// A table that only exists because of a dotted header ("tls" in [tls.default]) may have no place of
// its own.
Table table_from(const toml::table& source) {
    Table table{place_of(source.source()), {}};
    for (const auto& [key, node] : source)
        table.entries.push_back({std::string(key.str()), place_of(key.source()), value_from(node)});
    std::sort(table.entries.begin(), table.entries.end(),
              [](const Entry& a, const Entry& b) { return a.name < b.name; });
    return table;
}

Value value_from(const toml::node& node) {
    Value value{place_of(node.source()), {}};
    if (const auto* text = node.as_string()) {
        value.data = text->get();
    } else if (const auto* number = node.as_integer()) {
        value.data = number->get();
    } else if (const auto* flag = node.as_boolean()) {
        value.data = flag->get();
    } else if (const auto* list = node.as_array()) {
        std::vector<Value> elements;
        for (const auto& element : *list) elements.push_back(value_from(element));
        value.data = std::move(elements);
    } else if (const auto* table = node.as_table()) {
        value.data = table_from(*table);
    }
    return value;
}

std::string_view line_of(std::string_view text, unsigned line) {
    for (; line > 1; --line) text.remove_prefix(std::min(text.find('\n') + 1, text.size()));
    return text.substr(0, text.find_first_of("\r\n"));
}

// Addresses, names and paths, as people forget to quote them; not what was meant as a number.
bool looks_like_text(std::string_view token) {
    constexpr std::string_view kNumberCharacters = "0123456789+-_.eE";
    return token.find_first_not_of(kNumberCharacters) != std::string_view::npos ||
           std::count(token.begin(), token.end(), '.') > 1;
}

// The commonest mistake, "key = text without quotes", which the parser takes for a number or a
// date.
std::optional<ConfigErrors::Error> missing_quotes(std::string_view text, Place place) {
    constexpr std::string_view kBlank = " \t";
    const std::string_view line = line_of(text, place.line);
    const auto equals = line.find('=');
    const auto start =
        equals == std::string_view::npos ? equals : line.find_first_not_of(kBlank, equals + 1);
    if (start == std::string_view::npos || place.column <= equals + 1) return std::nullopt;
    const std::string_view token = line.substr(start, line.find_first_of(" \t#", start) - start);
    const std::string_view key = line.substr(0, line.find_last_not_of(kBlank, equals - 1) + 1);
    if (equals == 0 || token.find_first_of("\"'[]{},") != std::string_view::npos ||
        !looks_like_text(token))
        return std::nullopt;
    return ConfigErrors::Error{
        {place.line, static_cast<unsigned>(start + 1)},
        {"syntax error: text must stand in double quotes", "is no number, true or false",
         std::string("write ").append(key).append(" = \"").append(token).append("\"")}};
}

ConfigErrors::Error syntax_error(const toml::parse_error& error, std::string_view text) {
    const Place place = place_of(error.source());
    if (auto better = missing_quotes(text, place)) return *better;
    const std::string_view description = error.description();
    const bool again = description.find("redefine") != std::string_view::npos;
    return {place,
            {std::string("syntax error: ").append(description), "",
             again ? "each key and each [section] may appear once; remove one, or use [[section]] "
                     "for a list of tables"
                   : "write key = value with text in double quotes, [section] for one table and "
                     "[[section]] for a list of tables"}};
}

}  // namespace

const Entry* Table::find(std::string_view name) const {
    const auto at = std::lower_bound(entries.begin(), entries.end(), name,
                                     [](const Entry& e, std::string_view n) { return e.name < n; });
    return at != entries.end() && at->name == name ? &*at : nullptr;
}

std::variant<Table, ConfigErrors> parse_document(std::string_view text, std::string file_name) {
    try {
        Table root = table_from(toml::parse(text));
        root.place = {1, 1};
        return root;
    } catch (const toml::parse_error& error) {
        ConfigErrors errors(std::move(file_name), text);
        auto [place, complaint] = syntax_error(error, text);
        errors.add(place, std::move(complaint));
        return errors;
    }
}

}  // namespace mdd::config
