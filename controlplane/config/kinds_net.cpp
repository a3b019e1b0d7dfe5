// The kinds of the network: IPv4 addresses, prefixes and ports, host names; and the two
// identifiers, UUID and SHA-256.
#include <arpa/inet.h>
#include <algorithm>
#include <charconv>
#include <cstring>

#include "controlplane/config/kinds.h"
#include "controlplane/config/refuse.h"

namespace mdd::config {
namespace {

std::optional<std::uint32_t> parse_ipv4(const std::string& text) {
    in_addr address{};
    if (inet_pton(AF_INET, text.c_str(), &address) != 1) return std::nullopt;
    return ntohl(address.s_addr);
}

// Also true for what merely looks like IPv6: IPv4 and host names never have two colons.
bool looks_like_ipv6(std::string_view text) {
    return std::count(text.begin(), text.end(), ':') >= 2 || text.starts_with('[');
}

std::optional<unsigned> parse_number(std::string_view digits, unsigned least, unsigned most) {
    unsigned number = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
    if (error != std::errc{} || end != digits.data() + digits.size()) return std::nullopt;
    if (number < least || number > most) return std::nullopt;
    return number;
}

const std::string* text_of(const Value& value, Reader& reader, const std::string& expected,
                           const std::string& example) {
    const auto* text = std::get_if<std::string>(&value.data);
    if (!text) {
        refuse_type(value, reader, expected, example);
    } else if (looks_like_ipv6(*text)) {
        refuse(value, reader, "\"" + *text + "\": IPv6 is not served by this version yet",
               "is an IPv6 address", "use IPv4, for example " + example);
        text = nullptr;
    }
    return text;
}

std::nullopt_t refuse_format(const Value& value, Reader& reader, const std::string& text,
                             const std::string& expected, const std::string& example) {
    return refuse(value, reader, fmt::format("\"{}\" is not {}", text, expected), "",
                  "write, for example, " + example);
}

// Splits "host:port"; nothing without a port of 1..65535.
std::optional<std::pair<std::string, std::uint16_t>> split_port(const std::string& text) {
    const auto colon = text.rfind(':');
    if (colon == std::string::npos || colon == 0) return std::nullopt;
    const auto port = parse_number(std::string_view(text).substr(colon + 1), 1, 65535);
    if (!port) return std::nullopt;
    return std::pair{text.substr(0, colon), static_cast<std::uint16_t>(*port)};
}

// RFC 1123 §2.1 host names, and '_' which many internal zones use. What has only digits and dots
// must be an address.
bool is_host(const std::string& host) {
    constexpr std::size_t kLongestName = 253;
    if (host.find_first_not_of("0123456789.") == std::string::npos)
        return parse_ipv4(host).has_value();
    return host.size() <= kLongestName && host.front() != '-' && host.front() != '.' &&
           std::all_of(host.begin(), host.end(), [](char c) {
               return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                      c == '-' || c == '.' || c == '_';
           });
}

std::optional<std::uint8_t> parse_nibble(char c) {
    if (c >= '0' && c <= '9') return static_cast<std::uint8_t>(c - '0');
    if (c >= 'a' && c <= 'f') return static_cast<std::uint8_t>(c - 'a' + 10);
    if (c >= 'A' && c <= 'F') return static_cast<std::uint8_t>(c - 'A' + 10);
    return std::nullopt;
}

// Exactly N bytes of hexadecimal; `separator` may stand between bytes.
template <std::size_t N>
std::optional<std::array<std::uint8_t, N>> parse_hex(std::string_view text, char separator) {
    std::array<std::uint8_t, N> bytes{};
    for (std::size_t i = 0; i < N; ++i) {
        if (i > 0 && text.starts_with(separator)) text.remove_prefix(1);
        if (text.size() < 2) return std::nullopt;
        const auto high = parse_nibble(text[0]);
        const auto low = parse_nibble(text[1]);
        if (!high || !low) return std::nullopt;
        bytes[i] = static_cast<std::uint8_t>(*high << 4 | *low);
        text.remove_prefix(2);
    }
    if (!text.empty()) return std::nullopt;
    return bytes;
}

bool has_uuid_shape(std::string_view text) {
    if (text.find('-') == std::string_view::npos) return true;
    return text.size() == 36 && text[8] == '-' && text[13] == '-' && text[18] == '-' &&
           text[23] == '-' && std::count(text.begin(), text.end(), '-') == 4;
}

template <class T>
std::string show_quoted(const T& value) {
    return "\"" + to_string(value) + "\"";
}

}  // namespace

std::string to_string(std::uint32_t ipv4_address) {
    return fmt::format("{}.{}.{}.{}", ipv4_address >> 24, ipv4_address >> 16 & 0xff,
                       ipv4_address >> 8 & 0xff, ipv4_address & 0xff);
}
std::string to_string(const Ipv4Prefix& prefix) {
    return fmt::format("{}/{}", to_string(prefix.address), prefix.length);
}
std::string to_string(const Ipv4Endpoint& endpoint) {
    return fmt::format("{}:{}", to_string(endpoint.address), endpoint.port);
}
std::string to_string(const HostPort& host_port) {
    return fmt::format("{}:{}", host_port.host, host_port.port);
}
std::string to_string(const Id128& id) {
    std::string text;
    for (std::size_t i = 0; i < id.size(); ++i)
        text += fmt::format("{}{:02x}", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", id[i]);
    return text;
}

Kind<Id128> id128() {
    const std::string example = "\"c0c1c2c3-c4c5-c6c7-c8c9-cacbcccdcecf\"";
    return {
        "UUID",
        "",
        "",
        R"({"type":"string","pattern":"^[0-9A-Fa-f]{8}-?([0-9A-Fa-f]{4}-?){3}[0-9A-Fa-f]{12}$"})",
        example,
        [=](const Value& v, Reader& r) -> std::optional<Id128> {
            const auto* text = std::get_if<std::string>(&v.data);
            if (!text) return refuse_type(v, r, "a UUID", example);
            const auto id = parse_hex<16>(*text, '-');
            if (!id || !has_uuid_shape(*text))
                return refuse_format(v, r, *text, "a UUID of 16 bytes", example);
            return id;
        },
        show_quoted<Id128>};
}

Kind<Sha256> sha256() {
    const std::string example = "\"9f86d081...\"";
    return {"SHA-256",
            "64 hexadecimal digits",
            "",
            R"({"type":"string","pattern":"^([0-9A-Fa-f]{2}:?){31}[0-9A-Fa-f]{2}$"})",
            example,
            [=](const Value& v, Reader& r) -> std::optional<Sha256> {
                const auto* text = std::get_if<std::string>(&v.data);
                if (!text) return refuse_type(v, r, "a SHA-256 in hexadecimal", example);
                const auto hash = parse_hex<32>(*text, ':');
                if (!hash)
                    return refuse(v, r, "\"" + *text + "\" is no SHA-256 in hexadecimal",
                                  fmt::format("has {} characters", text->size()),
                                  "write 64 hexadecimal digits, with or without colons");
                return hash;
            },
            [](const Sha256& hash) {
                std::string text;
                for (const auto byte : hash) text += fmt::format("{:02x}", byte);
                return "\"" + text + "\"";
            }};
}

Kind<std::uint32_t> ipv4_address() {
    const std::string example = "\"192.0.2.1\"";
    return {"IPv4 address",
            "",
            "",
            R"({"type":"string","format":"ipv4"})",
            example,
            [=](const Value& v, Reader& r) -> std::optional<std::uint32_t> {
                const auto* text = text_of(v, r, "an IPv4 address", example);
                if (!text) return std::nullopt;
                const auto address = parse_ipv4(*text);
                if (!address) return refuse_format(v, r, *text, "an IPv4 address", example);
                return address;
            },
            show_quoted<std::uint32_t>};
}

Kind<Ipv4Prefix> ipv4_prefix() {
    const std::string example = "\"192.0.2.10/24\"";
    return {"IPv4 prefix",
            "",
            "",
            R"({"type":"string","pattern":"^[0-9.]+/[0-9]+$"})",
            example,
            [=](const Value& v, Reader& r) -> std::optional<Ipv4Prefix> {
                const auto* text = text_of(v, r, "an IPv4 address with its prefix length", example);
                if (!text) return std::nullopt;
                const auto slash = std::min(text->find('/'), text->size());
                const auto address = parse_ipv4(text->substr(0, slash));
                if (address && slash == text->size())
                    return refuse(
                        v, r, "\"" + *text + "\" has no prefix length", "",
                        fmt::format("write \"{}/24\", with the length of your network", *text));
                const auto length =
                    address ? parse_number(std::string_view(*text).substr(slash + 1), 0, 32)
                            : std::nullopt;
                if (!length)
                    return refuse_format(v, r, *text,
                                         "an IPv4 address with a prefix length of 0..32", example);
                return Ipv4Prefix{*address, *length};
            },
            show_quoted<Ipv4Prefix>};
}

Kind<Ipv4Endpoint> ipv4_endpoint() {
    const std::string example = "\"192.0.2.21:40000\"";
    return {"IPv4 address:port",
            "",
            "",
            R"({"type":"string","pattern":"^[0-9.]+:[0-9]+$"})",
            example,
            [=](const Value& v, Reader& r) -> std::optional<Ipv4Endpoint> {
                const auto* text = text_of(v, r, "an IPv4 address and port", example);
                if (!text) return std::nullopt;
                const auto parts = split_port(*text);
                const auto address = parts ? parse_ipv4(parts->first) : std::nullopt;
                if (!address)
                    return refuse_format(v, r, *text, "an IPv4 address and a port of 1..65535",
                                         example);
                return Ipv4Endpoint{*address, parts->second};
            },
            show_quoted<Ipv4Endpoint>};
}

Kind<HostPort> host_port() {
    const std::string example = "\"kmf.example.net:4433\"";
    return {"host:port",
            "",
            "",
            R"({"type":"string","pattern":"^[A-Za-z0-9._-]+:[0-9]+$"})",
            example,
            [=](const Value& v, Reader& r) -> std::optional<HostPort> {
                const auto* text = text_of(v, r, "a host and port", example);
                if (!text) return std::nullopt;
                const auto parts = split_port(*text);
                if (!parts || !is_host(parts->first))
                    return refuse_format(v, r, *text,
                                         "a host name or address and a port of 1..65535", example);
                return HostPort{parts->first, parts->second};
            },
            show_quoted<HostPort>};
}

}  // namespace mdd::config
