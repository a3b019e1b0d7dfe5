// Addresses to text and back. Off the hot path.
#include "dataplane/net/address.h"

#include <charconv>

namespace mdd::net {
namespace {

// One number of at most `max`, without sign or leading zero, taken off the front of `text`.
std::optional<std::uint32_t> take_number(std::string_view& text, std::uint32_t max) {
    std::uint32_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    const auto digits = static_cast<std::size_t>(end - text.data());
    if (error != std::errc{} || value > max || (digits > 1 && text[0] == '0')) return std::nullopt;
    text.remove_prefix(digits);
    return value;
}

bool take(std::string_view& text, char expected) {
    if (text.empty() || text[0] != expected) return false;
    text.remove_prefix(1);
    return true;
}

std::optional<Be32> take_ipv4(std::string_view& text) {
    std::uint32_t ip = 0;
    for (int part = 0; part < 4; ++part) {
        if (part > 0 && !take(text, '.')) return std::nullopt;
        const auto number = take_number(text, 255);
        if (!number) return std::nullopt;
        ip = ip << 8 | *number;
    }
    return to_be(ip);
}

}  // namespace

std::optional<Be32> parse_ipv4(std::string_view text) {
    const auto ip = take_ipv4(text);
    return text.empty() ? ip : std::nullopt;
}

std::optional<SocketAddress> parse_socket_address(std::string_view text) {
    const auto ip = take_ipv4(text);
    if (!ip || !take(text, ':')) return std::nullopt;
    const auto port = take_number(text, 65535);
    if (!port || !text.empty()) return std::nullopt;
    return SocketAddress{*ip, to_be(static_cast<std::uint16_t>(*port))};
}

std::optional<Ipv4Network> parse_ipv4_network(std::string_view text) {
    const auto ip = take_ipv4(text);
    if (!ip || !take(text, '/')) return std::nullopt;
    const auto prefix = take_number(text, 32);
    if (!prefix || !text.empty()) return std::nullopt;
    return Ipv4Network{*ip, static_cast<std::uint8_t>(*prefix)};
}

std::optional<MacAddress> parse_mac(std::string_view text) {
    if (text.size() != 17) return std::nullopt;
    MacAddress mac;
    for (std::size_t i = 0; i < 6; ++i) {
        const char* at = text.data() + 3 * i;
        if (i < 5 && at[2] != ':') return std::nullopt;
        if (std::from_chars(at, at + 2, mac.bytes[i], 16).ptr != at + 2) return std::nullopt;
    }
    return mac;
}

std::string to_string(Be32 ip) {
    const std::uint32_t host = from_be(ip);
    std::string text;
    for (int shift = 24; shift >= 0; shift -= 8) {
        text += std::to_string(host >> shift & 0xff);
        if (shift > 0) text += '.';
    }
    return text;
}

std::string to_string(const SocketAddress& address) {
    return to_string(address.ip) + ':' + std::to_string(from_be(address.port));
}

std::string to_string(const Ipv4Network& network) {
    return to_string(network.ip) + '/' + std::to_string(network.prefix_bits);
}

std::string to_string(const MacAddress& mac) {
    std::string text;
    for (const std::uint8_t byte : mac.bytes) {
        if (!text.empty()) text += ':';
        text += "0123456789abcdef"[byte >> 4];
        text += "0123456789abcdef"[byte & 15];
    }
    return text;
}

}  // namespace mdd::net
