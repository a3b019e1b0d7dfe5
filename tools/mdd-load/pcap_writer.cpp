// draft-ietf-opsawg-pcap: a 24-byte file header, and 16 bytes before each frame. Little-endian.
#include "tools/mdd-load/pcap_writer.h"

#include <array>
#include <limits>

#include <fmt/format.h>

namespace mdd::load {
namespace {

constexpr std::uint32_t kMagicMicroseconds = 0xA1B2C3D4;
constexpr std::uint32_t kVersion = 4u << 16 | 2;  // 2.4: major, then minor
constexpr std::uint32_t kLinkTypeEthernet = 1;

template <std::size_t kWords>
void write_words(OutputFile& file, const std::array<std::uint32_t, kWords>& words) {
    std::array<std::uint8_t, kWords * 4> bytes;
    for (std::size_t i = 0; i < bytes.size(); ++i)
        bytes[i] = static_cast<std::uint8_t>(words[i / 4] >> (8 * (i % 4)));
    file.write(bytes);
}

}  // namespace

PcapWriter::PcapWriter(const std::string& path) : file_(path) {
    write_words<6>(file_, {kMagicMicroseconds, kVersion, 0, 0, std::uint32_t{kLongestFrameBytes},
                           kLinkTypeEthernet});
}

void PcapWriter::add(std::chrono::microseconds at, std::span<const std::uint8_t> frame) {
    const auto seconds = std::chrono::floor<std::chrono::seconds>(at);
    if (seconds.count() < 0 || seconds.count() > std::numeric_limits<std::uint32_t>::max())
        throw OutputError(
            fmt::format("Frame {} of the pcap file is at {} s, which the format cannot say.",
                        frames_ + 1, seconds.count()));
    if (frame.empty() || frame.size() > kLongestFrameBytes)
        throw OutputError(
            fmt::format("Frame {} of the pcap file has {} bytes; 1 to {} are possible.",
                        frames_ + 1, frame.size(), kLongestFrameBytes));
    const auto bytes = static_cast<std::uint32_t>(frame.size());
    write_words<4>(file_, {static_cast<std::uint32_t>(seconds.count()),
                           static_cast<std::uint32_t>((at - seconds).count()), bytes, bytes});
    file_.write(frame);
    ++frames_;
}

}  // namespace mdd::load
