// Fuzz target: the tunnel's codec at both ends. What decodes must encode to the very bytes that
// came in, and keys are judged without harm. The first byte chooses the receiving end.
#include <algorithm>
#include <cstdlib>

#include "kmf-tunnel/key_check.h"
#include "kmf-tunnel/message.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size_bytes) {
    using namespace mdd::tunnel;
    if (size_bytes == 0) return 0;
    const mdd::srtp::Bytes bytes(data + 1, size_bytes - 1);
    auto decoded = decode(bytes, data[0] % 2 == 0 ? Role::mdd : Role::kmf);
    auto* message = std::get_if<Message>(&decoded);
    if (message == nullptr) return 0;
    const auto encoded = encode(*message);
    if (!encoded ||
        !std::equal(bytes.begin(), bytes.end(), encoded->bytes().begin(), encoded->bytes().end()))
        std::abort();
    if (auto* keys = std::get_if<KeyInformation>(&message->body)) {
        const std::uint16_t profile = keys->profile;
        const auto judged = check(std::move(*keys));
        const auto* accepted = std::get_if<mdd::srtp::HopKeys>(&judged);
        if (accepted != nullptr && static_cast<std::uint16_t>(accepted->profile) != profile)
            std::abort();
    }
    return 0;
}
