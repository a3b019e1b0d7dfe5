// Any bytes on the whole way of a hop: as they are (they must not verify), and signed as packets of
// an endpoint, which takes the fuzzer past the tag: opened, relayed to a second key, opened there,
// equal but for what was changed.
#include "dataplane/srtp/demux.h"
#include "tests/support/fuzz_input.h"
#include "tests/support/hop_packets.h"
#include "tests/support/ohb_reference.h"

using namespace mdd;

namespace {

struct Keys {
    Keys() { test::must(srtp::aead_start() == srtp::AeadStart::ok); }
    test::ByteVector bytes = test::ByteVector(16, 0x21);
    test::ByteVector salt = test::ByteVector(12, 0x22);
};

const srtp::AeadKey& key(std::uint8_t which) {
    static const Keys start;
    static const srtp::AeadKey from_a(start.bytes, start.salt);
    static const srtp::AeadKey to_b(test::ByteVector(32, 0x23), start.salt);
    static const srtp::AeadKey from_a_rtcp(test::ByteVector(16, 0x24), start.salt);
    const srtp::AeadKey* const keys[] = {&from_a, &to_b, &from_a_rtcp};
    return *keys[which];
}

// Never repeats in a process, so that audit builds may fuzz, too.
std::uint32_t next_index() {
    static std::uint32_t index = 0;
    return ++index & 0x7fffffff;
}

void refuse(srtp::Bytes datagram) {
    const auto kind = srtp::classify_datagram(datagram);
    if (kind == srtp::DatagramKind::rtcp) test::must(!test::open_rtcp(key(2), datagram));
    if (kind != srtp::DatagramKind::rtp) return;
    test::must(!test::open_rtp(key(0), datagram, 1));
    if (const auto tag = srtp::ekt_tag_bytes(datagram))
        test::must(!test::open_rtp(key(0), datagram.first(datagram.size() - *tag), 1));
}

void relay_rtp(srtp::Bytes clear) {
    const auto wire_a = test::seal_rtp(key(0), clear, next_index());
    if (!wire_a) return;
    test::must(!test::open_rtp(key(0), *wire_a, 0));
    const auto view = srtp::RtpView::parse(clear);
    const auto received = srtp::read_ohb(view->payload());
    if (!received) return;

    const auto leg_index = next_index();
    const auto leg_sequence = static_cast<std::uint16_t>(leg_index);
    const auto sent = srtp::with_sequence(*received, view->sequence(), leg_sequence);
    test::ByteVector packet(clear.begin(),
                            clear.end() - static_cast<std::ptrdiff_t>(received->size_bytes()));
    const auto inner_end = packet.size();
    packet.resize(inner_end + sent.size_bytes());
    srtp::write_ohb(sent, packet.data() + inner_end);
    srtp::store_be16(packet.data() + 2, leg_sequence);

    const auto wire_b = test::seal_rtp(key(1), packet, leg_index);
    const auto at_b = test::open_rtp(key(1), wire_b.value(), leg_index);
    test::must(at_b == packet);
    const auto view_b = srtp::RtpView::parse(*at_b);
    const auto ohb_b = srtp::read_ohb(view_b->payload());
    test::must(ohb_b.has_value());
    test::must(ohb_b->sequence.value_or(view_b->sequence()) ==
               received->sequence.value_or(view->sequence()));
}

void walk_rtcp(srtp::Bytes clear) {
    if (clear.size() < srtp::kSrtcpClearBytes || clear[0] >> 6 != 2) return;
    const auto wire = test::seal_rtcp(key(2), clear, next_index());
    const auto opened = test::open_rtcp(key(2), wire);
    test::must(opened && std::equal(opened->begin(), opened->end(), clear.begin(), clear.end()));
    srtp::RtcpWalk walk(*opened);
    while (walk.next()) {
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size_bytes) {
    const test::ExactCopy input(data, size_bytes);
    refuse(input.bytes());
    relay_rtp(input.bytes());
    walk_rtcp(input.bytes());
    return 0;
}
