// TOML, hex and file modes. Error texts name fields, never values.
#include "tools/mdd-endpoint/ekt_key.h"

#include <algorithm>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <sys/stat.h>
#include <toml++/toml.h>

namespace mdd::endpoint {
namespace {

[[noreturn]] void refuse(const std::filesystem::path& file, const std::string& why) {
    throw std::runtime_error(fmt::format("EKT key file {}: {}", file.string(), why));
}

void check_mode(const std::filesystem::path& file) {
    struct stat status {};
    if (::stat(file.c_str(), &status) != 0) refuse(file, "it cannot be opened");
    if ((status.st_mode & (S_IRWXG | S_IRWXO)) != 0)
        refuse(file, "group or others have access to it; use mode 0600");
}

std::int64_t integer(const std::filesystem::path& file, const toml::table& table,
                     std::string_view name, std::int64_t highest) {
    const auto value = table[name].value_exact<std::int64_t>();
    if (!value || *value < 0 || *value > highest)
        refuse(file, fmt::format("{} must be an integer from 0 to {}", name, highest));
    return *value;
}

int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

// Fills `out` with the first out.size() bytes; returns how many the text holds, 0 when it is not
// hex.
std::size_t read_hex(std::string_view text, srtp::MutableBytes out) {
    if (text.size() % 2 != 0) return 0;
    for (std::size_t i = 0; i < text.size(); i += 2) {
        const int high = hex_digit(text[i]);
        const int low = hex_digit(text[i + 1]);
        if (high < 0 || low < 0) return 0;
        if (i / 2 < out.size()) out[i / 2] = static_cast<std::uint8_t>(high << 4 | low);
    }
    return text.size() / 2;
}

// toml++ keeps the secret's text in its tree, so the tree is overwritten before it goes.
void wipe_text(toml::table& table) {
    for (auto name : {"key", "salt"})
        if (auto* text = table[name].as_string())
            srtp::wipe(text->get().data(), text->get().size());
}

EktKey from_table(const std::filesystem::path& file, const toml::table& table,
                  const srtp::ProfileTraits& traits) {
    for (const auto& [name, value] : table)
        if (name != "spi" && name != "ttl" && name != "key" && name != "salt")
            refuse(file, fmt::format("it has an unknown field {}", name.str()));

    EktKey key;
    key.spi = static_cast<std::uint16_t>(integer(file, table, "spi", 0xFFFF));
    key.ttl = std::chrono::seconds(integer(file, table, "ttl", 0xFFFFFF));
    key.key_bytes = traits.hop_key_bytes;
    const auto* key_text = table["key"].as_string();
    if (key_text == nullptr || read_hex(key_text->get(), key.key.writable()) != key.key_bytes)
        refuse(file, fmt::format("key must be {} bytes in hex for {}", key.key_bytes, traits.name));
    const auto* salt_text = table["salt"].as_string();
    if (salt_text == nullptr ||
        read_hex(salt_text->get(), key.salt.writable()) < srtp::kHopSaltBytes)
        refuse(file, "salt must be at least 12 bytes in hex");
    return key;
}

}  // namespace

EktKey read_ekt_key(const std::filesystem::path& file, srtp::Profile profile) {
    check_mode(file);
    toml::table table;
    try {
        table = toml::parse_file(file.string());
    } catch (const toml::parse_error& error) {
        refuse(file, fmt::format("line {} is not TOML", error.source().begin.line));
    }
    try {
        auto key = from_table(file, table, srtp::traits_of(profile));
        wipe_text(table);
        return key;
    } catch (...) {
        wipe_text(table);
        throw;
    }
}

}  // namespace mdd::endpoint
