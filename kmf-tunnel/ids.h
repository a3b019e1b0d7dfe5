// The two 16-byte names in every tunnel message. Values only: who owns an id, and when it ends, is
// decided elsewhere.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <cstring>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace mdd::tunnel {

// 16 opaque bytes in wire order. The tag keeps an association from being passed where a conference
// is meant.
template <class Tag>
struct Id16 {
    std::array<std::uint8_t, 16> bytes{};

    auto operator<=>(const Id16&) const = default;
    bool is_zero() const { return *this == Id16{}; }
};

// An endpoint's keying, named by the MDD; unique within a tunnel (draft-jones-perc-dtls-tunnel-00
// §6).
using AssociationId = Id16<struct AssociationTag>;
// A conference, known to both sides by configuration or signalling.
using ConferenceId = Id16<struct ConferenceTag>;

// A version 4 UUID (RFC 4122 §4.4) from the operating system's random source, and so never zero:
// the zero id is the keepalive's.
AssociationId random_association_id();

// 32 lower-case hex digits.
std::string to_hex(const AssociationId& id);
// 8-4-4-4-12 lower-case hex digits.
std::string to_uuid(const ConferenceId& id);
// Either form, any case: 32 hex digits or 8-4-4-4-12. nullopt for anything else.
std::optional<ConferenceId> parse_conference_id(std::string_view text);

}  // namespace mdd::tunnel

template <class Tag>
struct std::hash<mdd::tunnel::Id16<Tag>> {
    std::size_t operator()(const mdd::tunnel::Id16<Tag>& id) const noexcept {
        std::uint64_t halves[2];
        std::memcpy(halves, id.bytes.data(), sizeof halves);
        return static_cast<std::size_t>(halves[0] ^ (halves[1] * 0x9e3779b97f4a7c15ULL));
    }
};
