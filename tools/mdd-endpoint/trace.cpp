// CSV through stdio's buffer.
#include "tools/mdd-endpoint/trace.h"

#include <stdexcept>

#include <fmt/format.h>
#include <boost/crc.hpp>

namespace mdd::endpoint {
namespace {

constexpr std::size_t kBufferBytes = 1 << 20;

std::int64_t nanoseconds(Trace::Clock::time_point at) {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(at.time_since_epoch()).count();
}

std::uint32_t payload_crc32(srtp::Bytes rtp) {
    const auto layout = rtp_layout(rtp);
    const auto payload = layout ? rtp.subspan(layout->header_bytes) : srtp::Bytes{};
    boost::crc_32_type crc;
    crc.process_bytes(payload.data(), payload.size());
    return crc.checksum();
}

}  // namespace

Trace::Trace(const std::filesystem::path& file) {
    if (file.empty()) return;
    file_.reset(std::fopen(file.c_str(), "w"));
    if (!file_)
        throw std::runtime_error(fmt::format("trace file {} cannot be created", file.string()));
    std::setvbuf(file_.get(), nullptr, _IOFBF, kBufferBytes);
}

void Trace::sent(std::uint32_t ssrc, PacketIndex index, Clock::time_point at,
                 std::size_t size_bytes) {
    if (file_)
        fmt::print(file_.get(), "tx,{},{},{},{}\n", ssrc, index, nanoseconds(at), size_bytes);
}

void Trace::received(srtp::Bytes rtp, PacketIndex index, std::uint16_t outer_sequence,
                     Clock::time_point at) {
    if (!file_) return;
    fmt::print(file_.get(), "rx,{},{},{},{},{},{}\n", rtp_ssrc(rtp), index, outer_sequence,
               nanoseconds(at), rtp.size(), payload_crc32(rtp));
}

void Trace::keyed(Clock::time_point at) {
    if (file_) fmt::print(file_.get(), "keyed,{}\n", nanoseconds(at));
}

void Trace::ekt_key(std::uint16_t spi, Clock::time_point at) {
    if (file_) fmt::print(file_.get(), "ekt,{},{}\n", spi, nanoseconds(at));
}

void Trace::flush() {
    if (file_) std::fflush(file_.get());
}

}  // namespace mdd::endpoint
