// Counters to JSON.
#include "tools/mdd-endpoint/report.h"

namespace mdd::endpoint {
namespace {

using Json = nlohmann::ordered_json;

std::int64_t nanoseconds(std::chrono::steady_clock::time_point at) {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(at.time_since_epoch()).count();
}

Json rtp_report(const ReportInput& input) {
    const auto& rtp = input.context.rtp;
    std::uint64_t lost = 0;
    std::uint64_t reordered = 0;
    std::uint64_t damaged = 0;
    for (const auto& [ssrc, stream] : input.received) {
        lost += stream.stats.lost();
        reordered += stream.stats.reordered();
        damaged += stream.pattern_damaged;
    }
    return {{"sent", rtp.sent},
            {"received", rtp.received},
            {"lost", lost},
            {"reordered", reordered},
            {"hbh_failed", rtp.hbh_failed},
            {"e2e_failed", rtp.e2e_failed},
            {"e2e_no_key", rtp.e2e_no_key},
            {"e2e_waited", rtp.e2e_waited},
            {"replayed", rtp.hbh_replayed + rtp.e2e_replayed},
            {"hbh_replayed", rtp.hbh_replayed},
            {"e2e_replayed", rtp.e2e_replayed},
            {"ohb_invalid", rtp.ohb_invalid},
            {"malformed", rtp.malformed},
            {"pattern_damaged", damaged},
            {"ssrc_limit", rtp.ssrc_limit},
            {"receive_not_keyed", rtp.receive_not_keyed},
            {"receive_expired", rtp.receive_expired},
            {"send_malformed", rtp.send_malformed},
            {"send_refused", rtp.send_refused},
            {"send_not_keyed", rtp.send_not_keyed},
            {"send_no_ekt_key", rtp.send_no_ekt_key},
            {"send_paused", rtp.send_paused},
            {"send_expired", rtp.send_expired},
            {"wrong_ssrc_or_pt", rtp.wrong_ssrc_or_pt},
            {"not_delivered", rtp.not_delivered},
            {"socket_failed", rtp.socket_failed}};
}

Json rtcp_report(const RtcpCounters& rtcp) {
    return {{"sent", rtcp.sent},
            {"received", rtcp.received},
            {"hbh_failed", rtcp.hbh_failed},
            {"replayed", rtcp.hbh_replayed},
            {"malformed", rtcp.malformed},
            {"unrouted", rtcp.unrouted},
            {"bye_held", rtcp.bye_held},
            {"keyframe_requests", rtcp.keyframe_requests},
            {"receive_not_keyed", rtcp.receive_not_keyed},
            {"send_malformed", rtcp.send_malformed},
            {"send_refused", rtcp.send_refused},
            {"send_not_keyed", rtcp.send_not_keyed}};
}

Json ekt_report(const ReportInput& input) {
    const auto& context = input.context;
    const auto& ekt = context.ekt;
    return {{"keys_from_kmf", ekt.keys_from_kmf},
            {"keys_refused", ekt.keys_refused},
            {"rekeys", input.spis.empty() ? 0 : input.spis.size() - 1},
            {"spis", input.spis},
            {"acknowledgements", input.keys.ekt_acknowledgements},
            {"full", ekt.full},
            {"short", ekt.short_},
            {"bad", ekt.bad},
            {"unknown_type", ekt.unknown_type},
            {"unknown_spi", ekt.unknown_spi},
            {"stale_epoch", ekt.stale_epoch},
            {"reused_key", ekt.reused_key},
            {"ssrc_mismatch", ekt.ssrc_mismatch},
            {"wrong_key_length", ekt.wrong_key_length},
            {"keys_learnt", ekt.keys_learnt},
            {"roc_corrections", context.roc_corrections()},
            {"full_sent", context.sender() ? context.sender()->full_tags() : 0},
            {"short_sent", context.sender() ? context.sender()->short_tags() : 0}};
}

Json dtls_report(const KeyExchangeCounters& keys) {
    return {{"handshakes", keys.handshakes},
            {"handshakes_failed", keys.handshakes_failed},
            {"last_handshake_ms", keys.last_handshake_ms},
            {"repeated_flights", keys.repeated_flights},
            {"datagrams_sent", keys.datagrams_sent},
            {"datagrams_received", keys.datagrams_received},
            {"closed_by_kmf", keys.closed_by_kmf},
            {"failure", keys.failure}};
}

Json sent_report(const std::map<std::uint32_t, SentStream>& streams) {
    auto list = Json::array();
    for (const auto& [ssrc, stream] : streams)
        list.push_back({{"ssrc", ssrc},
                        {"pt", stream.payload_type},
                        {"sent", stream.packets},
                        {"bytes", stream.payload_and_header_bytes},
                        {"first_index", stream.first_index},
                        {"last_index", stream.last_index}});
    return list;
}

Json received_report(const std::map<std::uint32_t, ReceivedStream>& streams) {
    auto list = Json::array();
    for (const auto& [ssrc, stream] : streams)
        list.push_back({{"ssrc", ssrc},
                        {"pt", stream.payload_type},
                        {"received", stream.stats.received()},
                        {"lost", stream.stats.lost()},
                        {"reordered", stream.stats.reordered()},
                        {"bytes", stream.rtp_bytes},
                        {"first_index", stream.stats.first().value_or(0)},
                        {"last_index", stream.stats.last()},
                        {"first_ns", nanoseconds(stream.first_at)},
                        {"pattern_good", stream.pattern_good},
                        {"pattern_damaged", stream.pattern_damaged},
                        {"port", stream.local_port}});
    return list;
}

}  // namespace

Json make_report(const ReportInput& input) {
    auto keyed_ns = Json::array();
    for (auto at : input.keyed_at) keyed_ns.push_back(nanoseconds(at));
    return {{"program", "mdd-endpoint"},
            {"version", MDD_VERSION},
            {"profile", srtp::traits_of(input.profile).name},
            {"keyed", !input.keyed_at.empty()},
            {"handshake_ms", input.keys.first_handshake_ms},
            {"keyed_ns", keyed_ns},
            {"dtls", dtls_report(input.keys)},
            {"rtp", rtp_report(input)},
            {"rtcp", rtcp_report(input.context.rtcp)},
            {"ekt", ekt_report(input)},
            {"streams_sent", sent_report(input.sent)},
            {"streams_received", received_report(input.received)},
            {"demux_unknown", input.demux_unknown}};
}

}  // namespace mdd::endpoint
