// C streams, because they say why they failed.
#include "tools/mdd-load/output_file.h"

#include <cerrno>
#include <cstring>

#include <fmt/format.h>

namespace mdd::load {

OutputFile::OutputFile(std::string path)
    : path_(std::move(path)), file_(std::fopen(path_.c_str(), "wbe")) {
    if (!file_)
        throw OutputError(
            fmt::format("{} cannot be opened for writing: {}.", path_, std::strerror(errno)));
}

void OutputFile::write(std::span<const std::uint8_t> bytes) {
    put(bytes.data(), bytes.size());
}

void OutputFile::write(std::string_view text) {
    put(text.data(), text.size());
}

void OutputFile::put(const void* bytes, std::size_t count) {
    if (std::fwrite(bytes, 1, count, file_.get()) != count)
        throw OutputError(fmt::format("{} could not be written: {}.", path_, std::strerror(errno)));
}

void OutputFile::close() {
    if (std::fclose(file_.release()) != 0)
        throw OutputError(fmt::format("{} could not be written: {}.", path_, std::strerror(errno)));
}

}  // namespace mdd::load
