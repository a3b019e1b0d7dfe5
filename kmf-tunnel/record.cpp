// The walk over DTLS record headers, and what is read off it.
#include "kmf-tunnel/record.h"

#include <algorithm>
#include <compare>

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

bool is_client_hello(const Record& record) {
    return record.type == ContentType::handshake && record.epoch == 0 &&
           record.fragment.size() >= kHandshakeHeaderBytes && record.fragment[0] == kClientHello;
}

// Where a piece of a handshake message belongs (RFC 6347 §4.2.2).
struct Fragment {
    std::uint16_t message_sequence;
    std::uint32_t message_bytes, offset, bytes;
    auto operator<=>(const Fragment&) const = default;
};

std::uint32_t load_be24(const std::uint8_t* p) {
    return std::uint32_t{p[0]} << 16 | srtp::load_be16(p + 1);
}

// The pieces of ClientHellos that begin records of epoch 0.
std::vector<Fragment> client_hello_fragments(std::span<const std::vector<std::uint8_t>> datagrams) {
    std::vector<Fragment> fragments;
    for (const auto& datagram : datagrams) {
        RecordWalk walk(datagram);
        while (const auto record = walk.next()) {
            if (!is_client_hello(*record)) continue;
            const auto* header = record->fragment.data();
            const Fragment fragment{srtp::load_be16(header + 4), load_be24(header + 1),
                                    load_be24(header + 6), load_be24(header + 9)};
            const auto most_bytes = record->fragment.size() - kHandshakeHeaderBytes;
            if (fragment.bytes != 0 && fragment.bytes <= most_bytes &&
                fragment.offset + fragment.bytes <= fragment.message_bytes)
                fragments.push_back(fragment);
        }
    }
    return fragments;
}

std::optional<Record> first_if_client_hello(srtp::Bytes datagram) {
    if (!is_well_formed(datagram)) return std::nullopt;
    const auto record = RecordWalk(datagram).next();
    return is_client_hello(*record) ? record : std::nullopt;
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

bool hold_whole_client_hello(std::span<const std::vector<std::uint8_t>> datagrams) {
    auto fragments = client_hello_fragments(datagrams);
    std::ranges::sort(fragments);
    Fragment joined{};
    for (const auto& fragment : fragments) {
        // Pieces of one message lie side by side now, in order.
        if (joined.message_sequence != fragment.message_sequence ||
            joined.message_bytes != fragment.message_bytes)
            joined = {fragment.message_sequence, fragment.message_bytes, 0, 0};
        if (fragment.offset <= joined.bytes)
            joined.bytes = std::max(joined.bytes, fragment.offset + fragment.bytes);
        if (joined.bytes >= joined.message_bytes) return true;
    }
    return false;
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
