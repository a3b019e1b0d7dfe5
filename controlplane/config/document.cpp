// TOML text to a tree with places. The only file that includes toml++.
#include "controlplane/config/document.h"

#include <toml++/toml.h>
#include <algorithm>

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

std::string syntax_help(std::string_view description) {
    if (description.find("redefine") != std::string_view::npos)
        return "each key and each [section] may appear once; remove one, or use [[section]] for a "
               "list of tables";
    if (description.find("utf-8") != std::string_view::npos ||
        description.find("UTF-8") != std::string_view::npos)
        return "save the file as UTF-8";
    return "write key = value with text in double quotes, [section] for one table and [[section]] "
           "for a list of tables";
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
        errors.add(place_of(error.source()), {"syntax error: " + std::string(error.description()),
                                              "", syntax_help(error.description())});
        return errors;
    }
}

}  // namespace mdd::config
