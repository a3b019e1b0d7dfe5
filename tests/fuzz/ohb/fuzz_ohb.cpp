// Any bytes as an outer plaintext: mdd's reading of the block is that of the RFC's own words, what
// it sends on is what they ask for, and a change of sequence keeps the original.
#include "dataplane/srtp/ohb.h"

#include <algorithm>
#include <array>

#include "tests/support/fuzz_input.h"
#include "tests/support/ohb_reference.h"

using namespace mdd;

namespace {

bool is_written_as(const srtp::HopOhb::Form& form, const srtp::Ohb& ohb) {
    std::array<std::uint8_t, srtp::kMaxOhbBytes> written;
    return srtp::write_ohb(ohb, written.data()) == form.size_bytes &&
           std::equal(form.bytes.begin(), form.bytes.begin() + form.size_bytes, written.begin());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size_bytes) {
    const test::ExactCopy input(data, size_bytes);
    const auto ohb = srtp::read_ohb(input.bytes());
    const auto header_sequence = size_bytes < 2 ? std::uint16_t{0} : srtp::load_be16(data);
    srtp::HopOhb hop;
    test::must(hop.read(input.bytes(), header_sequence) == ohb.has_value());
    if (!ohb) return 0;
    test::must(hop.received_bytes == ohb->size_bytes());
    test::must(hop.original_sequence == ohb->sequence.value_or(header_sequence));
    for (const auto sent :
         {hop.original_sequence, static_cast<std::uint16_t>(hop.original_sequence + 1)})
        test::must(is_written_as(hop.for_sequence(sent),
                                 srtp::with_sequence(*ohb, header_sequence, sent)));
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
