// Which bits of the headers are the same in all.
#include "dataplane/net/usual_headers.h"

namespace mdd::net {
namespace {

using header_fields::kIpAt;
constexpr std::size_t kSourceMacAt = kMacBytes, kTypeAt = 2 * kMacBytes;
constexpr std::size_t kVersionAt = kIpAt, kFragmentAt = kIpAt + 6, kProtocolAt = kIpAt + 9,
                      kDestinationAt = kIpAt + 16, kPortAt = header_fields::kUdpAt + 2;

struct Pattern {
    std::array<std::uint8_t, kHeaderBytes> bytes{}, mask{};

    void expect(std::size_t at, std::uint8_t byte, std::uint8_t of = 0xff) {
        bytes[at] = byte;
        mask[at] = of;
    }
    void expect_be16(std::size_t at, std::uint16_t word, std::uint16_t of = 0xffff) {
        expect(at, static_cast<std::uint8_t>(word >> 8), static_cast<std::uint8_t>(of >> 8));
        expect(at + 1, static_cast<std::uint8_t>(word), static_cast<std::uint8_t>(of));
    }
};

}  // namespace

UsualHeaders::UsualHeaders(const SocketAddress& ours) {
    Pattern pattern;
    pattern.expect(kSourceMacAt, 0, 1);  // the group bit
    pattern.expect_be16(kTypeAt, kTypeIpv4);
    pattern.expect(kVersionAt, 0x45);
    pattern.expect_be16(kFragmentAt, 0, 0xbfff);  // all but "don't fragment"
    pattern.expect(kProtocolAt, kProtocolUdp);
    const auto ip = from_be(ours.ip);
    pattern.expect_be16(kDestinationAt, static_cast<std::uint16_t>(ip >> 16));
    pattern.expect_be16(kDestinationAt + 2, static_cast<std::uint16_t>(ip));
    pattern.expect_be16(kPortAt, from_be(ours.port));
    for (std::size_t i = 0; i < kWordsAt.size(); ++i)
        words_[i] = {load(&pattern.bytes[kWordsAt[i]]), load(&pattern.mask[kWordsAt[i]])};
}

}  // namespace mdd::net
