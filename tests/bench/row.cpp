// The row's names are those of every JSON file of benchmarks: see row.h.
#include "tests/bench/row.h"

#include "tools/mdd-load/cpu_name.h"

namespace mdd::bench {
namespace {

template <class Value>
nlohmann::json or_null(const std::optional<Value>& value) {
    return value ? nlohmann::json(*value) : nlohmann::json(nullptr);
}

}  // namespace

nlohmann::json to_json(const Row& row, const std::string& commit) {
    return {{"bench", row.bench},
            {"size_bytes", row.size_bytes},
            {"receivers", row.receivers},
            {"group", row.group},
            {"keys", row.keys},
            {"aes", row.aes_bits},
            {"workers", row.workers},
            {"mpps_out", row.mpps_out},
            {"cycles_per_packet", row.cycles_per_packet},
            {"limit_cycles_per_packet", or_null(row.limit_cycles_per_packet)},
            {"ratio_to_limit", or_null(row.ratio_to_limit)},
            {"peer", or_null(row.peer)},
            {"ratio_to_peer", or_null(row.ratio_to_peer)},
            {"cpu", load::cpu_name()},
            {"commit", commit}};
}

}  // namespace mdd::bench
