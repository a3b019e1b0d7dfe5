// Walks record headers: type(1) version(2) epoch(2) sequence(6) length(2).
#include "tools/mdd-kmf/records.h"

#include <algorithm>

namespace mdd::kmf {
namespace {

constexpr std::size_t kRecordHeaderBytes = 13;
constexpr std::size_t kMaxRecordBodyBytes = 16384 + 2048;  // RFC 5246 §6.2.3
constexpr std::uint8_t kDtlsMajorVersion = 0xFE;

// msg_type(1) length(3) message_seq(2) fragment_offset(3) fragment_length(3), then
// client_version(2) random(32).
constexpr std::uint8_t kClientHello = 1;
constexpr std::size_t kFragmentOffsetAt = 6;
constexpr std::size_t kRandomAt = 12 + 2;

}  // namespace

std::optional<RecordView> next_record(Bytes& rest) {
    if (rest.size() < kRecordHeaderBytes || rest[1] != kDtlsMajorVersion) return std::nullopt;
    const std::size_t body_bytes = srtp::load_be16(&rest[11]);
    if (body_bytes > kMaxRecordBodyBytes || body_bytes > rest.size() - kRecordHeaderBytes)
        return std::nullopt;
    const auto whole = rest.first(kRecordHeaderBytes + body_bytes);
    rest = rest.subspan(whole.size());
    return RecordView{whole[0], srtp::load_be16(&whole[3]), whole.subspan(kRecordHeaderBytes),
                      whole};
}

Sorting sort_inbound(Bytes datagram) {
    if (datagram.empty()) return Sorting::malformed;
    while (!datagram.empty()) {
        const auto record = next_record(datagram);
        if (!record) return Sorting::malformed;
        if (record->epoch > 0) continue;
        if (record->type == kRecordAlert) return Sorting::unwanted_alert;
        if (record->type != kRecordHandshake && record->type != kRecordChangeCipherSpec)
            return Sorting::unwanted_type;
    }
    return Sorting::pass;
}

bool carries_finished(Bytes datagram) {
    return !finished_record(datagram).empty();
}

Bytes finished_record(Bytes datagram) {
    while (const auto record = next_record(datagram))
        if (record->type == kRecordHandshake && record->epoch > 0) return record->whole;
    return {};
}

std::optional<ClientRandom> client_hello_random(Bytes datagram) {
    const auto record = next_record(datagram);
    if (!record || record->type != kRecordHandshake || record->epoch != 0) return std::nullopt;
    ClientRandom random;
    const auto body = record->body;
    if (body.size() < kRandomAt + random.size() || body[0] != kClientHello) return std::nullopt;
    const auto* offset = &body[kFragmentOffsetAt];
    if ((offset[0] | offset[1] | offset[2]) != 0) return std::nullopt;
    std::copy_n(&body[kRandomAt], random.size(), random.begin());
    return random;
}

}  // namespace mdd::kmf
