// Fuzz target: RFC 9185's codec at both ends. The first byte chooses the receiving end, the second
// is the message's type. What decodes must encode to the very bytes that came in (an MKI apart),
// and keys are judged without harm.
#include "kmf-tunnel/message_rfc9185.h"

#include <algorithm>

#include "kmf-tunnel/key_check.h"
#include "tests/support/fuzz_input.h"

namespace {

using namespace mdd;
using namespace mdd::tunnel;

void must_equal(const std::optional<SecretBytes>& encoded, std::uint8_t type, srtp::Bytes body) {
    test::must(encoded.has_value());
    test::must(encoded->size() == rfc9185::kHeaderBytes + body.size());
    test::must(encoded->bytes()[0] == type);
    test::must(
        std::equal(body.begin(), body.end(), encoded->bytes().begin() + rfc9185::kHeaderBytes));
}

// The body without its MKI: what is sent.
std::vector<std::uint8_t> without_mki(srtp::Bytes body) {
    constexpr std::size_t kMkiAt = 18;
    std::vector<std::uint8_t> bytes(body.begin(), body.end());
    const auto mki = bytes.begin() + kMkiAt + 1;
    bytes.erase(mki, mki + bytes[kMkiAt]);
    bytes[kMkiAt] = 0;
    return bytes;
}

void judge(KeyInformation keys) {
    const std::uint16_t profile = keys.profile;
    const auto judged = check(std::move(keys));
    if (const auto* accepted = std::get_if<srtp::HopKeys>(&judged))
        test::must(static_cast<std::uint16_t>(accepted->profile) == profile);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size_bytes) {
    if (size_bytes < 2 || size_bytes - 2 > rfc9185::kMaxBodyBytes) return 0;
    const test::ExactCopy input(data + 2, size_bytes - 2);
    const std::uint8_t type = data[1];
    const Role receiver = data[0] % 2 == 0 ? Role::mdd : Role::kmf;
    auto decoded = rfc9185::decode(type, input.bytes(), receiver);
    if (auto* message = std::get_if<Message>(&decoded)) {
        test::must(message->conference.is_zero());
        if (auto* keys = std::get_if<KeyInformation>(&message->body)) {
            test::must(receiver == Role::mdd && message->dtls.empty());
            must_equal(rfc9185::encode(*message), type, without_mki(input.bytes()));
            judge(std::move(*keys));
        } else {
            must_equal(rfc9185::encode(*message), type, input.bytes());
        }
    } else if (const auto* announcement = std::get_if<rfc9185::Announcement>(&decoded)) {
        test::must(receiver == Role::kmf && announcement->version == input.bytes()[0]);
        if (announcement->version == 0)
            must_equal(rfc9185::encode(*announcement), type, input.bytes());
    } else if (const auto* answer = std::get_if<rfc9185::UnsupportedVersion>(&decoded)) {
        test::must(receiver == Role::mdd);
        const SecretBytes encoded = rfc9185::encode(*answer);
        test::must(encoded.bytes()[3] == input.bytes()[0]);
    } else if (std::holds_alternative<rfc9185::Unassigned>(decoded)) {
        test::must(type > 5);
    }
    return 0;
}
