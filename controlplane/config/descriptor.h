// The descriptor table: one row per key gives parser, checks, default, documentation, JSON Schema
// and suggestions. Knows no key itself. How to use it, here for a file with one section and any
// number of peers:
//
//   struct TlsFiles { std::filesystem::path cert, key; };
//   struct Peer { std::string name; std::optional<Sha256> pin; std::vector<std::string> rooms; };
//   struct PeerConfig { HostPort listen; TlsFiles tls; std::vector<Peer> peers; };
//
//   Schema<PeerConfig> peer_schema() {
//       Schema<TlsFiles> tls;
//       tls.key("cert", &TlsFiles::cert, file(FileRole::readable), required, Reload::live, "Our
//       certificate chain, PEM."); tls.key("key", &TlsFiles::key, file(FileRole::private_key),
//       required, Reload::live, "Its private key, PEM."); Schema<Peer> peer; peer.key("name",
//       &Peer::name, name(), required, Reload::live, "Name in logs."); peer.optional_key("pin",
//       &Peer::pin, sha256(), Reload::live, "Certificate to accept."); peer.key("rooms",
//       &Peer::rooms, list_of(text()), std::vector<std::string>{"*"}, Reload::live, "Rooms it may
//       use."); Schema<PeerConfig> root; root.key("listen", &PeerConfig::listen, host_port(),
//       HostPort{"0.0.0.0", 4433}, Reload::start, "Where we listen."); root.table("tls",
//       &PeerConfig::tls, tls, "Our identity."); root.tables("peer", &PeerConfig::peers, peer, 1,
//       "One table per peer."); return root;
//   }
//
//   auto loaded = load_config(path, peer_schema(), [](PeerConfig& config, Reader& reader) {
//       if (reader.sound("peer[0].name") && config.peers[0].name == "self")   // checks across keys
//           reader.error(reader.place_of("peer[0].name"), {"peer \"self\" is us", "", "remove this
//           table"});
//   });
//   if (auto* errors = std::get_if<ConfigErrors>(&loaded)) { errors->print(std::cerr); return 78; }
//   PeerConfig& config = std::get<PeerConfig>(loaded);
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "controlplane/config/kinds.h"
#include "controlplane/config/reader.h"

namespace mdd::config {

// When a changed value counts: only at the next start, or also at a reload of the running program.
enum class Reload { start, live };

enum class Shape {
    value,         // key = value
    table,         // [name]
    tables,        // [[name]], or a list of inline tables
    named_tables,  // [name.ANY]
    refused        // known, but not served: always an error
};

enum class Origin { fixed, required, computed, unset };

// One row of the table, free of C++ types: what documentation, schema and the search for unknown
// keys need.
struct Descriptor {
    std::string name;
    Shape shape = Shape::table;
    std::string doc;
    std::string type, range, unit, json_schema, example;  // of a value, as in Kind
    Origin origin = Origin::fixed;  // where the value comes from when the file has none
    std::string standard;           // fixed: the default as TOML; computed: how, in words
    Reload reload = Reload::start;
    std::size_t at_least = 0;                            // of tables and named tables
    Complaint refusal;                                   // of what is refused
    std::function<bool(const Value&, Reader&)> accepts;  // of a value: reads it, reports why not
    std::vector<Descriptor> rows;                        // of tables
};

// What a key is when the file does not have it: a value of T, `required`, or computed from other
// keys by the checks that run after reading (the words say how; the member keeps T{} until then).
struct Required {};
inline constexpr Required required{};
struct Computed {
    std::string how;
};
inline Computed computed(std::string how) {
    return {std::move(how)};
}

template <class T>
class Default {
  public:
    template <class U>
    requires std::is_convertible_v<U, T> Default(U&& value)
        : content_(std::in_place_type<T>, std::forward<U>(value)) {}
    Default(Required word) : content_(word) {}
    Default(Computed words) : content_(std::move(words)) {}

    const T* fixed() const { return std::get_if<T>(&content_); }
    const Computed* computed() const { return std::get_if<Computed>(&content_); }

