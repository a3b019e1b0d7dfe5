// One reading of one file: where every key stands, what was wrong so far. The schema walks, this
// remembers.
#pragma once

#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <string_view>

#include "controlplane/config/errors.h"

namespace mdd::config {

struct Descriptor;

struct ReadOptions {
    std::filesystem::path folder = ".";  // where relative paths in the file start
    bool check_files = true;             // look at the files that the file names
};

// Paths are written as in "port[0].rx_queues", "tls.default.cert", "port[0].addresses[1]".
class Reader {
  public:
    // `text` is the whole file.
    Reader(std::string file_name, std::string_view text, ReadOptions options);

    void error(Place place, Complaint complaint);
    // The same, with the path of the key being read in front of the text: "media.burst: ...". That
    // key is unsound then.
    void error_here(Place place, Complaint complaint);

    // Whether the file has it, and where its value stands. place_of what is absent: the nearest
    // enclosing table.
    bool given(std::string_view path) const;
    Place place_of(std::string_view path) const;
    std::string describe(std::string_view path) const;  // "mdd.toml:18:11"

    // Whether what the file says at `path` and below could be read. Checks across keys ask before
    // they judge a value, so that one mistake does not give two errors.
    bool sound(std::string_view path) const;

    const ReadOptions& options() const { return options_; }
    const ConfigErrors& errors() const { return errors_; }
    ConfigErrors take_errors() { return std::move(errors_); }

    // Used by Schema while it walks: the whole table of the file, and the path of what is being
    // read.
    void know(const Descriptor& root) { root_ = &root; }
    const Descriptor* root() const { return root_; }
    const std::string& path() const { return path_; }
    void enter(std::string path, Place place);
    void mark_unsound(const std::string& path) { unsound_.insert(path); }

  private:
    ReadOptions options_;
    ConfigErrors errors_;
    std::map<std::string, Place, std::less<>> places_;
    std::set<std::string, std::less<>> unsound_;
    std::string path_;
    const Descriptor* root_ = nullptr;
};

}  // namespace mdd::config
