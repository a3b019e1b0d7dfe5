// A file that is written from start to end; whatever goes wrong is a sentence. Knows no format.
#pragma once

#include <cstdint>
#include <cstdio>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>

namespace mdd::load {

// A sentence that names the file and what the system said.
struct OutputError : std::runtime_error {
    using std::runtime_error::runtime_error;
};

// Buffered. Each function throws OutputError; the file keeps what was written until then.
class OutputFile {
  public:
    // Creates the file, or empties it: a run need not end before it is clear that it can be
    // written.
    explicit OutputFile(std::string path);

    void write(std::span<const std::uint8_t> bytes);
    void write(std::string_view text);
    // Only when this returns is everything with the system. Nothing may be written after it.
    void close();

  private:
    struct Closer {
        void operator()(std::FILE* file) const { std::fclose(file); }
    };
    void put(const void* bytes, std::size_t count);

    std::string path_;
    std::unique_ptr<std::FILE, Closer> file_;
};

}  // namespace mdd::load
