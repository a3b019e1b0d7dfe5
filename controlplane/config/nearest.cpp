// Which known name a mistyped one probably stands for. Names are short, so the plain quadratic
// distance is enough.
#include <algorithm>

#include "controlplane/config/descriptor.h"

namespace mdd::config {
namespace {

// Optimal string alignment: insertions, deletions, replacements and swaps of neighbours cost 1
// each.
std::size_t distance(std::string_view a, std::string_view b) {
    std::vector<std::vector<std::size_t>> d(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
    for (std::size_t i = 0; i <= a.size(); ++i) d[i][0] = i;
    for (std::size_t j = 0; j <= b.size(); ++j) d[0][j] = j;
    for (std::size_t i = 1; i <= a.size(); ++i) {
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const std::size_t replaced = d[i - 1][j - 1] + (a[i - 1] != b[j - 1]);
            d[i][j] = std::min({d[i - 1][j] + 1, d[i][j - 1] + 1, replaced});
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                d[i][j] = std::min(d[i][j], d[i - 2][j - 2] + 1);
        }
    }
    return d[a.size()][b.size()];
}

// "rx-Queues" and "rxqueues" are spellings of rx_queues, not mistakes in its letters.
std::string plain(std::string_view name) {
    std::string letters;
    for (const char c : name)
        if (c != '_' && c != '-' && c != ' ')
            letters += c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
    return letters;
}

}  // namespace

std::string nearest_name(std::string_view word, const std::vector<std::string>& candidates) {
    constexpr std::size_t kLongestName = 64;  // a longer word is no slip of the hand
    if (word.size() > kLongestName) return {};
    const std::string wanted = plain(word);
    std::string best;
    std::size_t best_distance = 0;
    for (const std::string& candidate : candidates) {
        const std::string known = plain(candidate);
        const std::size_t edits = distance(wanted, known);
        const bool part = wanted.size() >= 4 && known.size() >= 4 &&
                          (known.starts_with(wanted) || wanted.starts_with(known));
        const std::size_t allowed = std::max(wanted.size(), known.size()) / 3;
        if (edits > std::max<std::size_t>(allowed, 1) && !part) continue;
        if (best.empty() || edits < best_distance) {
            best = candidate;
            best_distance = edits;
        }
    }
    return best;
}

}  // namespace mdd::config
