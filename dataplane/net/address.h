// Addresses as they stand on the wire: strong big-endian integers, MAC and IPv4 socket addresses.
// No parsing of packets.
#pragma once

#include <array>
#include <bit>
#include <compare>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace mdd::net {

// Integers in network byte order. They compare for equality as they are; their order is that of the
// raw memory and means nothing but a stable order. Arithmetic goes through from_be().
enum class Be16 : std::uint16_t {};
enum class Be32 : std::uint32_t {};

constexpr bool kSwap = std::endian::native == std::endian::little;

constexpr Be16 to_be(std::uint16_t host) {
    return Be16{kSwap ? __builtin_bswap16(host) : host};
}
constexpr Be32 to_be(std::uint32_t host) {
    return Be32{kSwap ? __builtin_bswap32(host) : host};
}
constexpr std::uint16_t from_be(Be16 wire) {
    const auto raw = static_cast<std::uint16_t>(wire);
    return kSwap ? __builtin_bswap16(raw) : raw;
}
constexpr std::uint32_t from_be(Be32 wire) {
    const auto raw = static_cast<std::uint32_t>(wire);
    return kSwap ? __builtin_bswap32(raw) : raw;
}

struct MacAddress {
    std::array<std::uint8_t, 6> bytes{};

    // True for multicast and broadcast: the group bit (IEEE 802.3 §3.2.3), never valid as a source.
    constexpr bool is_group() const { return (bytes[0] & 1) != 0; }
    friend auto operator<=>(const MacAddress&, const MacAddress&) = default;
};

inline constexpr MacAddress kBroadcastMac{{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};

// An IPv4 address and a UDP port; {0, 0} where nothing is known. Value type: 8 bytes, ordered,
// hashable.
struct SocketAddress {
    Be32 ip{};
    Be16 port{};

    friend auto operator<=>(const SocketAddress&, const SocketAddress&) = default;
};

// An IPv4 network in prefix notation. Invariant kept by parse_ipv4_network(): prefix_bits <= 32.
struct Ipv4Network {
    Be32 ip{};  // the address as written: a host's address keeps its host bits ("192.0.2.10/24")
    std::uint8_t prefix_bits = 0;

    constexpr Be32 netmask() const {
        return to_be(prefix_bits == 0 ? 0U : std::uint32_t{0xffffffff} << (32 - prefix_bits));
    }
    constexpr bool contains(Be32 other) const {
        const auto differing = static_cast<std::uint32_t>(ip) ^ static_cast<std::uint32_t>(other);
        return (differing & static_cast<std::uint32_t>(netmask())) == 0;
    }
    friend bool operator==(const Ipv4Network&, const Ipv4Network&) = default;
};

// Text to value. Strict: decimal without signs, spaces or leading zeros, the whole text; nullopt
// otherwise.
std::optional<Be32> parse_ipv4(std::string_view text);                     // "192.0.2.1"
std::optional<SocketAddress> parse_socket_address(std::string_view text);  // "192.0.2.1:5004"
std::optional<Ipv4Network> parse_ipv4_network(std::string_view text);      // "192.0.2.10/24"
std::optional<MacAddress> parse_mac(std::string_view text);                // "02:00:00:00:00:01"

// Value to text, the inverse of the above.
std::string to_string(Be32 ip);
std::string to_string(const SocketAddress& address);
std::string to_string(const Ipv4Network& network);
std::string to_string(const MacAddress& mac);

}  // namespace mdd::net

// Mixes all 48 bits, so that power-of-two tables do not cluster on neighbouring ports.
template <>
struct std::hash<mdd::net::SocketAddress> {
    std::size_t operator()(const mdd::net::SocketAddress& address) const noexcept {
        std::uint64_t x = std::uint64_t{static_cast<std::uint32_t>(address.ip)} << 16 |
                          static_cast<std::uint16_t>(address.port);
        x = (x ^ (x >> 29)) * 0xbf58476d1ce4e5b9ULL;
        x = (x ^ (x >> 32)) * 0x94d049bb133111ebULL;
        return static_cast<std::size_t>(x ^ (x >> 31));
    }
};
