// The bytes of ClientHello and answer.
#include "tools/mdd-load/hello.h"

#include <algorithm>
#include <initializer_list>

#include "kmf-tunnel/record.h"
#include "tools/mdd-load/random.h"

namespace mdd::load {
namespace {

constexpr std::array<std::uint8_t, 8> kOurs{'m', 'd', 'd', '-', 'l', 'o', 'a', 'd'};
constexpr std::size_t kHandshakeBytes = kOurs.size() + 8;
// Explicit nonce, the handshake, and room for a tag: no receiver of records takes less.
constexpr std::size_t kAnswerBytes = 8 + kHandshakeBytes + 16;

class Writer {
  public:
    void put(std::initializer_list<std::uint8_t> more) { bytes.insert(bytes.end(), more); }
    void put(srtp::Bytes more) { bytes.insert(bytes.end(), more.begin(), more.end()); }
    void put16(std::size_t value) {
        put({static_cast<std::uint8_t>(value >> 8), static_cast<std::uint8_t>(value)});
    }
    void put24(std::size_t value) {
        put({static_cast<std::uint8_t>(value >> 16)});
        put16(value & 0xffff);
    }
    std::vector<std::uint8_t> bytes;
};

std::array<std::uint8_t, kHandshakeBytes> signed_with_our_name(const Handshake& handshake) {
    std::array<std::uint8_t, kHandshakeBytes> bytes;
    std::ranges::copy(kOurs, bytes.begin());
    srtp::store_be32(bytes.data() + kOurs.size(), handshake.endpoint);
    srtp::store_be32(bytes.data() + kOurs.size() + 4, handshake.generation);
    return bytes;
}

// Precondition: bytes.size() >= kHandshakeBytes.
std::optional<Handshake> handshake_in(srtp::Bytes bytes) {
    if (!std::ranges::equal(bytes.first(kOurs.size()), kOurs)) return std::nullopt;
    return Handshake{srtp::load_be32(bytes.data() + kOurs.size()),
                     srtp::load_be32(bytes.data() + kOurs.size() + 4)};
}

// A record of a handshake, version DTLS 1.2, sequence number 0.
std::vector<std::uint8_t> record_of(std::uint8_t epoch, srtp::Bytes fragment) {
    Writer record;
    record.put({22, 0xfe, 0xfd, 0, epoch, 0, 0, 0, 0, 0, 0});
    record.put16(fragment.size());
    record.put(fragment);
    return record.bytes;
}

std::vector<std::uint8_t> extensions(srtp::Profile profile) {
    const auto number = static_cast<std::uint16_t>(profile);
    Writer list;
    list.put({0, 23, 0, 0});                      // extended_master_secret
    list.put({0, 10, 0, 6, 0, 4, 0, 29, 0, 23});  // supported_groups: X25519, P-256
    list.put({0, 11, 0, 2, 1, 0});                // ec_point_formats: uncompressed
    list.put({0, 13, 0, 6, 0, 4, 4, 3, 8, 4});    // signature_algorithms: ECDSA, RSA-PSS
    list.put({0, 14, 0, 5, 0, 2});                // use_srtp, without MKI
    list.put16(number);
    list.put({0});
    list.put({0xff, 0x01, 0, 1, 0});  // renegotiation_info
    return list.bytes;
}

}  // namespace

std::vector<std::uint8_t> write_hello(const Handshake& handshake, srtp::Profile profile) {
    Writer body;
    body.put({0xfe, 0xfd});
    body.put(signed_with_our_name(handshake));
    const auto filling = mixed(std::uint64_t{handshake.endpoint} << 32 | handshake.generation);
    for (const auto word : {filling, mixed(filling)})
        for (unsigned shift = 0; shift < 64; shift += 8)
            body.put({static_cast<std::uint8_t>(word >> shift)});
    body.put({0, 0});                                      // no session, no cookie
    body.put({0, 6, 0xc0, 0x2b, 0xc0, 0x2f, 0xc0, 0x2c});  // ECDHE with AES-GCM
    body.put({1, 0});                                      // no compression
    const auto list = extensions(profile);
    body.put16(list.size());
    body.put(list);

    Writer message;
    message.put({1});
    message.put24(body.bytes.size());
    message.put16(0);
    message.put24(0);
    message.put24(body.bytes.size());
    message.put(body.bytes);
    return record_of(0, message.bytes);
}

std::optional<Handshake> read_hello(srtp::Bytes datagram) {
    const auto random = tunnel::client_hello_random(datagram);
    if (!random) return std::nullopt;
    return handshake_in(*random);
}

std::vector<std::uint8_t> write_answer(const Handshake& handshake) {
    std::array<std::uint8_t, kAnswerBytes> fragment{};
    std::ranges::copy(signed_with_our_name(handshake), fragment.begin() + 8);
    return record_of(1, fragment);
}

std::optional<Handshake> read_answer(srtp::Bytes datagram) {
    const auto record = tunnel::RecordWalk(datagram).next();
    if (!record || record->type != tunnel::ContentType::handshake || record->epoch != 1 ||
        record->fragment.size() != kAnswerBytes)
        return std::nullopt;
    return handshake_in(record->fragment.subspan(8));
}

}  // namespace mdd::load
