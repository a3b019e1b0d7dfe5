// Prints configuration errors with the source line and a caret under the place.
#include "controlplane/config/errors.h"

#include <fmt/format.h>
#include <algorithm>
#include <ostream>

namespace mdd::config {
namespace {

std::vector<std::string> lines_of(std::string_view text) {
    std::vector<std::string> lines;
    while (!text.empty()) {
        const auto end = std::min(text.find('\n'), text.size());
        std::string_view line = text.substr(0, end);
        if (line.ends_with('\r')) line.remove_suffix(1);
        lines.emplace_back(line);
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return lines;
}

// What moves a terminal's cursor to the column: columns count code points, and a tab stays a tab.
std::string indent_to(std::string_view line, unsigned column) {
    std::string indent;
    for (const char c : line) {
        if ((static_cast<unsigned char>(c) & 0xC0) == 0x80) continue;
        if (indent.size() + 1 >= column) break;
        indent += c == '\t' ? '\t' : ' ';
    }
    return indent;
}

// A quoted line must not be able to steer the terminal.
std::string printable(std::string_view line) {
    std::string shown(line);
    for (char& c : shown)
        if ((static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f) c = '?';
    return shown;
}

}  // namespace

ConfigErrors::ConfigErrors(std::string file_name, std::string_view text)
    : file_name_(std::move(file_name)), lines_(lines_of(text)) {}

void ConfigErrors::add(Place place, Complaint complaint) {
    errors_.push_back({place, std::move(complaint)});
}

std::string ConfigErrors::describe(Place place) const {
    if (place.line == 0) return file_name_;
    return fmt::format("{}:{}:{}", file_name_, place.line, place.column);
}

void ConfigErrors::print(std::ostream& out) const {
    auto sorted = errors_;
    std::stable_sort(sorted.begin(), sorted.end(),
                     [](const Error& a, const Error& b) { return a.place < b.place; });
    for (const auto& [place, complaint] : sorted) {
        out << describe(place) << ": error: " << printable(complaint.text) << '\n';
        if (place.line >= 1 && place.line <= lines_.size()) {
            const std::string& line = lines_[place.line - 1];
            out << fmt::format("{:>5} | {}\n", place.line, printable(line));
            out << "      | " << indent_to(line, place.column) << '^'
                << (complaint.at_caret.empty() ? "" : " ") << printable(complaint.at_caret) << '\n';
        }
        out << "   help: " << printable(complaint.help) << '\n';
    }
    out << fmt::format("{}: {} error{}\n", file_name_, sorted.size(),
                       sorted.size() == 1 ? "" : "s");
}

}  // namespace mdd::config
