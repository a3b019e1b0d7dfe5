// Ethernet frames to a classic libpcap file, for pktgen, TRex and tcpreplay. Makes no packets.
#pragma once

#include <chrono>
#include <cstdint>
#include <span>
#include <string>

#include "tools/mdd-load/output_file.h"

namespace mdd::load {

// Frames go to disk as they come. Everything throws OutputError with a sentence.
class PcapWriter {
  public:
    static constexpr std::size_t kLongestFrameBytes = 65'535;

    explicit PcapWriter(const std::string& path);

    // `at`: since the first frame or since 1970, as the caller likes; players look at the gaps.
    // `frame`: from the destination MAC address on, without FCS.
    void add(std::chrono::microseconds at, std::span<const std::uint8_t> frame);
    // The file is whole once this has returned.
    void close() { file_.close(); }

    std::uint64_t frames() const { return frames_; }

  private:
    OutputFile file_;
    std::uint64_t frames_ = 0;
};

}  // namespace mdd::load
