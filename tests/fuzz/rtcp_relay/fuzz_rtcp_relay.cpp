// Any bytes as a verified RTCP compound: what goes on is well formed, starts with a report of the
// sender, and speaks for nobody else.
#include "dataplane/rtcp_relay.h"
#include "tests/support/fuzz_input.h"

using namespace mdd;

namespace {

constexpr std::uint32_t kSender = 0xcafebabe;

void is_compound_of_sender(srtp::Bytes compound) {
    test::must(compound.size() >= 8 && (compound[1] == 200 || compound[1] == 201));
    test::must(srtp::load_be32(compound.data() + 4) == kSender);
    srtp::RtcpWalk walk(compound);
    while (const auto part = walk.next()) {
        // Reports of a leg's sequence numbers never go on.
        test::must(part->type != 201 || part->count == 0);
        test::must(part->type != 200 || part->count == 0);
        test::must(part->type != 205);
    }
    test::must(!walk.malformed());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size_bytes) {
    const test::ExactCopy input(data, size_bytes);
    if (size_bytes < 8) return 0;
    static Stream stream(kSender, 2);
    GrantedStreams own;
    own.add(&stream);
    const auto relay = relay_rtcp(input.bytes(), kSender, own.all());
    if (relay.malformed) return 0;
    test::must(relay.everybody_bytes <= relay.everybody.size());
    if (relay.everybody_bytes != 0)
        is_compound_of_sender(srtp::Bytes(relay.everybody).first(relay.everybody_bytes));
    test::must(relay.feedback_count <= relay.feedback.size());
    for (std::size_t i = 0; i < relay.feedback_count; ++i)
        is_compound_of_sender(
            srtp::Bytes(relay.feedback[i].bytes).first(relay.feedback[i].size_bytes));
    return 0;
}
