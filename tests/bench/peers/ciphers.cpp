// The calls of each library per packet: see ciphers.h.
#include "tests/bench/peers/ciphers.h"

#include "dataplane/srtp/kdf.h"

namespace mdd::bench {
namespace {

constexpr std::size_t kKeyBytes = 16;

srtp::SessionKeys session_keys_of(const srtp::MasterKey& key) {
    return srtp::derive_session_keys(srtp::Profile::aead_aes_128_gcm, key);
}
std::uint16_t sequence_of(const std::uint8_t* packet) {
    return srtp::load_be16(packet + 2);
}
std::uint32_t ssrc_of(const std::uint8_t* packet) {
    return srtp::load_be32(packet + 8);
}
// OpenSSL counts in int.
int as_int(std::size_t size_bytes) {
    return static_cast<int>(size_bytes);
}

}  // namespace

std::unique_ptr<const srtp::AeadKey> rtp_key_of(const srtp::MasterKey& key) {
    const auto session = session_keys_of(key);
    return std::make_unique<const srtp::AeadKey>(session.rtp_key.first(kKeyBytes),
                                                 session.rtp_salt.bytes());
}

Libsrtp::Opener::Opener(const srtp::MasterKey& key)
    : session_(key.key.first(kKeyBytes), key.salt.bytes(), false) {}
Libsrtp::Sealer::Sealer(const srtp::MasterKey& key)
    : session_(key.key.first(kKeyBytes), key.salt.bytes(), true) {}

Evp::Context::Context(const srtp::MasterKey& key, bool seals) : context_(EVP_CIPHER_CTX_new()) {
    auto session = session_keys_of(key);
    salt_ = std::move(session.rtp_salt);
    if (EVP_CipherInit_ex(context_.get(), EVP_aes_128_gcm(), nullptr,
                          session.rtp_key.bytes().data(), nullptr, seals ? 1 : 0) != 1)
        throw std::runtime_error("OpenSSL refuses AES-128-GCM: " + tunnel::openssl_error_text());
}

bool Evp::Context::begin(std::uint64_t index, const std::uint8_t* rtp_header) {
    std::uint8_t nonce[srtp::kNonceBytes] = {};
    srtp::store_be32(nonce + 2, ssrc_of(rtp_header));
    srtp::store_be32(nonce + 6, static_cast<std::uint32_t>(index >> 16));
    srtp::store_be16(nonce + 10, static_cast<std::uint16_t>(index));
    const auto salt = salt_.bytes();
    for (std::size_t i = 0; i < sizeof nonce; ++i) nonce[i] ^= salt[i];
    int done = 0;
    return EVP_CipherInit_ex(context_.get(), nullptr, nullptr, nullptr, nonce, -1) == 1 &&
           EVP_CipherUpdate(context_.get(), nullptr, &done, rtp_header, as_int(kRtpHeaderBytes)) ==
               1;
}

bool Evp::Context::open(std::uint64_t index, std::uint8_t* packet, std::size_t size_bytes) {
    auto* body = packet + kRtpHeaderBytes;
    const auto body_bytes = size_bytes - kRtpHeaderBytes - srtp::kTagBytes;
    int done = 0;
    return begin(index, packet) &&
           EVP_CipherUpdate(context_.get(), body, &done, body, as_int(body_bytes)) == 1 &&
           EVP_CIPHER_CTX_ctrl(context_.get(), EVP_CTRL_AEAD_SET_TAG, as_int(srtp::kTagBytes),
                               body + body_bytes) == 1 &&
           EVP_CipherFinal_ex(context_.get(), body + done, &done) == 1;
}

bool Evp::Context::seal(std::uint64_t index, srtp::Bytes rtp, std::uint8_t* to) {
    const auto body_bytes = rtp.size() - kRtpHeaderBytes;
    std::memcpy(to, rtp.data(), kRtpHeaderBytes);
    int done = 0;
    return begin(index, to) &&
           EVP_CipherUpdate(context_.get(), to + kRtpHeaderBytes, &done,
                            rtp.data() + kRtpHeaderBytes, as_int(body_bytes)) == 1 &&
           EVP_CipherFinal_ex(context_.get(), to + kRtpHeaderBytes + done, &done) == 1 &&
           EVP_CIPHER_CTX_ctrl(context_.get(), EVP_CTRL_AEAD_GET_TAG, as_int(srtp::kTagBytes),
                               to + rtp.size()) == 1;
}

std::size_t Evp::Opener::open(std::uint8_t* packet, std::size_t size_bytes) {
    const auto index = index_.fresh(sequence_of(packet));
    if (!index || !context_.open(*index, packet, size_bytes)) return 0;
    index_.accept(*index);
    return size_bytes - srtp::kTagBytes;
}

std::size_t Evp::Sealer::seal(srtp::Bytes rtp, std::uint8_t* to) {
    const auto index = index_.next(sequence_of(rtp.data()));
    return context_.seal(index, rtp, to) ? rtp.size() + srtp::kTagBytes : 0;
}

IpsecMb::Opener::Opener(const srtp::MasterKey& key) : key_(rtp_key_of(key)) {}

std::size_t IpsecMb::Opener::open(std::uint8_t* packet, std::size_t size_bytes) {
    const auto index = index_.fresh(sequence_of(packet));
    if (!index || !srtp::open(*key_, key_->rtp_nonce(ssrc_of(packet), *index),
                              srtp::Bytes(packet, kRtpHeaderBytes),
                              srtp::Bytes(packet + kRtpHeaderBytes, size_bytes - kRtpHeaderBytes),
                              packet + kRtpHeaderBytes))
        return 0;
    index_.accept(*index);
    return size_bytes - srtp::kTagBytes;
}

IpsecMb::Sealer::Sealer(const srtp::MasterKey& key) : key_(rtp_key_of(key)) {}

std::size_t IpsecMb::Sealer::seal(srtp::Bytes rtp, std::uint8_t* to) {
    const auto index = index_.next(sequence_of(rtp.data()));
    std::memcpy(to, rtp.data(), kRtpHeaderBytes);
    srtp::seal(*key_, key_->rtp_nonce(ssrc_of(to), index), rtp.first(kRtpHeaderBytes),
               rtp.subspan(kRtpHeaderBytes), to + kRtpHeaderBytes);
    return rtp.size() + srtp::kTagBytes;
}

}  // namespace mdd::bench
