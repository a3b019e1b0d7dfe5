// Any bytes as what the endpoint reads before or beside the cryptography: EKT tag, key wrap,
// original header block, RTP layout. None may read outside, and what each says must
// hold.
#include "tests/support/fuzz_input.h"
#include "tools/mdd-endpoint/e2e_receiver.h"
#include "tools/mdd-endpoint/ekt_tag.h"
#include "tools/mdd-endpoint/original_header.h"
#include "tools/mdd-endpoint/rtp_packet.h"

using namespace mdd;

namespace {

constexpr std::uint16_t kSpi = 0x0102;
constexpr endpoint::EktKeyring::Clock::time_point kNow{};

const endpoint::EktKeyring& keyring() {
    static const endpoint::EktKeyring made = [] {
        endpoint::EktKey key;
        key.spi = kSpi;
        key.ttl = std::chrono::hours(1);
        endpoint::EktKeyring keyring;
        keyring.add(std::move(key), kNow);
        return keyring;
    }();
    return made;
}

void check_tag(srtp::Bytes input) {
    constexpr std::size_t kSrtpBytes = 45;
    const auto tag = endpoint::parse_ekt_tag(input, kSrtpBytes);
    if (!tag) return;
    test::must(tag->size_bytes >= 1 && tag->size_bytes + kSrtpBytes <= input.size());
    if (tag->kind != endpoint::EktTag::Kind::full) return;
    test::must(tag->ciphertext.size() % 8 == 0 && tag->ciphertext.size() + 7 == tag->size_bytes);
    endpoint::EktContents contents;
    const auto fault =
        endpoint::open_full_tag(*keyring().find(kSpi, kNow), tag->ciphertext, 16, contents);
    test::must(fault != endpoint::EktFault::none || contents.key_bytes == 16);
    endpoint::E2eReceiver(keyring(), 1).learn(*tag, 1, kNow);
}

void check_packet(srtp::Bytes input) {
    if (const auto layout = endpoint::rtp_layout(input))
        test::must(layout->base_bytes <= layout->header_bytes &&
                   layout->header_bytes <= input.size());
    if (const auto original = endpoint::parse_original_header(input))
        test::must(original->size_bytes >= 1 && original->size_bytes <= 4 &&
                   original->size_bytes <= input.size());
    static_cast<void>(endpoint::original_sequence(input));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size_bytes) {
    const test::ExactCopy input(data, size_bytes);
    check_tag(input.bytes());
    check_packet(input.bytes());
    return 0;
}
