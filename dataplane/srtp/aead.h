// AES-GCM: the one open and the one seal function of the program, and the keys they take, which
// IPsec-MB expands. Its functions open and seal, or ours (gcm_vaes.h) where the CPU has VAES. Knows
// nothing of RTP. Besides aead.cpp, only kdf.cpp and cipher_check.cpp see the IPsec-MB library.
#pragma once

#include <emmintrin.h>

#include <array>
#include <cstdint>
#include <string_view>

#include "dataplane/srtp/bytes.h"
#include "dataplane/srtp/code_path.h"
#include "dataplane/srtp/gcm_vaes.h"
#include "dataplane/srtp/hot_memory.h"
#include "dataplane/srtp/prefetch.h"
#include "dataplane/srtp/profile.h"

namespace mdd::srtp {

inline constexpr std::size_t kNonceBytes = 12;
using Nonce = std::array<std::uint8_t, kNonceBytes>;

enum class AeadStart : std::uint8_t { ok, no_aes };
// What opens and seals: ours where the CPU has VAES, or IPsec-MB's functions on every CPU.
enum class AeadCode : std::uint8_t { fastest, ipsec_mb };

// An AES-GCM key as IPsec-MB expands it, round keys and hash powers, with its session salt: what
// our cipher reads of it, or, where the library's serves, the way to all of it. Made off the poll
// cores; read-only and shareable between cores once published; wiped when destroyed. Neither
// copyable nor movable: it is handed around by pointer.
class alignas(64) AeadKey {
  public:
    // `key`: 16 or 32 bytes of session key; `salt`: 12 bytes of session salt; `read`: where what is
    // kept elsewhere lies. Precondition: aead_start() succeeded. Where the library serves: throws
    // std::bad_alloc.
    AeadKey(Bytes key, Bytes salt, Read read = Read::by_every_packet);
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
    // Asks for the memory that a packet of `size_bytes`, header, ciphertext and tag, will read of
    // this key, and does not wait for it.
    void prefetch(std::size_t size_bytes) const {
        s_fixed.keys_are_ours ? prefetch_ours(size_bytes) : prefetch_library();
    }
    // Asks for one line of it, for the sake of the translation of its address: that is what takes
    // longest where keys lie on many pages, and holds up whatever the core does meanwhile, but for
    // other translations.
    void prefetch_address() const { srtp::prefetch(round_keys_.data()); }

  private:
    friend bool open(const AeadKey&, Nonce, Bytes, Bytes, std::uint8_t*);
    friend void seal(const AeadKey&, Nonce, Bytes, Bytes, std::uint8_t*);
    friend AeadStart aead_start(AeadCode);
    friend bool aead_own_code();
    friend std::string_view aead_code_path();
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
    // Both return the tag.
    template <bool sealing>
    __m128i crypt(const Nonce& nonce, Bytes aad, Bytes in, std::uint8_t* out) const;
    __m128i crypt_by_library(bool sealing, __m128i nonce, Bytes aad, Bytes in,
                             std::uint8_t* out) const;
    void prefetch_ours(std::size_t size_bytes) const;
    void prefetch_library() const;
#ifdef MDD_AUDIT
    void record_seal(const Nonce& nonce, Bytes aad, Bytes plaintext) const;
#endif

    // Written by aead_start() before threads start, read by all; on a line that nobody writes.
    struct alignas(64) Fixed {
        bool keys_are_ours = false;
    };
    static constinit Fixed s_fixed;
    // The calling thread's, of the library. It stores a 0 into its error number in every call, and
    // cores that share that number wait for each other: two of them sealed 100 bytes in 176 to 260
    // cycles each, where either of them alone needs 121.
    static constinit thread_local const CodePath* t_path;

