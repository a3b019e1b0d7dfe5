// AES-GCM through IPsec-MB: the one open and the one seal function of the program, and the expanded
// keys they take. Knows nothing of RTP. The only file, with kdf.cpp, that sees the IPsec-MB
// library.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "dataplane/srtp/bytes.h"
#include "dataplane/srtp/profile.h"

namespace mdd::srtp {

inline constexpr std::size_t kNonceBytes = 12;
using Nonce = std::array<std::uint8_t, kNonceBytes>;

// An AES-GCM key expanded for IPsec-MB (round keys and hash powers, 1008 bytes of secret) with its
// session salt. Made off the poll cores; read-only and shareable between cores once published;
// wiped when destroyed. Neither copyable nor movable: it is handed around by pointer.
class alignas(64) AeadKey {
  public:
    // `key`: 16 or 32 bytes of session key; `salt`: 12 bytes of session salt. Precondition:
    // aead_start() succeeded.
    AeadKey(Bytes key, Bytes salt);
    ~AeadKey();
    AeadKey(const AeadKey&) = delete;
    AeadKey& operator=(const AeadKey&) = delete;

    // Nonce of an SRTP packet: (00 00 || SSRC || ROC || SEQ) XOR salt (RFC 7714 §8.1). `index` =
    // ROC * 2^16 + SEQ.
    Nonce rtp_nonce(std::uint32_t ssrc, std::uint64_t index) const {
        return nonce(std::uint64_t{ssrc} << 16 | (index >> 32 & 0xffff),
                     static_cast<std::uint32_t>(index));
    }
    // Nonce of an SRTCP packet: (00 00 || SSRC || 00 00 || index) XOR salt (RFC 7714 §9.1).
    // `index`: 31 bits.
    Nonce rtcp_nonce(std::uint32_t ssrc, std::uint32_t index) const {
        return nonce(std::uint64_t{ssrc} << 16, index);
    }
    // Asks for the memory that a packet of `size_bytes` will read of this key, and does not wait
    // for it.
    void prefetch(std::size_t size_bytes) const;

  private:
    friend bool open(const AeadKey&, Nonce, Bytes, Bytes, std::uint8_t*);
    friend void seal(const AeadKey&, Nonce, Bytes, Bytes, std::uint8_t*);
    static constexpr std::size_t kExpandedBytes =
        1008;  // sizeof(gcm_key_data), checked in aead.cpp

    // The first 8 bytes and the last 4, as numbers. In two words, as they are for every packet:
    // byte by byte this cost a tenth of the whole loop.
    Nonce nonce(std::uint64_t head, std::uint32_t tail) const {
        head = from_big_endian(head) ^ salt_head_;
        tail = from_big_endian(tail) ^ salt_tail_;
        Nonce made;
        std::memcpy(made.data(), &head, sizeof head);
        std::memcpy(made.data() + sizeof head, &tail, sizeof tail);
        return made;
    }

    alignas(64) std::array<std::uint8_t, kExpandedBytes> expanded_{};
    std::uint64_t salt_head_ = 0;  // as in memory
    std::uint32_t salt_tail_ = 0;
    bool is_256_ = false;
#ifdef MDD_AUDIT
    std::uint64_t fingerprint_ = 0;  // for the nonce ledger; a hash, not key bytes
#endif
};

// Opens (RFC 5116): `sealed` = ciphertext followed by the 16-byte tag; writes sealed.size() - 16
// bytes to `plaintext`, which may not overlap `sealed` unless it is the very same address. False:
// the tag does not verify, and the output must not be used. Precondition: sealed.size() >= 16.
// Constant time in the tag comparison.
bool open(const AeadKey& key, Nonce nonce, Bytes aad, Bytes sealed, std::uint8_t* plaintext);

// Seals: writes plaintext.size() bytes of ciphertext and the 16-byte tag to `sealed`; may be in
// place. The caller owns the rule that (key, nonce) never repeats with other bytes; audit builds
// record every call in the nonce ledger and abort on a repeat. This is the only encryption of media
// in the program.
void seal(const AeadKey& key, Nonce nonce, Bytes aad, Bytes plaintext, std::uint8_t* sealed);

enum class AeadStart : std::uint8_t { ok, no_aes };

// Picks the best code path of IPsec-MB for this CPU and self-tests it with RFC 7714 §16 vectors.
// Call once, before any other function here and before threads start. no_aes: this CPU has no
// AES-NI/PCLMUL, nothing here may be used.
AeadStart aead_start();

// Gives the calling thread an image of the cipher's library of its own, for open() and seal(), and
// self-tests it: cores that share one slow each other down. Lasts as long as the thread. False: it
// goes on with the shared one. After aead_start(); not while it polls.
bool aead_own_code();

// "SSE", "AVX", "AVX2" or "AVX512"; and the version text of the library. After aead_start().
std::string_view aead_code_path();
std::string_view aead_library_version();

}  // namespace mdd::srtp
