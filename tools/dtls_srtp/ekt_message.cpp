// ekt_key bodies and ACKs: the byte layouts.
#include "tools/dtls_srtp/ekt_message.h"

#include <algorithm>

#include <openssl/ssl.h>

#include "tools/dtls_srtp/record_form.h"

namespace mdd::dtls {
namespace {

constexpr std::size_t kMaxVectorBytes = 256;
constexpr std::size_t kLongNumberBytes = 16;
constexpr std::size_t kShortNumberBytes = 8;

// opaque<1..256>: the ceiling does not fit one byte, so the length has two. Advances `rest`.
std::optional<srtp::Bytes> take_vector(srtp::Bytes& rest) {
    if (rest.size() < 2) return std::nullopt;
    const std::size_t size_bytes = srtp::load_be16(rest.data());
    if (size_bytes == 0 || size_bytes > kMaxVectorBytes || size_bytes > rest.size() - 2)
        return std::nullopt;
    const auto value = rest.subspan(2, size_bytes);
    rest = rest.subspan(2 + size_bytes);
    return value;
}

std::uint8_t* put_vector(std::uint8_t* at, srtp::Bytes value) {
    srtp::store_be16(at, static_cast<std::uint16_t>(value.size()));
    return std::copy(value.begin(), value.end(), at + 2);
}

}  // namespace

EktKeyMessage copy_of(const EktKeyMessage& message) {
    return {message.key_bytes, srtp::Secret<32>(message.key.bytes()),
            srtp::Secret<srtp::kHopSaltBytes>(message.salt.bytes()), message.spi, message.ttl};
}

std::uint8_t alert_for(EktKeyFault fault) {
    return fault == EktKeyFault::malformed ? SSL_AD_DECODE_ERROR : SSL_AD_ILLEGAL_PARAMETER;
}

tunnel::SecretBytes encode_ekt_key(const EktKeyMessage& message) {
    constexpr std::int64_t kLongestTtl = 0xFFFFFF;
    const auto ttl =
        static_cast<std::uint32_t>(std::clamp<std::int64_t>(message.ttl.count(), 0, kLongestTtl));
    tunnel::SecretBytes body(2 + message.key_bytes + 2 + srtp::kHopSaltBytes + 2 + 3);
    auto* at = put_vector(body.writable().data(), message.key_value());
    at = put_vector(at, message.salt.bytes());
    srtp::store_be16(at, message.spi);
    at[2] = static_cast<std::uint8_t>(ttl >> 16);
    srtp::store_be16(at + 3, static_cast<std::uint16_t>(ttl));
    return body;
}

std::variant<EktKeyMessage, EktKeyFault> decode_ekt_key(srtp::Bytes body) {
    const auto key = take_vector(body);
    if (!key) return EktKeyFault::malformed;
    const auto salt = take_vector(body);
    if (!salt || body.size() != 5) return EktKeyFault::malformed;
    if (key->size() != ekt_key_bytes(EktCipher::aeskw_128) &&
        key->size() != ekt_key_bytes(EktCipher::aeskw_256))
        return EktKeyFault::wrong_key_bytes;
    if (salt->size() < srtp::kHopSaltBytes) return EktKeyFault::short_salt;
    const std::uint32_t ttl = static_cast<std::uint32_t>(body[2]) << 16 | srtp::load_be16(&body[3]);
    return EktKeyMessage{key->size(), srtp::Secret<32>(*key),
                         srtp::Secret<srtp::kHopSaltBytes>(salt->first(srtp::kHopSaltBytes)),
                         srtp::load_be16(body.data()), std::chrono::seconds(ttl)};
}

std::vector<std::uint8_t> encode_ack(std::span<const RecordNumber> numbers) {
    std::vector<std::uint8_t> body(2 + kLongNumberBytes * numbers.size());
    srtp::store_be16(body.data(), static_cast<std::uint16_t>(body.size() - 2));
    auto* at = &body[2];
    for (const auto& number : numbers) {
        store_be64(at, number.epoch);
        store_be64(at + 8, number.sequence);
        at += kLongNumberBytes;
    }
    return body;
}

std::optional<std::vector<RecordNumber>> decode_ack(srtp::Bytes body) {
    if (body.size() < 2 || srtp::load_be16(body.data()) != body.size() - 2) return std::nullopt;
    const auto list = body.subspan(2);
    if (list.size() % kShortNumberBytes != 0) return std::nullopt;
    std::vector<RecordNumber> numbers;
    for (std::size_t at = 0; at < list.size(); at += kShortNumberBytes)
        numbers.push_back({srtp::load_be16(&list[at]), load_be64(&list[at]) & 0xFFFF'FFFF'FFFFULL});
    if (list.size() % kLongNumberBytes == 0)
        for (std::size_t at = 0; at < list.size(); at += kLongNumberBytes)
            numbers.push_back({load_be64(&list[at]), load_be64(&list[at + 8])});
    return numbers;
}

}  // namespace mdd::dtls
