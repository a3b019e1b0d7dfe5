// How kinds word a refusal, so that all of them sound alike. Used by the kinds*.cpp files only.
#pragma once

#include <fmt/format.h>
#include <optional>
#include <string>

#include "controlplane/config/document.h"
#include "controlplane/config/reader.h"

namespace mdd::config {

// "is a number", "is a list": what stands where something else was expected.
inline std::string_view what_it_is(const Value& value) {
    switch (value.data.index()) {
        case 1:
            return "is true or false";
        case 2:
            return "is a number";
        case 3:
            return "is text";
        case 4:
            return "is a list";
        case 5:
            return "is a table";
        default:
            return "is a value that no key takes";
    }
}

// The name of the key being read, without what encloses it and without an index: "rx_queues".
inline std::string key_name(const Reader& reader) {
    std::string name = reader.path();
    if (name.ends_with(']')) name.erase(name.rfind('['));
    return name.substr(name.rfind('.') + 1);
}

// What the user would write: "rx_queues = 6", or just the element inside a list.
inline std::string as_written(const Reader& reader, const std::string& example) {
    if (reader.path().ends_with(']')) return example;
    return key_name(reader) + " = " + example;
}

inline std::nullopt_t refuse(const Value& value, Reader& reader, std::string text,
                             std::string at_caret, std::string help) {
    reader.error_here(value.place, {std::move(text), std::move(at_caret), std::move(help)});
    return std::nullopt;
}

inline std::nullopt_t refuse_type(const Value& value, Reader& reader, const std::string& expected,
                                  const std::string& example) {
    return refuse(value, reader, "expected " + expected, std::string(what_it_is(value)),
                  "write, for example, " + as_written(reader, example));
}

}  // namespace mdd::config
