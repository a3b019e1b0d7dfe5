// Fields of 8 bytes and blocks with a length in front, then SHA-256 over all of it.
#include "tools/dtls_srtp/frozen.h"

#include <algorithm>
#include <array>

#include <openssl/crypto.h>
#include <openssl/sha.h>

#include "tools/dtls_srtp/record_form.h"

namespace mdd::dtls {
namespace {

srtp::Bytes as_bytes(std::string_view text) {
    return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

using Digest = std::array<std::uint8_t, SHA256_DIGEST_LENGTH>;

Digest digest_of(srtp::Bytes bytes) {
    Digest digest;
    SHA256(bytes.data(), bytes.size(), digest.data());
    return digest;
}

}  // namespace

FrozenWriter::FrozenWriter(std::string_view kind) : buffer_(512) {
    block(as_bytes(kind));
}

void FrozenWriter::append(srtp::Bytes bytes) {
    if (bytes.size() > buffer_.size() - used_bytes_) {
        tunnel::SecretBytes larger(2 * (used_bytes_ + bytes.size()));
        std::ranges::copy(buffer_.bytes().first(used_bytes_), larger.writable().begin());
        buffer_ = std::move(larger);
    }
    std::ranges::copy(bytes, buffer_.writable().subspan(used_bytes_).begin());
    used_bytes_ += bytes.size();
}

void FrozenWriter::number(std::uint64_t value) {
    std::array<std::uint8_t, 8> bytes;
    store_be64(bytes.data(), value);
    append(bytes);
}

void FrozenWriter::block(srtp::Bytes bytes) {
    number(bytes.size());
    append(bytes);
}

tunnel::SecretBytes FrozenWriter::finish() {
    append(digest_of(buffer_.bytes().first(used_bytes_)));
    return tunnel::SecretBytes(buffer_.bytes().first(used_bytes_));
}

FrozenReader::FrozenReader(std::string_view kind, srtp::Bytes frozen) {
    if (frozen.size() < SHA256_DIGEST_LENGTH) return;
    rest_ = frozen.first(frozen.size() - SHA256_DIGEST_LENGTH);
    const auto digest = digest_of(rest_);
    good_ =
        CRYPTO_memcmp(digest.data(), frozen.last(SHA256_DIGEST_LENGTH).data(), digest.size()) == 0;
    if (!std::ranges::equal(block(), as_bytes(kind))) good_ = false;
}

srtp::Bytes FrozenReader::take(std::size_t size_bytes) {
    if (size_bytes > rest_.size()) good_ = false;
    if (!good_) return {};
    const auto taken = rest_.first(size_bytes);
    rest_ = rest_.subspan(size_bytes);
    return taken;
}

std::uint64_t FrozenReader::number() {
    const auto bytes = take(8);
    return bytes.empty() ? 0 : load_be64(bytes.data());
}

std::uint64_t FrozenReader::number_up_to(std::uint64_t highest) {
    const auto value = number();
    if (value <= highest) return value;
    good_ = false;
    return 0;
}

srtp::Bytes FrozenReader::block() {
    return take(number_up_to(rest_.size()));
}

srtp::Bytes FrozenReader::block_of(std::size_t size_bytes) {
    const auto bytes = block();
    if (bytes.size() == size_bytes) return bytes;
    good_ = false;
    return {};
}

}  // namespace mdd::dtls