    // From here on as gcm_vaes.h lays a key out.
    alignas(64) std::array<std::uint8_t, kVaesPowers * kVaesPowerBytes> powers_{};
    std::uint64_t salt_head_ = 0;  // as in memory
    std::uint32_t salt_tail_ = 0;
    bool is_256_ = false;
    union {
        alignas(16) std::array<std::uint8_t, kVaesRoundKeyBytes> round_keys_{};
        gcm_key_data* library_;  // owned; where the library's functions serve
    };
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

// Picks the best code path for this CPU and self-tests it with RFC 7714 §16 vectors; ours is held
// against the library's first, and if one byte differs the library's is taken. Only the first call
// counts, before any other function here and before threads start. no_aes: this CPU has no
// AES-NI/PCLMUL, nothing here may be used.
AeadStart aead_start(AeadCode code = AeadCode::fastest);

// Gives the calling thread an image of the cipher's library of its own, for open() and seal(), and
// self-tests it: cores that share one slow each other down. Nothing to do where ours serves, which
// writes nothing that cores share. Lasts as long as the thread. False: it goes on with the shared
// one. After aead_start(); not while it polls.
bool aead_own_code();

// True: ours would have served and made one byte differently; a fault of CPU, compiler or library.
// After aead_start().
bool aead_disagreed();

// "VAES" where ours serves, else IPsec-MB's "SSE", "AVX", "AVX2" or "AVX512"; and the version text
// of the library. After aead_start().
std::string_view aead_code_path();
std::string_view aead_library_version();

// What every packet passes through stands here, so that it is compiled into the loop over
// receivers.

// A nonce as the ciphers load it, from a register: from several stores, they would wait until these
// have reached the cache.
inline __m128i in_register(const Nonce& nonce) {
    std::uint64_t head;
    std::uint32_t tail;
    std::memcpy(&head, nonce.data(), sizeof head);
    std::memcpy(&tail, nonce.data() + sizeof head, sizeof tail);
    return _mm_set_epi64x(tail, static_cast<std::int64_t>(head));
}

template <bool sealing>
[[gnu::always_inline]] inline __m128i AeadKey::crypt(const Nonce& nonce, Bytes aad, Bytes in,
                                                     std::uint8_t* out) const {
    const auto wide = in_register(nonce);
    if (!s_fixed.keys_are_ours) return crypt_by_library(sealing, wide, aad, in, out);
    const auto* ours = powers_.data();
    return is_256_ ? vaes_crypt<sealing, 256>(ours, out, in.data(), in.size(), aad.data(),
                                              aad.size(), wide)
                   : vaes_crypt<sealing, 128>(ours, out, in.data(), in.size(), aad.data(),
                                              aad.size(), wide);
}

inline void AeadKey::prefetch_ours(std::size_t size_bytes) const {
    constexpr std::size_t kShortestHeader = 12, kNoText = kShortestHeader + kTagBytes;
    constexpr std::size_t kPowersInLine = kCacheLineBytes / kVaesPowerBytes;
    constexpr std::size_t kPowerLines = kVaesPowers / kPowersInLine;
    // A power for each block of its text, for its header and for the lengths, the first one last,
    // and all round keys, which stand right behind. Written out: as a loop over the lines from the
    // first one on it takes three times as long.
    constexpr auto most_with = [](std::size_t lines) {
        return kNoText + (lines * kPowersInLine - 2) * kVaesPowerBytes;
    };
    const auto* lines = reinterpret_cast<const std::uint8_t*>(this);
    const auto ask = [lines](std::size_t line) { srtp::prefetch(lines + line * kCacheLineBytes); };
    static_assert(kPowerLines == 4 && kVaesKeyBytes == 8 * kCacheLineBytes);
    if (size_bytes > most_with(3)) ask(0);
    if (size_bytes > most_with(2)) ask(1);
    if (size_bytes > most_with(1)) ask(2);
    ask(3);
    ask(4);
    ask(5);
    ask(6);
    ask(7);
}

[[gnu::always_inline]] inline bool open(const AeadKey& key, Nonce nonce, Bytes aad, Bytes sealed,
                                        std::uint8_t* plaintext) {
    constexpr int kAllEqual = 0xffff;
    const auto text = sealed.first(sealed.size() - kTagBytes);
    const auto made = key.crypt<false>(nonce, aad, text, plaintext);
    // In place only the ciphertext has been overwritten, not the tag behind it.
    const auto received =
        _mm_loadu_si128(reinterpret_cast<const __m128i*>(text.data() + text.size()));
    return _mm_movemask_epi8(_mm_cmpeq_epi8(made, received)) == kAllEqual;
}

[[gnu::always_inline]] inline void seal(const AeadKey& key, Nonce nonce, Bytes aad, Bytes plaintext,
                                        std::uint8_t* sealed) {
#ifdef MDD_AUDIT
    key.record_seal(nonce, aad, plaintext);
#endif
    _mm_storeu_si128(reinterpret_cast<__m128i*>(sealed + plaintext.size()),
                     key.crypt<true>(nonce, aad, plaintext, sealed));
}

}  // namespace mdd::srtp
