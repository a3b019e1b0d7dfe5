// What the tests of record layers share: both ends of one association as layers, and what is read
// off their records.
#pragma once

#include <stdexcept>

#include "tests/unit/dtls_srtp/end.h"
#include "tools/dtls_srtp/record_layer.h"

namespace mdd::test {

inline constexpr std::uint8_t kData = 23;

inline std::uint64_t sequence_of(const Datagram& record) {
    return tunnel::RecordWalk(record).next()->sequence;
}
inline std::uint64_t nonce_of(const Datagram& record) {
    const auto* at = &record[13];
    return static_cast<std::uint64_t>(srtp::load_be32(at)) << 32 | srtp::load_be32(at + 4);
}
// The layer's own: what it sealed is opened by its mirror image only.
inline std::optional<dtls::RecordLayer::Opened> open(dtls::RecordLayer& layer, srtp::Bytes record) {
    const auto parsed = tunnel::RecordWalk(record).next();
    return parsed ? layer.open(*parsed) : std::nullopt;
}
inline Datagram bytes_of(const tunnel::SecretBytes& bytes) {
    return {bytes.bytes().begin(), bytes.bytes().end()};
}
inline Datagram text(std::string_view words) {
    return {words.begin(), words.end()};
}

// Both ends of one association as record layers.
struct Layers {
    dtls::RecordLayer client;
    dtls::RecordLayer server;
};
inline dtls::RecordLayer layer_of(End& end) {
    auto taken = dtls::take_over(end.ssl, end.tap, end.why);
    if (!taken) throw std::runtime_error(end.why);
    return std::move(taken->records);
}
inline Layers make_layers(const char* ciphers = kAes128) {
    EndOptions options;
    options.ciphers = ciphers;
    Pair pair(options);
    auto client = layer_of(pair.client);
    return {std::move(client), layer_of(pair.server)};
}

}  // namespace mdd::test
