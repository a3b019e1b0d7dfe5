// What is wrong with a configuration file, all of it at once, each with its place and the fix. Does
// not find errors.
#pragma once

#include <iosfwd>
#include <string>
#include <string_view>
#include <vector>

#include "controlplane/config/document.h"

namespace mdd::config {

// One reason to refuse a file. `text` is a full statement, `at_caret` says in a few words what is
// wrong at the place, `help` is the fix. at_caret may be empty; help may not.
struct Complaint {
    std::string text;
    std::string at_caret;
    std::string help;
};

// The errors of one file, printed like a compiler's. A program that gets one exits with code 78
// (EX_CONFIG).
class ConfigErrors {
  public:
    struct Error {
        Place place;
        Complaint complaint;
    };

    // `text` is the whole file, kept by lines so that errors can quote it.
    ConfigErrors(std::string file_name, std::string_view text);

    void add(Place place, Complaint complaint);
    bool empty() const { return errors_.empty(); }
    const std::vector<Error>& all() const { return errors_; }  // in the order found
    const std::string& file_name() const { return file_name_; }

    // "mdd.toml:18:11", or "mdd.toml" for {0, 0}.
    std::string describe(Place place) const;

    // Every error in the order of its place: file:line:column, source line, caret, help; then the
    // count.
    void print(std::ostream& out) const;

  private:
    std::string file_name_;
    std::vector<std::string> lines_;
    std::vector<Error> errors_;
};

}  // namespace mdd::config
