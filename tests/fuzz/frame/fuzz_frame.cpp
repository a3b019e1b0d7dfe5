// Any bytes as an Ethernet frame: what is accepted stays inside, the quick look at the usual
// headers says the same, and ARP and echo answers are well-formed frames.
#include <vector>

#include "dataplane/net/arp.h"
#include "dataplane/net/frame.h"
#include "dataplane/net/icmp.h"
#include "dataplane/net/usual_headers.h"
#include "tests/support/fuzz_input.h"

using namespace mdd;
using net::Frame;
using net::FrameKind;
using srtp::Verdict;

namespace {

void check_place(const Frame& frame, std::size_t size_bytes) {
    test::must(frame.l3_offset == 14 || frame.l3_offset == 18);
    test::must(frame.payload_offset >= frame.l3_offset);
    test::must(std::size_t{frame.payload_offset} + frame.payload_bytes <= size_bytes);
}

void check_arp(srtp::Bytes bytes, const Frame& frame) {
    const auto packet = net::parse_arp(net::payload_of(bytes, frame));
    if (!packet) return;
    std::vector<std::uint8_t> reply(net::kArpFrameBytes);
    net::write_arp_reply(reply.data(), *packet, net::source_mac_of(bytes), packet->target_ip);
    Frame parsed;
    test::must(net::parse_frame(reply, parsed) == Verdict::accepted);
    const auto answer = net::parse_arp(net::payload_of(reply, parsed));
    test::must(answer && answer->operation == net::ArpOperation::reply);
    test::must(answer->sender_ip == packet->target_ip && answer->target_ip == packet->sender_ip);
}

void check_echo(srtp::Bytes bytes, const Frame& frame) {
    std::vector<std::uint8_t> reply(bytes.begin(), bytes.end());
    if (!net::make_echo_reply(reply, frame, net::destination_mac_of(bytes), frame.destination.ip))
        return;
    Frame parsed;
    const Verdict verdict = net::parse_frame(reply, parsed);
    // The request may have come from or to an address that no frame may carry as its source.
    if (verdict != Verdict::accepted) return;
    test::must(parsed.kind == FrameKind::icmp && parsed.payload_bytes == frame.payload_bytes);
    test::must(parsed.destination == frame.source && parsed.source == frame.destination);
    test::must(net::destination_mac_of(reply) == net::source_mac_of(bytes));
}

// Where the frame's destination would be ours: usual means accepted, and the other way round.
void check_usual(srtp::Bytes bytes, Verdict verdict, const Frame& parsed,
                 net::IpChecksum checksum) {
    constexpr std::size_t kDestinationAt = 30, kPortAt = 36;
    if (bytes.size() < net::kHeaderBytes) return;
    const net::SocketAddress ours{net::to_be(srtp::load_be32(&bytes[kDestinationAt])),
                                  net::to_be(srtp::load_be16(&bytes[kPortAt]))};
    const bool is_usual = verdict == Verdict::accepted && parsed.kind == FrameKind::udp &&
                          parsed.l3_offset == net::kEthernetBytes;
    net::UsualHeaders::Match match;
    test::must(net::UsualHeaders(ours).match(bytes, match, checksum) == is_usual);
    if (!is_usual) return;
    test::must(match.source == parsed.source && match.payload_bytes == parsed.payload_bytes);
    test::must(parsed.destination == ours && parsed.payload_offset == net::kHeaderBytes);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size_bytes) {
    const test::ExactCopy input(data, size_bytes);
    Frame strict, trusting;
    const Verdict verdict = net::parse_frame(input.bytes(), strict);
    const Verdict trusted =
        net::parse_frame(input.bytes(), trusting, net::IpChecksum::verified_by_device);
    // Believing the device about the checksum can only let more through.
    if (verdict == Verdict::accepted) test::must(trusted == Verdict::accepted);
    check_usual(input.bytes(), verdict, strict, net::IpChecksum::verify);
    check_usual(input.bytes(), trusted, trusting, net::IpChecksum::verified_by_device);
    if (trusted != Verdict::accepted) return 0;
    check_place(trusting, size_bytes);
    test::must(!net::source_mac_of(input.bytes()).is_group());
    if (trusting.kind == FrameKind::arp) check_arp(input.bytes(), trusting);
    if (trusting.kind == FrameKind::icmp) check_echo(input.bytes(), trusting);
    return 0;
}
