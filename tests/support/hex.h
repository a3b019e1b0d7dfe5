// Hex for test data: bytes to lower-case hex and back. Throws on odd or non-hex input; tests only.
#pragma once

#include <cstdint>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace mdd::test {

inline std::vector<std::uint8_t> from_hex(std::string_view text) {
    auto digit = [](char c) -> int {
        if (c >= '0' && c <= '9') return c - '0';
        if (c >= 'a' && c <= 'f') return c - 'a' + 10;
        throw std::invalid_argument("not a lower-case hex digit");
    };
    std::string digits;
    for (char c : text)
        if (c != ' ' && c != '\n') digits += c;
    if (digits.size() % 2 != 0) throw std::invalid_argument("odd number of hex digits");
    std::vector<std::uint8_t> bytes;
    for (std::size_t i = 0; i < digits.size(); i += 2)
        bytes.push_back(static_cast<std::uint8_t>(digit(digits[i]) * 16 + digit(digits[i + 1])));
    return bytes;
}

inline std::string to_hex(std::span<const std::uint8_t> bytes) {
    std::string text;
    for (auto b : bytes) {
        text += "0123456789abcdef"[b >> 4];
        text += "0123456789abcdef"[b & 15];
    }
    return text;
}

}  // namespace mdd::test
