// The type-free half of the schema walk: unknown and missing keys, tables that are something else,
// the file itself.
#include "controlplane/config/descriptor.h"

#include <fmt/format.h>
#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>

namespace mdd::config {
namespace {

std::string where(const std::string& path) {
    if (path.empty()) return "at the top level";
    return path.find('[') == std::string::npos ? fmt::format("in [{}]", path) : "in " + path;
}

std::string key_list(const Descriptor& descriptor) {
    std::string list;
    for (const Descriptor& row : descriptor.rows)
        if (row.shape != Shape::refused) list += (list.empty() ? "" : ", ") + row.name;
    return list;
}

std::string header_of(const Descriptor& row, const std::string& path) {
    if (row.shape == Shape::tables) return "[[" + path + "]]";
    if (row.shape == Shape::named_tables) return "[" + path + ".NAME]";
    return "[" + path + "]";
}

// "[media], [port]": the tables anywhere in the file's format that have a key of this name.
std::string tables_with(std::string_view key, const Descriptor& table, const std::string& path) {
    std::string found;
    const auto append = [&found](const std::string& more) {
        if (!more.empty()) found += (found.empty() ? "" : ", ") + more;
    };
    for (const Descriptor& row : table.rows) {
        if (row.shape == Shape::value && row.name == key)
            append(path.empty() ? "the top level" : header_of(table, path));
        append(tables_with(key, row, child_path(path, row.name)));
    }
    return found;
}

std::string required_keys(const Descriptor& table) {
    std::string keys;
    for (const Descriptor& row : table.rows)
        if (row.origin == Origin::required) keys += (keys.empty() ? " with " : ", ") + row.name;
    return keys;
}

// What to say about a name that no row of this table has.
Complaint unknown_key(const std::string& name, const std::string& near, const Descriptor& table,
                      const Reader& reader) {
    Complaint complaint{fmt::format("unknown key \"{}\" {}", name, where(reader.path())), "", ""};
    const std::string elsewhere = reader.root() ? tables_with(name, *reader.root(), "") : "";
    if (!elsewhere.empty()) {
        complaint.at_caret = "belongs to " + elsewhere;
        complaint.help = "move it below its header";
    } else if (!near.empty()) {
        complaint.at_caret = fmt::format("did you mean {}?", near);
        complaint.help = fmt::format("rename it to {}", near);
    } else {
        complaint.at_caret = "no key has a name like this";
        complaint.help = "remove it; the keys here are: " + key_list(table);
    }
    return complaint;
}

}  // namespace

std::string child_path(const std::string& path, const std::string& name) {
    return path.empty() ? name : path + "." + name;
}

void report_unknown_keys(const Table& table, const Descriptor& descriptor, Reader& reader) {
    std::vector<std::string> names;
    for (const Descriptor& row : descriptor.rows) names.push_back(row.name);
    for (const Entry& entry : table.entries) {
        if (std::find(names.begin(), names.end(), entry.name) != names.end()) continue;
        const std::string near = nearest_name(entry.name, names);
        // What was meant by a mistyped name is not missing.
        if (!near.empty()) reader.mark_unsound(child_path(reader.path(), near));
        reader.error(entry.place, unknown_key(entry.name, near, descriptor, reader));
    }
}

void report_missing(const Table& table, const Descriptor& row, Reader& reader) {
    const std::string path = child_path(reader.path(), row.name);
    if (!reader.sound(path)) return;
    if (row.shape == Shape::value && row.origin == Origin::required) {
        reader.mark_unsound(path);
        reader.error(table.place,
                     {fmt::format("missing key \"{}\" {}", row.name, where(reader.path())),
                      "needs " + row.name,
                      fmt::format("add {} = {} ({})", row.name, row.example, row.type)});
    } else if (row.at_least > 0) {
        reader.mark_unsound(path);
        reader.error(
            table.place,
            {fmt::format("no {} table, at least {} is needed", header_of(row, path), row.at_least),
             "", fmt::format("add a {} table{}", header_of(row, path), required_keys(row))});
    }
}

const Table* table_in(const Entry& entry, Reader& reader) {
    if (const auto* table = std::get_if<Table>(&entry.value.data)) return table;
    const bool is_list = std::holds_alternative<std::vector<Value>>(entry.value.data);
    reader.error_here(entry.place,
                      {"expected one table", is_list ? "is a list" : "is a single value",
                       fmt::format("write it as [{}], once", reader.path())});
    return nullptr;
}

std::vector<const Table*> tables_in(const Entry& entry, const Descriptor& row, Reader& reader) {
    const std::string help = fmt::format("write each as a table of its own under [[{}]]", row.name);
    const auto* list = std::get_if<std::vector<Value>>(&entry.value.data);
    if (!list) {
        reader.error_here(entry.place, {"expected a list of tables", "is not a list", help});
        return {};
    }
    if (list->size() < row.at_least)
        reader.error_here(entry.value.place, {fmt::format("needs at least {}", row.at_least),
                                              fmt::format("has {}", list->size()), help});
    std::vector<const Table*> tables;
    for (const Value& element : *list) {
        const auto* table = std::get_if<Table>(&element.data);
        if (!table) {
            reader.error_here(element.place, {"expected a table", "is a single value", help});
            return {};
        }
        tables.push_back(table);
    }
    return tables;
}

std::variant<std::string, ConfigErrors> read_config_file(const std::filesystem::path& path) {
    std::string text;
    std::array<char, 4096> part;
    errno = 0;
    std::FILE* file = std::fopen(path.c_str(), "rb");
    while (file) {
        const auto size = std::fread(part.data(), 1, part.size(), file);
        if (size == 0) break;
        text.append(part.data(), size);
    }
    const int reason = errno;
    const bool whole = file && std::ferror(file) == 0;
    if (file) std::fclose(file);
    if (whole) return text;
    ConfigErrors errors(path.string(), "");
    errors.add({}, {fmt::format("cannot be read: {}", std::strerror(reason)), "",
                    "give the path of a readable configuration file"});
    return errors;
}

}  // namespace mdd::config
