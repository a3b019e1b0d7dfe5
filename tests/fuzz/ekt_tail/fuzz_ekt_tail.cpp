// Any bytes as a datagram with an EKT tag: a tag that is cut off leaves the smallest packet
// standing, and nothing in front of the tag's own bytes decides.
#include <vector>

#include "dataplane/srtp/rtp.h"
#include "tests/support/fuzz_input.h"

using namespace mdd;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size_bytes) {
    const test::ExactCopy input(data, size_bytes);
    const auto tag_bytes = srtp::ekt_tag_bytes(input.bytes());
    if (!tag_bytes) return 0;
    test::must(*tag_bytes >= 1 && *tag_bytes <= 255 && *tag_bytes + 45 <= size_bytes);
    if (data[size_bytes - 1] == 0) {
        test::must(*tag_bytes == 1);
    } else {
        test::must(*tag_bytes == srtp::load_be16(data + size_bytes - 3));
        test::must(*tag_bytes >= (data[size_bytes - 1] == 2 ? 31u : 4u));
    }
    std::vector<std::uint8_t> other(data, data + size_bytes);
    for (std::size_t i = 0; i < size_bytes - *tag_bytes; ++i) other[i] ^= 0xff;
    test::must(srtp::ekt_tag_bytes(other) == tag_bytes);
    return 0;
}
