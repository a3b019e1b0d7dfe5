// The test vectors of tests/vectors/vectors.json (RFC 7714, 3711, 6188, 5649, Double, both
// tunnels), parsed once.
#pragma once

#include <fstream>
#include <nlohmann/json.hpp>

#include "tests/support/hex.h"

namespace mdd::test {

inline const nlohmann::json& vectors() {
    static const nlohmann::json parsed = [] {
        std::ifstream file(MDD_VECTORS);
        return nlohmann::json::parse(file);
    }();
    return parsed;
}

}  // namespace mdd::test
