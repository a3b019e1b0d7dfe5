// EKT fields and AES key wrap with padding through OpenSSL.
#include "tools/mdd-endpoint/ekt_tag.h"

#include <algorithm>
#include <stdexcept>
#include <string>

#include <fmt/format.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "kmf-tunnel/openssl_ptr.h"

namespace mdd::endpoint {
namespace {

constexpr std::size_t kWrapBlockBytes = 8;
constexpr std::size_t kFullTagFixedBytes = 7;         // SPI, epoch, length, type
constexpr std::size_t kSmallestCiphertextBytes = 16;  // RFC 5649 never yields less
constexpr std::size_t kLargestCiphertextBytes = 248;
constexpr std::size_t kSmallestExtensionBytes = 4;
constexpr std::size_t kLargestExtensionBytes = 1024 + 3;

using CipherPtr = std::unique_ptr<EVP_CIPHER, tunnel::OpensslFree<EVP_CIPHER_free>>;
using CipherCtxPtr = std::unique_ptr<EVP_CIPHER_CTX, tunnel::OpensslFree<EVP_CIPHER_CTX_free>>;

CipherCtxPtr start_wrap(srtp::Bytes kek, bool encrypt) {
    const auto name = fmt::format("AES-{}-WRAP-PAD", kek.size() * 8);
    const CipherPtr cipher(EVP_CIPHER_fetch(nullptr, name.c_str(), nullptr));
    CipherCtxPtr context(EVP_CIPHER_CTX_new());
    if (!cipher || !context) throw std::runtime_error("OpenSSL offers no " + name);
    EVP_CIPHER_CTX_set_flags(context.get(), EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
    if (EVP_CipherInit_ex2(context.get(), cipher.get(), kek.data(), nullptr, encrypt ? 1 : 0,
                           nullptr) != 1)
        throw std::runtime_error("OpenSSL refused to start " + name);
    return context;
}

// One call does it all; wrap ciphers take no second update.
std::optional<std::vector<std::uint8_t>> run_wrap(srtp::Bytes kek, srtp::Bytes in, bool encrypt) {
    const auto context = start_wrap(kek, encrypt);
    std::vector<std::uint8_t> out(in.size() + 2 * kWrapBlockBytes);
    int size_bytes = 0;
    if (EVP_CipherUpdate(context.get(), out.data(), &size_bytes, in.data(),
                         static_cast<int>(in.size())) != 1 ||
        size_bytes <= 0) {
        OPENSSL_cleanse(out.data(), out.size());
        return std::nullopt;
    }
    out.resize(static_cast<std::size_t>(size_bytes));
    return out;
}

std::optional<EktTag> parse_full(srtp::Bytes packet, std::size_t size_bytes) {
    if (size_bytes < kSmallestCiphertextBytes + kFullTagFixedBytes) return std::nullopt;
    const auto ciphertext_bytes = size_bytes - kFullTagFixedBytes;
    if (ciphertext_bytes > kLargestCiphertextBytes || ciphertext_bytes % kWrapBlockBytes != 0)
        return std::nullopt;
    const auto field = packet.last(size_bytes);
    return EktTag{EktTag::Kind::full, size_bytes, field.first(ciphertext_bytes),
                  srtp::load_be16(field.data() + ciphertext_bytes),
                  srtp::load_be16(field.data() + ciphertext_bytes + 2)};
}

}  // namespace

std::vector<std::uint8_t> wrap_key(srtp::Bytes kek, srtp::Bytes plaintext) {
    auto wrapped = run_wrap(kek, plaintext, true);
    if (!wrapped) throw std::runtime_error("OpenSSL refused to wrap a key");
    return std::move(*wrapped);
}

std::optional<std::vector<std::uint8_t>> unwrap_key(srtp::Bytes kek, srtp::Bytes ciphertext) {
    if (ciphertext.size() < kSmallestCiphertextBytes || ciphertext.size() % kWrapBlockBytes != 0)
        return std::nullopt;
    return run_wrap(kek, ciphertext, false);
}

std::optional<EktTag> parse_ekt_tag(srtp::Bytes packet, std::size_t srtp_bytes) {
    if (packet.size() < srtp_bytes + 1) return std::nullopt;
    const auto room_bytes = packet.size() - srtp_bytes;
    const auto type = packet.back();
    if (type == kShortTag) return EktTag{EktTag::Kind::short_tag, 1, {}};
    if (type == 0x01 || type == 0xFF || room_bytes < 3) return std::nullopt;
    const std::size_t size_bytes = srtp::load_be16(packet.data() + packet.size() - 3);
    if (size_bytes > room_bytes) return std::nullopt;
    if (type == kFullTag) return parse_full(packet, size_bytes);
    if (size_bytes < kSmallestExtensionBytes || size_bytes > kLargestExtensionBytes)
        return std::nullopt;
    return EktTag{EktTag::Kind::unknown_type, size_bytes, {}};
}

std::vector<std::uint8_t> build_full_tag(const EktKey& key, std::uint16_t epoch,
                                         srtp::Bytes master_key, std::uint32_t ssrc,
                                         std::uint32_t roc) {
    srtp::Secret<1 + 32 + 8> plaintext;
    auto* out = plaintext.writable().data();
    out[0] = static_cast<std::uint8_t>(master_key.size());
    std::copy(master_key.begin(), master_key.end(), out + 1);
    srtp::store_be32(out + 1 + master_key.size(), ssrc);
    srtp::store_be32(out + 5 + master_key.size(), roc);

    auto field = wrap_key(key.key_value(), plaintext.first(9 + master_key.size()));
    const auto ciphertext_bytes = field.size();
    field.resize(ciphertext_bytes + kFullTagFixedBytes);
    srtp::store_be16(field.data() + ciphertext_bytes, key.spi);
    srtp::store_be16(field.data() + ciphertext_bytes + 2, epoch);
    srtp::store_be16(field.data() + ciphertext_bytes + 4, static_cast<std::uint16_t>(field.size()));
    field.back() = kFullTag;
    return field;
}

EktFault open_full_tag(const EktKey& key, srtp::Bytes ciphertext, std::size_t expected_key_bytes,
                       EktContents& contents) {
    auto plaintext = unwrap_key(key.key_value(), ciphertext);
    if (!plaintext) return EktFault::unwrap_failed;
    auto fault = EktFault::malformed;
    const std::size_t key_bytes = plaintext->front();
    if (plaintext->size() == 1 + key_bytes + 8) {
        fault = EktFault::wrong_key_length;
        if (key_bytes == expected_key_bytes) {
            const auto* fields = plaintext->data() + 1 + key_bytes;
            contents.key_bytes = key_bytes;
            contents.master_key = srtp::Secret<32>(srtp::Bytes(*plaintext).subspan(1, key_bytes));
            contents.ssrc = srtp::load_be32(fields);
            contents.roc = srtp::load_be32(fields + 4);
            fault = EktFault::none;
        }
    }
    OPENSSL_cleanse(plaintext->data(), plaintext->size());
    return fault;
}

}  // namespace mdd::endpoint
