// A benchmark's result as one row of JSON, the same for every benchmark that counts packets.
// Measures nothing.
#pragma once

#include <cstddef>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

namespace mdd::bench {

// What does not apply is null in the JSON.
struct Row {
    std::string bench;
    std::size_t size_bytes = 0;  // of RTP payload that is sealed
    unsigned receivers = 1;
    unsigned group = 1;    // packets of one sender handled together
    std::size_t keys = 0;  // of receivers, in shuffled memory
    unsigned aes_bits = 128;
    unsigned workers = 1;
    double mpps_out = 0;
    double cycles_per_packet = 0;  // TSC, per packet sent
    std::optional<double> limit_cycles_per_packet = {};
    std::optional<double> ratio_to_limit = {};
    std::optional<std::string> peer = {};
    std::optional<double> ratio_to_peer = {};
};
nlohmann::json to_json(const Row& row, const std::string& commit);

}  // namespace mdd::bench
