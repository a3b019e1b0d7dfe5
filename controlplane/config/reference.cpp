// The descriptor table as documentation: Markdown for people, JSON Schema for editors. Adds no fact
// of its own.
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "controlplane/config/descriptor.h"

namespace mdd::config {
namespace {

using Json = nlohmann::ordered_json;

std::string cell(std::string_view text) {
    std::string escaped;
    for (const char c : text) escaped += c == '|' ? "\\|" : std::string(1, c);
    return escaped;
}

std::string type_cell(const Descriptor& row) {
    std::string text = row.type;
    if (!row.range.empty()) text += ": " + row.range;
    if (!row.unit.empty()) text += " (" + row.unit + ")";
    return text;
}

std::string default_cell(const Descriptor& row) {
    switch (row.origin) {
        case Origin::required:
            return "**required**";
        case Origin::computed:
            return "computed: " + row.standard;
        case Origin::unset:
            return "not set";
        case Origin::fixed:
            break;
    }
    return fmt::format("`{}`", row.standard);
}

std::string heading(const Descriptor& table, const std::string& path) {
    switch (table.shape) {
        case Shape::tables:
            return fmt::format("`[[{}]]`", path);
        case Shape::named_tables:
            return fmt::format("`[{}.NAME]`", path);
        default:
            return fmt::format("`[{}]`", path);
    }
}

void write_rows(const Descriptor& table, std::string& out) {
    bool any = false;
    for (const Descriptor& row : table.rows) {
        if (row.shape != Shape::value) continue;
        if (!any)
            out += "| key | type | default | counts from | meaning |\n|---|---|---|---|---|\n";
        any = true;
        out += fmt::format("| `{}` | {} | {} | {} | {} |\n", row.name, cell(type_cell(row)),
                           cell(default_cell(row)),
                           row.reload == Reload::start ? "start" : "reload", cell(row.doc));
    }
    if (any) out += "\n";
}

void write_table(const Descriptor& table, const std::string& path, std::string& out) {
    out += fmt::format("## {}\n\n{}", heading(table, path), table.doc);
    if (table.at_least > 0) out += fmt::format(" At least {}.", table.at_least);
    out += "\n\n";
    write_rows(table, out);
    for (const Descriptor& row : table.rows)
        if (row.shape != Shape::value && row.shape != Shape::refused)
            write_table(row, path + "." + row.name, out);
}

Json schema_of(const Descriptor& row);

Json object_schema(const Descriptor& table) {
    Json properties = Json::object();
    Json needed = Json::array();
    for (const Descriptor& row : table.rows) {
        if (row.shape == Shape::refused) continue;
        properties[row.name] = schema_of(row);
        const bool is_required =
            row.shape == Shape::value ? row.origin == Origin::required : row.at_least > 0;
        if (is_required) needed.push_back(row.name);
    }
    Json schema{{"type", "object"}, {"additionalProperties", false}, {"properties", properties}};
    if (!needed.empty()) schema["required"] = needed;
    return schema;
}

Json schema_of(const Descriptor& row) {
    Json schema;
    switch (row.shape) {
        case Shape::tables:
            schema = {{"type", "array"}, {"items", object_schema(row)}};
            if (row.at_least > 0) schema["minItems"] = row.at_least;
            break;
        case Shape::named_tables:
            schema = {{"type", "object"}, {"additionalProperties", object_schema(row)}};
            if (row.at_least > 0) schema["minProperties"] = row.at_least;
            break;
        case Shape::value:
            schema = Json::parse(row.json_schema);
            if (row.origin == Origin::fixed && Json::accept(row.standard))
                schema["default"] = Json::parse(row.standard);
            break;
        default:
            schema = object_schema(row);
    }
    schema["description"] = row.doc;
    return schema;
}

}  // namespace

std::string markdown_reference(const Descriptor& root, std::string_view program,
                               std::string_view file_name) {
    std::string out = fmt::format(
        "# {1}: the configuration of {0}\n\n"
        "TOML 1.0. Generated from the table that `{0}` itself reads with; do not edit.\n"
        "`{0} --config {1} --check-config` names every error with its place and a fix, and exits "
        "with 78 if there is one.\n"
        "*Counts from*: when a changed value takes effect; `reload` where the program serves one, "
        "else "
        "`start`.\n\n",
        program, file_name);
    write_rows(root, out);
    for (const Descriptor& row : root.rows)
        if (row.shape != Shape::value && row.shape != Shape::refused)
            write_table(row, row.name, out);
    while (out.ends_with("\n\n")) out.pop_back();
    return out;
}

std::string json_schema(const Descriptor& root, std::string_view title) {
    Json schema{{"$schema", "https://json-schema.org/draft/2020-12/schema"}, {"title", title}};
    schema.update(object_schema(root));
    return schema.dump(2) + "\n";
}

}  // namespace mdd::config
