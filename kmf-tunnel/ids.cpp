// Text forms of the tunnel's ids, and fresh association ids.
#include "kmf-tunnel/ids.h"

#include <openssl/rand.h>

#include <stdexcept>

#include "kmf-tunnel/hex_text.h"

namespace mdd::tunnel {
namespace {

constexpr std::size_t kDashAt[] = {8, 13, 18, 23};

}  // namespace

AssociationId random_association_id() {
    AssociationId id;
    if (RAND_bytes(id.bytes.data(), static_cast<int>(id.bytes.size())) != 1)
        throw std::runtime_error("The random source gives no bytes for an association id.");
    id.bytes[6] = static_cast<std::uint8_t>((id.bytes[6] & 0x0f) | 0x40);
    id.bytes[8] = static_cast<std::uint8_t>((id.bytes[8] & 0x3f) | 0x80);
    return id;
}

std::string to_hex(const AssociationId& id) {
    return hex_text(id.bytes);
}

std::string to_uuid(const ConferenceId& id) {
    std::string text = hex_text(id.bytes);
    for (const std::size_t at : kDashAt) text.insert(at, 1, '-');
    return text;
}

std::optional<ConferenceId> parse_conference_id(std::string_view text) {
    std::string digits(text);
    if (digits.size() == 36) {
        // From the back, so that earlier positions stay valid.
        for (std::size_t i = 4; i-- > 0;) {
            if (digits[kDashAt[i]] != '-') return std::nullopt;
            digits.erase(kDashAt[i], 1);
        }
    }
    const auto bytes = parse_hex<16>(digits);
    if (!bytes) return std::nullopt;
    return ConferenceId{*bytes};
}

}  // namespace mdd::tunnel
