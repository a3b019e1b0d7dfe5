// The JSON report of a run: every counter under a fixed name. Reads, decides nothing.
#pragma once

#include <chrono>
#include <map>
#include <vector>

#include <nlohmann/json.hpp>

#include "tools/mdd-endpoint/double_context.h"
#include "tools/mdd-endpoint/key_exchange.h"
#include "tools/mdd-endpoint/stream_stats.h"

namespace mdd::endpoint {

struct SentStream {
    std::uint8_t payload_type = 0;
    std::uint64_t packets = 0;
    std::uint64_t payload_and_header_bytes = 0;
    PacketIndex first_index = 0;
    PacketIndex last_index = 0;
};

struct ReceivedStream {
    std::uint8_t payload_type = 0;  // as the sender set it
    StreamStats stats;
    std::uint64_t rtp_bytes = 0;
    std::uint64_t pattern_good = 0;  // of --generate, verified byte for byte
    std::uint64_t pattern_damaged = 0;
    std::uint16_t local_port = 0;  // 0: not delivered
    std::chrono::steady_clock::time_point first_at{};
};

struct ReportInput {
    srtp::Profile profile;
    const DoubleContext& context;
    const KeyExchangeCounters& keys;
    const std::vector<std::chrono::steady_clock::time_point>& keyed_at;
    const std::vector<std::uint16_t>& spis;  // of the EKT keys from the KMF, oldest first
    const std::map<std::uint32_t, SentStream>& sent;
    const std::map<std::uint32_t, ReceivedStream>& received;
    std::uint64_t demux_unknown;  // datagrams that are neither DTLS nor RTP
};

// Times are milliseconds where the name ends in _ms, CLOCK_MONOTONIC nanoseconds where it ends in
// _ns. SSRCs are numbers.
nlohmann::ordered_json make_report(const ReportInput& input);

}  // namespace mdd::endpoint
