// Two files of benchmark rows, old and new: what got better, what got worse. Measures nothing, and
// reads the rows of mdd-load and of tools/bench alike.
#pragma once

#include <stdexcept>
#include <string>
#include <vector>

namespace mdd::load {

// A sentence: why there is nothing to compare.
struct CompareError : std::runtime_error {
    using std::runtime_error::runtime_error;
};

enum class Judgement { same, better, worse, not_judged };

// One figure of one case that is in both files.
struct Change {
    std::string row;     // what tells the case from others
    std::string figure;  // its name in the files
    double before = 0;
    double after = 0;
    Judgement judgement = Judgement::same;
};

struct Comparison {
    std::vector<Change> changes;                  // every figure, in the order of the new file
    std::vector<std::string> only_old, only_new;  // cases without partner
    std::vector<std::string> remarks;             // sentences: what limits the comparison

    bool regressed() const;
};

// `tolerance`: how much worse, relative to the old value, a rate or a ratio may be (0.05); latency
// quantiles may be a few times that. Throws CompareError.
Comparison compare_files(const std::string& old_path, const std::string& new_path,
                         double tolerance);

// A table of what changed, worst news first, and a last line that says how it went.
std::string to_text(const Comparison& comparison);

}  // namespace mdd::load
