// Scenarios and a bed as texts, for the tests of mdd-load.
#pragma once

#include <gtest/gtest.h>

#include <sstream>

#include "tools/mdd-load/bed.h"

namespace mdd::load::test {

inline const std::string kBedText = R"([port]
device = "net_null0"
[endpoints]
first = "10.9.1.1/16"
ports_per_address = 7
[mdd]
address = "10.9.0.2:5004"
[kmf]
cert = "load.pem"
key = "load.key"
ca = "ca.pem"
)";

inline std::string text_of(const config::ConfigErrors& errors) {
    std::ostringstream out;
    errors.print(out);
    return out.str();
}

inline auto try_bed(const std::string& text) {
    config::ReadOptions options;
    options.check_files = false;
    return parse_bed(text, "bed.toml", options);
}

template <class T>
T good(std::variant<T, config::ConfigErrors> parsed) {
    if (const auto* errors = std::get_if<config::ConfigErrors>(&parsed)) {
        ADD_FAILURE() << text_of(*errors);
        return {};
    }
    return std::get<T>(std::move(parsed));
}

inline Bed bed(const std::string& text = kBedText) {
    return good(try_bed(text));
}
inline Scenario scenario(const std::string& text) {
    return good(parse_scenario(text, "scenario.toml"));
}

}  // namespace mdd::load::test
