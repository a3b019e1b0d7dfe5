// Any bytes as an outer plaintext: a block that is read is written back byte for byte, and a
// distributor's change of sequence keeps the original.
#include "dataplane/srtp/ohb.h"

#include <array>

#include "tests/support/fuzz_input.h"

using namespace mdd;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size_bytes) {
    const test::ExactCopy input(data, size_bytes);
    const auto ohb = srtp::read_ohb(input.bytes());
    if (!ohb) return 0;
    const auto block_bytes = ohb->size_bytes();
    test::must(block_bytes <= srtp::kMaxOhbBytes && size_bytes >= 16 + block_bytes);
    std::array<std::uint8_t, srtp::kMaxOhbBytes> written;
    test::must(srtp::write_ohb(*ohb, written.data()) == block_bytes);
    test::must(std::equal(written.begin(), written.begin() + block_bytes,
                          input.bytes().end() - static_cast<std::ptrdiff_t>(block_bytes)));

    const auto received = srtp::load_be16(data);
    const auto original = ohb->sequence.value_or(received);
    auto sent = *ohb;
    auto header = received;
    for (std::size_t at = 2; at + 2 <= 8; at += 2) {
        const auto next = srtp::load_be16(data + at);
        sent = srtp::with_sequence(sent, header, next);
        header = next;
        test::must(sent.sequence.value_or(header) == original);
        test::must(sent.payload_type == ohb->payload_type && sent.marker == ohb->marker);
    }
    return 0;
}
