// Any bytes as an RTP packet: the view stays inside and splits the packet without gap or overlap.
#include "dataplane/srtp/demux.h"
#include "dataplane/srtp/rtp.h"
#include "tests/support/fuzz_input.h"

using namespace mdd;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size_bytes) {
    const test::ExactCopy input(data, size_bytes);
    const auto kind = srtp::classify_datagram(input.bytes());
    const auto view = srtp::RtpView::parse(input.bytes());
    if (!view) return 0;
    // Whatever has an RTP header is media to the demultiplexer as well.
    test::must(kind == srtp::DatagramKind::rtp || kind == srtp::DatagramKind::rtcp);
    test::must(view->header_bytes() >= srtp::kRtpFixedHeaderBytes);
    test::must(view->header_bytes() == view->header().size());
    test::must(view->header().size() + view->payload().size() == size_bytes);
    test::must(view->payload_type() == (input.bytes()[1] & 0x7f));
    test::must(view->marker() == (input.bytes()[1] > 127));
    // The header alone is a packet again, with the same fields.
    const test::ExactCopy header(view->header().data(), view->header().size());
    const auto again = srtp::RtpView::parse(header.bytes());
    test::must(again && again->payload().empty() && again->ssrc() == view->ssrc() &&
               again->sequence() == view->sequence() && again->timestamp() == view->timestamp());
    return 0;
}
