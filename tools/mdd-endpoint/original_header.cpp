// OHB: bits R R R R B M P Q of Config, read backwards (RFC 8723 §4).
#include "tools/mdd-endpoint/original_header.h"

namespace mdd::endpoint {
namespace {

constexpr std::uint8_t kSequencePresent = 0x01;
constexpr std::uint8_t kPayloadTypePresent = 0x02;
constexpr std::uint8_t kMarkerPresent = 0x04;
constexpr std::uint8_t kMarkerValue = 0x08;
constexpr std::uint8_t kReserved = 0xF0;

}  // namespace

std::optional<OriginalHeader> parse_original_header(srtp::Bytes payload) {
    if (payload.empty()) return std::nullopt;
    const auto config = payload.back();
    if ((config & kReserved) != 0) return std::nullopt;
    if ((config & kMarkerValue) != 0 && (config & kMarkerPresent) == 0) return std::nullopt;

    OriginalHeader original;
    if ((config & kMarkerPresent) != 0) original.marker = (config & kMarkerValue) != 0;
    if ((config & kSequencePresent) != 0) {
        original.size_bytes += 2;
        if (payload.size() < original.size_bytes) return std::nullopt;
        original.sequence = srtp::load_be16(payload.data() + payload.size() - original.size_bytes);
    }
    if ((config & kPayloadTypePresent) != 0) {
        original.size_bytes += 1;
        if (payload.size() < original.size_bytes) return std::nullopt;
        original.payload_type = payload[payload.size() - original.size_bytes];
        if (*original.payload_type > 0x7F) return std::nullopt;
    }
    return original;
}

void restore_header(const OriginalHeader& original, srtp::MutableBytes header) {
    if (original.payload_type)
        header[1] = static_cast<std::uint8_t>((header[1] & 0x80) | *original.payload_type);
    if (original.marker)
        header[1] = static_cast<std::uint8_t>((header[1] & 0x7F) | (*original.marker ? 0x80 : 0));
    if (original.sequence) srtp::store_be16(header.data() + 2, *original.sequence);
}

}  // namespace mdd::endpoint