  private:
    std::variant<T, Required, Computed> content_;
};

// The parts of the walk that need no type. `table` is what the file has at the reader's path.
void report_unknown_keys(const Table& table, const Descriptor& descriptor, Reader& reader);
void report_missing(const Table& table, const Descriptor& row, Reader& reader);
std::string child_path(const std::string& path, const std::string& name);
// The table in `entry`, or nullptr after a report. `elements`: each table of an array, empty after
// a report.
const Table* table_in(const Entry& entry, Reader& reader);
std::vector<const Table*> tables_in(const Entry& entry, const Descriptor& row, Reader& reader);

// The rows of one table, bound to the members of the plain struct S. Built once at start-up; copied
// into its parents.
template <class S>
class Schema {
  public:
    template <class T>
    Schema& key(std::string name, T S::*member, std::type_identity_t<Kind<T>> kind,
                std::type_identity_t<Default<T>> standard, Reload reload, std::string doc) {
        Descriptor row = value_row(std::move(name), kind, reload, std::move(doc));
        row.origin = Origin::required;
        if (standard.computed()) {
            row.origin = Origin::computed;
            row.standard = standard.computed()->how;
        } else if (standard.fixed()) {
            row.origin = Origin::fixed;
            row.standard = kind.show(*standard.fixed());
        }
        return add(std::move(row), [=](S& into, const Entry* entry, Reader& reader) {
            if (standard.fixed()) into.*member = *standard.fixed();
            if (!entry) return;
            if (auto read = kind.read(entry->value, reader)) into.*member = std::move(*read);
        });
    }

    // A key that may be absent and has no default.
    template <class T>
    Schema& optional_key(std::string name, std::optional<T> S::*member,
                         std::type_identity_t<Kind<T>> kind, Reload reload, std::string doc) {
        Descriptor row = value_row(std::move(name), kind, reload, std::move(doc));
        row.origin = Origin::unset;
        return add(std::move(row), [=](S& into, const Entry* entry, Reader& reader) {
            if (entry) into.*member = kind.read(entry->value, reader);
        });
    }

    // [name]: when the file has none, its rows are read as if it were empty.
    template <class U>
    Schema& table(std::string name, U S::*member, Schema<U> rows, std::string doc) {
        Descriptor row = table_row(std::move(name), Shape::table, rows, 0, std::move(doc));
        return add(std::move(row), [=](S& into, const Entry* entry, Reader& reader) {
            if (!entry) {
                rows.read(Table{reader.place_of(reader.path()), {}}, into.*member, reader);
            } else if (const Table* table = table_in(*entry, reader)) {
                rows.read(*table, into.*member, reader);
            }
        });
    }

    // [[name]], in the order of the file, `at_least` of them.
    template <class U>
    Schema& tables(std::string name, std::vector<U> S::*member, Schema<U> rows,
                   std::size_t at_least, std::string doc) {
        Descriptor row = table_row(std::move(name), Shape::tables, rows, at_least, std::move(doc));
        return add(row, [=](S& into, const Entry* entry, Reader& reader) {
            if (!entry) return;
            const std::string path = reader.path();
            for (const Table* table : tables_in(*entry, row, reader)) {
                const auto index = std::to_string((into.*member).size());
                reader.enter(path + "[" + index + "]", table->place);
                rows.read(*table, (into.*member).emplace_back(), reader);
            }
        });
    }

    // [name.ANY], by the name that the file gives each.
    template <class U>
    Schema& named_tables(std::string name, std::map<std::string, U> S::*member, Schema<U> rows,
                         std::size_t at_least, std::string doc) {
        Descriptor row =
            table_row(std::move(name), Shape::named_tables, rows, at_least, std::move(doc));
        return add(std::move(row), [=](S& into, const Entry* entry, Reader& reader) {
            const Table* outer = entry ? table_in(*entry, reader) : nullptr;
            if (!outer) return;
            const std::string path = reader.path();
            for (const Entry& inner : outer->entries) {
                reader.enter(child_path(path, inner.name), inner.place);
                if (const Table* table = table_in(inner, reader))
                    rows.read(*table, (into.*member)[inner.name], reader);
            }
        });
    }

    // A key or section that exists in the format but is not served by this program.
    Schema& refuse(std::string name, Complaint complaint) {
        Descriptor row;
        row.name = std::move(name);
        row.shape = Shape::refused;
        row.refusal = complaint;
        return add(std::move(row), [=](S&, const Entry* entry, Reader& reader) {
            if (entry) reader.error(entry->place, complaint);
        });
    }

