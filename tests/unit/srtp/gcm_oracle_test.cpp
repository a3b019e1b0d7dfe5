// Open and seal against OpenSSL's AES-GCM, a second implementation: all lengths, in place and
// apart, and one flipped bit in every class of input.
#include <gtest/gtest.h>
#include <openssl/evp.h>

#include <cstring>
#include <random>
#include <vector>

#include "dataplane/srtp/aead.h"
#include "dataplane/srtp/profile.h"

namespace mdd::srtp {
namespace {

using ByteVector = std::vector<std::uint8_t>;

class Evp {
  public:
    Evp() : context_(EVP_CIPHER_CTX_new()) {}
    ~Evp() { EVP_CIPHER_CTX_free(context_); }
    Evp(const Evp&) = delete;
    Evp& operator=(const Evp&) = delete;

    ByteVector seal(Bytes key, const Nonce& nonce, Bytes aad, Bytes plaintext) {
        ByteVector sealed(plaintext.size() + kTagBytes);
        int n = 0;
        EVP_EncryptInit_ex(context_, key.size() == 32 ? EVP_aes_256_gcm() : EVP_aes_128_gcm(),
                           nullptr, key.data(), nonce.data());
        if (!aad.empty())
            EVP_EncryptUpdate(context_, nullptr, &n, aad.data(), static_cast<int>(aad.size()));
        if (!plaintext.empty())
            EVP_EncryptUpdate(context_, sealed.data(), &n, plaintext.data(),
                              static_cast<int>(plaintext.size()));
        EVP_EncryptFinal_ex(context_, sealed.data() + plaintext.size(), &n);
        EVP_CIPHER_CTX_ctrl(context_, EVP_CTRL_AEAD_GET_TAG, kTagBytes,
                            sealed.data() + plaintext.size());
        return sealed;
    }

  private:
    EVP_CIPHER_CTX* context_;
};

class Random {
  public:
    explicit Random(std::uint64_t seed) : engine_(seed) {}
    ByteVector bytes(std::size_t size) {
        ByteVector out(size);
        for (auto& byte : out) byte = static_cast<std::uint8_t>(engine_());
        return out;
    }
    std::size_t below(std::size_t end) { return engine_() % end; }
    Nonce nonce() {
        Nonce nonce;
        for (auto& byte : nonce) byte = static_cast<std::uint8_t>(engine_());
        return nonce;
    }

  private:
    std::mt19937_64 engine_;
};

// One case: ours and the oracle's agree, apart and in place.
void check(Evp& evp, Bytes key_bytes, const Nonce& nonce, const ByteVector& aad,
           const ByteVector& text) {
    const AeadKey key(key_bytes, ByteVector(kNonceBytes, 1));
    const auto expected = evp.seal(key_bytes, nonce, aad, text);

    ByteVector sealed(text.size() + kTagBytes);
    seal(key, nonce, aad, text, sealed.data());
    ASSERT_EQ(sealed, expected);
    ByteVector opened(text.size());
    ASSERT_TRUE(open(key, nonce, aad, sealed, opened.data()));
    ASSERT_EQ(opened, text);

    ByteVector buffer(text.size() + kTagBytes);
    std::copy(text.begin(), text.end(), buffer.begin());
    seal(key, nonce, aad, Bytes(buffer).first(text.size()), buffer.data());
    ASSERT_EQ(buffer, expected);
    ASSERT_TRUE(open(key, nonce, aad, buffer, buffer.data()));
    buffer.resize(text.size());
    ASSERT_EQ(buffer, text);
}

TEST(Gcm, EveryLengthAgreesWithOpenSsl) {
    Evp evp;
    Random random(1);
    for (std::size_t size = 0; size <= 1500; ++size)
        for (std::size_t key_bytes : {16u, 32u})
            check(evp, random.bytes(key_bytes), random.nonce(), random.bytes(random.below(257)),
                  random.bytes(size));
}

TEST(Gcm, EveryAadLengthAgreesWithOpenSsl) {
    Evp evp;
    Random random(2);
    for (std::size_t aad = 0; aad <= 256; ++aad)
        for (std::size_t size : {0u, 1u, 15u, 16u, 17u, 100u})
            for (std::size_t key_bytes : {16u, 32u})
                check(evp, random.bytes(key_bytes), random.nonce(), random.bytes(aad),
                      random.bytes(size));
}

TEST(Gcm, ExtremeKeysNoncesAndTextsAgreeWithOpenSsl) {
    Evp evp;
    for (int key_fill : {0x00, 0xff, 0x80})
        for (int nonce_fill : {0x00, 0xff, 0x7f})
            for (int fill : {0x00, 0xff})
                for (std::size_t size : {0u, 16u, 128u, 1024u})
                    for (std::size_t key_bytes : {16u, 32u}) {
                        Nonce nonce;
                        nonce.fill(static_cast<std::uint8_t>(nonce_fill));
                        // In the last bytes, so that no two cases share a nonce.
                        nonce[10] = static_cast<std::uint8_t>(fill);
                        nonce[11] = static_cast<std::uint8_t>(size / 16);
                        const auto byte = static_cast<std::uint8_t>(fill);
                        check(evp, ByteVector(key_bytes, static_cast<std::uint8_t>(key_fill)),
                              nonce, ByteVector(size % 17, byte), ByteVector(size, byte));
                    }
}

TEST(Gcm, AnyFlippedBitIsRefused) {
    Evp evp;
    Random random(3);
    for (int round = 0; round < 2000; ++round) {
        const auto key_bytes = random.bytes(round % 2 == 0 ? 16 : 32);
        const AeadKey key(key_bytes, ByteVector(kNonceBytes));
        const auto nonce = random.nonce();
        const auto aad = random.bytes(1 + random.below(80));
        const auto sealed = evp.seal(key_bytes, nonce, aad, random.bytes(1 + random.below(300)));
        ByteVector out(sealed.size());
        ASSERT_TRUE(open(key, nonce, aad, sealed, out.data()));
        const auto flip = [&](auto bytes, std::size_t at) {
            bytes[at] ^= static_cast<std::uint8_t>(1u << random.below(8));
            return bytes;
        };
        const auto text_bytes = sealed.size() - kTagBytes;
        for (std::size_t at = text_bytes; at < sealed.size(); ++at)
            ASSERT_FALSE(open(key, nonce, aad, flip(sealed, at), out.data())) << "tag " << at;
        ASSERT_FALSE(open(key, nonce, aad, flip(sealed, random.below(text_bytes)), out.data()));
        ASSERT_FALSE(open(key, nonce, flip(aad, random.below(aad.size())), sealed, out.data()));
        ASSERT_FALSE(open(key, flip(nonce, random.below(kNonceBytes)), aad, sealed, out.data()));
        const AeadKey other(flip(key_bytes, random.below(key_bytes.size())), ByteVector(12));
        ASSERT_FALSE(open(other, nonce, aad, sealed, out.data()));
        ASSERT_FALSE(open(key, nonce, Bytes(aad).first(aad.size() - 1), sealed, out.data()));
        ASSERT_FALSE(open(key, nonce, aad, Bytes(sealed).first(sealed.size() - 1), out.data()));
        ASSERT_FALSE(open(key, nonce, aad, Bytes(sealed).subspan(1), out.data()));
    }
}

}  // namespace
}  // namespace mdd::srtp
