// CSV, flushed at every line: handshakes are few.
#include "tools/mdd-kmf/message_trace.h"

#include <stdexcept>
#include <string_view>

#include <fmt/format.h>
#include <openssl/sha.h>

namespace mdd::kmf {
namespace {

std::string_view companion_of(const tunnel::Message& message) {
    if (std::holds_alternative<tunnel::SupportedProfiles>(message.body)) return "profiles";
    if (std::holds_alternative<tunnel::KeyInformation>(message.body)) return "keys";
    return "-";
}

std::uint64_t digest_of(srtp::Bytes datagram) {
    std::uint8_t digest[SHA256_DIGEST_LENGTH];
    SHA256(datagram.data(), datagram.size(), digest);
    return static_cast<std::uint64_t>(srtp::load_be32(digest)) << 32 | srtp::load_be32(digest + 4);
}

}  // namespace

MessageTrace::MessageTrace(const std::filesystem::path& file) {
    if (file.empty()) return;
    file_.reset(std::fopen(file.c_str(), "w"));
    if (!file_)
        throw std::runtime_error(fmt::format("trace file {} cannot be created", file.string()));
    std::setvbuf(file_.get(), nullptr, _IOLBF, BUFSIZ);
}

void MessageTrace::note(Direction direction, const tunnel::Message& message, Clock::time_point at) {
    if (!file_ || message.dtls.empty()) return;
    const auto at_ns =
        std::chrono::duration_cast<std::chrono::nanoseconds>(at.time_since_epoch()).count();
    fmt::print(file_.get(), "{},{},{},{},{},{:016x}\n", direction == Direction::in ? "in" : "out",
               at_ns, tunnel::to_hex(message.association), companion_of(message),
               message.dtls.size(), digest_of(message.dtls));
}

}  // namespace mdd::kmf