    // Reads every row of `table` into `into` and reports all that is wrong, unknown keys and
    // missing ones too.
    void read(const Table& table, S& into, Reader& reader) const {
        const std::string path = reader.path();
        report_unknown_keys(table, descriptor_, reader);
        for (std::size_t i = 0; i < readers_.size(); ++i) {
            const Descriptor& row = descriptor_.rows[i];
            const Entry* entry = table.find(row.name);
            if (!entry) report_missing(table, row, reader);
            reader.enter(child_path(path, row.name), entry ? entry->value.place : Place{});
            readers_[i](into, entry, reader);
            reader.enter(path, Place{});
        }
    }

    const Descriptor& descriptor() const { return descriptor_; }

  private:
    using RowReader = std::function<void(S&, const Entry*, Reader&)>;

    template <class T>
    static Descriptor value_row(std::string name, const Kind<T>& kind, Reload reload,
                                std::string doc) {
        Descriptor row;
        row.name = std::move(name);
        row.shape = Shape::value;
        row.doc = std::move(doc);
        row.type = kind.type;
        row.range = kind.range;
        row.unit = kind.unit;
        row.json_schema = kind.json_schema;
        row.example = kind.example;
        row.reload = reload;
        row.accepts = [read = kind.read](const Value& value, Reader& reader) {
            return read(value, reader).has_value();
        };
        return row;
    }

    template <class U>
    static Descriptor table_row(std::string name, Shape shape, const Schema<U>& rows,
                                std::size_t at_least, std::string doc) {
        Descriptor row = rows.descriptor();
        row.name = std::move(name);
        row.shape = shape;
        row.at_least = at_least;
        row.doc = std::move(doc);
        return row;
    }

    Schema& add(Descriptor row, RowReader reader) {
        descriptor_.rows.push_back(std::move(row));
        readers_.push_back(std::move(reader));
        return *this;
    }

    Descriptor descriptor_;
    std::vector<RowReader> readers_;
};

// Reads `text` with `schema`. `finish(config, reader)` then checks across keys and fills in
// computed values. It also runs when some keys were wrong, so that all errors come out in one run:
// wrong keys hold their default or T{}, and reader.sound(path) is false for them. The config, or
// every error found.
template <class S>
std::variant<S, ConfigErrors> parse_config(std::string_view text, std::string file_name,
                                           const Schema<S>& schema, ReadOptions options,
                                           const std::function<void(S&, Reader&)>& finish) {
    auto parsed = parse_document(text, file_name);
    if (auto* errors = std::get_if<ConfigErrors>(&parsed)) return std::move(*errors);
    Reader reader(std::move(file_name), text, std::move(options));
    reader.know(schema.descriptor());
    S config{};
    schema.read(std::get<Table>(parsed), config, reader);
    if (finish) finish(config, reader);
    if (!reader.errors().empty()) return reader.take_errors();
    return config;
}

// The whole file, or one error saying why it cannot be read.
std::variant<std::string, ConfigErrors> read_config_file(const std::filesystem::path& path);

// The same from a file. Never throws for what is in the file, nor for a file that is missing.
template <class S>
std::variant<S, ConfigErrors> load_config(
    const std::filesystem::path& path, const Schema<S>& schema,
    const std::type_identity_t<std::function<void(S&, Reader&)>>& finish) {
    auto text = read_config_file(path);
    if (auto* errors = std::get_if<ConfigErrors>(&text)) return std::move(*errors);
    ReadOptions options;
    options.folder = path.parent_path();
    return parse_config(std::get<std::string>(text), path.string(), schema, options, finish);
}

// Markdown for people and JSON Schema for editors, both from the table alone.
std::string markdown_reference(const Descriptor& root, std::string_view program,
                               std::string_view file_name);
std::string json_schema(const Descriptor& root, std::string_view title);

// The candidate nearest to `word` by edits (insert, delete, replace, swap neighbours), or "" when
// none is near.
std::string nearest_name(std::string_view word, const std::vector<std::string>& candidates);

}  // namespace mdd::config
