// AES-256-GCM with a key for each file and a number for each frame.
#include "tools/mdd-kmf/frame_seal.h"

#include <cstring>
#include <stdexcept>

#include <openssl/evp.h>
#include <openssl/hmac.h>

namespace mdd::kmf {

using srtp::Bytes;

FrameSeal::FrameSeal(const srtp::Secret<32>& key, const Header& header) : header_(header) {
    unsigned size = 0;
    HMAC(EVP_sha256(), key.bytes().data(), static_cast<int>(key.bytes().size()), header.data(),
         header.size(), key_.writable().data(), &size);
}

std::vector<std::uint8_t> FrameSeal::seal(std::uint64_t number, Bytes plain) const {
    std::vector<std::uint8_t> frame(kFrameHeaderBytes + plain.size() + kTagBytes);
    const auto length = static_cast<std::uint32_t>(plain.size() + kTagBytes);
    srtp::store_be32(&frame[0], length);
    srtp::store_be32(&frame[4], ~length);
    auto* const body = frame.data() + kFrameHeaderBytes;
    const auto context = begin(number, true);
    int size = 0;
    if (EVP_EncryptUpdate(context.get(), body, &size, plain.data(),
                          static_cast<int>(plain.size())) != 1 ||
        EVP_EncryptFinal_ex(context.get(), body + size, &size) != 1 ||
        EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_GET_TAG, kTagBytes, body + plain.size()) !=
            1)
        throw std::runtime_error("OpenSSL cannot seal the state.");
    return frame;
}

std::optional<tunnel::SecretBytes> FrameSeal::open(std::uint64_t number, Bytes sealed) const {
    tunnel::SecretBytes plain(sealed.size() - kTagBytes);
    std::array<std::uint8_t, kTagBytes> tag{};
    std::memcpy(tag.data(), sealed.data() + plain.size(), kTagBytes);
    const auto context = begin(number, false);
    int size = 0;
    std::uint8_t none[16];
    if (EVP_DecryptUpdate(context.get(), plain.writable().data(), &size, sealed.data(),
                          static_cast<int>(plain.size())) != 1 ||
        EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_SET_TAG, kTagBytes, tag.data()) != 1 ||
        EVP_DecryptFinal_ex(context.get(), none, &size) != 1)
        return std::nullopt;
    return plain;
}

FrameSeal::Context FrameSeal::begin(std::uint64_t number, bool encrypts) const {
    std::array<std::uint8_t, 12> nonce{};
    srtp::store_be32(&nonce[4], static_cast<std::uint32_t>(number >> 32));
    srtp::store_be32(&nonce[8], static_cast<std::uint32_t>(number));
    Context context(EVP_CIPHER_CTX_new());
    int size = 0;
    if (!context ||
        EVP_CipherInit_ex(context.get(), EVP_aes_256_gcm(), nullptr, key_.bytes().data(),
                          nonce.data(), encrypts ? 1 : 0) != 1 ||
        EVP_CipherUpdate(context.get(), nullptr, &size, header_.data(),
                         static_cast<int>(header_.size())) != 1)
        throw std::runtime_error("OpenSSL has no AES-256-GCM.");
    return context;
}

}  // namespace mdd::kmf
