// The walk over DTLS record headers, and what is read off it.
#include "kmf-tunnel/record.h"

#include <algorithm>

namespace mdd::tunnel {
namespace {

constexpr std::uint8_t kClientHello = 1;
constexpr std::size_t kHandshakeHeaderBytes = 12;
constexpr std::size_t kRandomBytes = 32;

bool is_dtls_version(const std::uint8_t* p) {
    // DTLS 1.0 is fe ff, 1.2 is fe fd; there is no 1.1. A ClientHello's record may say 1.0.
    return p[0] == 0xfe && (p[1] == 0xff || p[1] == 0xfd);
}

bool is_known_type(std::uint8_t type, std::uint16_t epoch) {
    if (type == static_cast<std::uint8_t>(ContentType::ack)) return epoch > 0;
    return type >= 20 && type <= 23;
}

std::optional<Record> first_if_client_hello(srtp::Bytes datagram) {
    if (!is_well_formed(datagram)) return std::nullopt;
    const auto record = RecordWalk(datagram).next();
    const bool is_hello = record->type == ContentType::handshake && record->epoch == 0 &&
                          record->fragment.size() >= kHandshakeHeaderBytes &&
                          record->fragment[0] == kClientHello;
    return is_hello ? record : std::nullopt;
}

template <class Predicate>
bool any_record(srtp::Bytes datagram, Predicate predicate) {
    RecordWalk walk(datagram);
    bool found = false;
    while (const auto record = walk.next()) found = found || predicate(*record);
    return found && walk.well_formed();
}

}  // namespace

std::optional<Record> RecordWalk::next() {
    if (rest_.size() < kRecordHeaderBytes) return std::nullopt;
    const std::uint8_t* header = rest_.data();
    const std::size_t whole_bytes = kRecordHeaderBytes + srtp::load_be16(header + 11);
    const std::uint16_t epoch = srtp::load_be16(header + 3);
    if (!is_known_type(header[0], epoch) || !is_dtls_version(header + 1) ||
        whole_bytes > rest_.size())
        return std::nullopt;
    const std::uint64_t sequence =
        static_cast<std::uint64_t>(srtp::load_be16(header + 5)) << 32 | srtp::load_be32(header + 7);
    const srtp::Bytes whole = rest_.first(whole_bytes);
    rest_ = rest_.subspan(whole_bytes);
    return Record{static_cast<ContentType>(header[0]), epoch, sequence,
                  whole.subspan(kRecordHeaderBytes), whole};
}

bool is_well_formed(srtp::Bytes datagram) {
    return any_record(datagram, [](const Record&) { return true; });
}

bool is_epoch0_handshake(srtp::Bytes datagram) {
    return any_record(datagram, [](const Record& record) {
        return record.type == ContentType::handshake && record.epoch == 0;
    });
}

bool is_client_hello_record(srtp::Bytes datagram) {
    return first_if_client_hello(datagram).has_value();
}

std::optional<std::array<std::uint8_t, 32>> client_hello_random(srtp::Bytes datagram) {
    constexpr std::size_t kRandomAt = kHandshakeHeaderBytes + 2;
    const auto record = first_if_client_hello(datagram);
    if (!record || record->fragment.size() < kRandomAt + kRandomBytes) return std::nullopt;
    const std::uint8_t* offset = record->fragment.data() + 6;
    if (offset[0] != 0 || offset[1] != 0 || offset[2] != 0) return std::nullopt;
    std::array<std::uint8_t, kRandomBytes> random;
    std::copy_n(record->fragment.begin() + kRandomAt, kRandomBytes, random.begin());
    return random;
}

bool has_protected_handshake(srtp::Bytes datagram) {
    return any_record(datagram, [](const Record& record) {
        return record.type == ContentType::handshake && record.epoch >= 1;
    });
}

bool has_impossible_record(srtp::Bytes datagram) {
    RecordWalk walk(datagram);
    while (const auto record = walk.next())
        if (record->epoch >= 1 && record->fragment.size() < kGcmRecordOverheadBytes) return true;
    return false;
}

}  // namespace mdd::tunnel
