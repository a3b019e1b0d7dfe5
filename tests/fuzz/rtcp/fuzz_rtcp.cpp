// Any bytes as an RTCP compound and as an SRTCP packet: the walk moves forward, covers everything
// or says malformed.
#include "dataplane/srtp/rtp.h"
#include "tests/support/fuzz_input.h"

using namespace mdd;

namespace {

void walk(srtp::Bytes compound) {
    srtp::RtcpWalk walk(compound);
    const auto* expected = compound.data();
    int parts = 0;
    while (const auto part = walk.next()) {
        test::must(part->bytes.data() == expected);
        test::must(part->bytes.size() >= 4 && part->bytes.size() % 4 == 0);
        test::must(part->type >= 192 && part->type <= 223 && part->count < 32);
        expected += part->bytes.size();
        test::must(++parts <= srtp::RtcpWalk::kMaxParts);
    }
    const bool covered = parts > 0 && expected == compound.data() + compound.size();
    test::must(walk.malformed() == !covered);
    test::must(!walk.next());
}

void split(srtp::Bytes packet) {
    const auto view = srtp::SrtcpView::parse(packet);
    test::must(view.has_value() == (packet.size() >= 28 && packet[0] >> 6 == 2));
    if (!view) return;
    test::must(view->clear().size() + view->sealed().size() + view->esrtcp_word().size() ==
               packet.size());
    test::must(view->sealed().size() >= 16);
    const auto word = srtp::load_be32(view->esrtcp_word().data());
    test::must(word == (view->index() | (view->encrypted() ? 0x80000000u : 0u)));
    test::must(view->sender_ssrc() == srtp::load_be32(view->clear().data() + 4));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size_bytes) {
    const test::ExactCopy input(data, size_bytes);
    walk(input.bytes());
    split(input.bytes());
    return 0;
}
