// Comparing ciphers byte for byte: see cipher_check.h.
#include "dataplane/srtp/cipher_check.h"

// Without this the header declares names that clash with OpenSSL's wherever both meet.
#define NO_COMPAT_IMB_API_053
#include <intel-ipsec-mb.h>

#include <array>
#include <cstddef>
#include <cstring>

#include "dataplane/srtp/gcm_vaes.h"
#include "dataplane/srtp/prefetch.h"
#include "dataplane/srtp/profile.h"

namespace mdd::srtp {
namespace {

// What make_vaes_key() takes for granted.
static_assert(sizeof(gcm_key_data) == kLibraryKeyBytes &&
              offsetof(gcm_key_data, ghash_keys) == kVaesRoundKeyBytes &&
              sizeof(gcm_key_data::ghash_keys.vaes_avx512) ==
                  kLibraryKeyBytes - kVaesRoundKeyBytes);

constexpr std::size_t kMostText = 1500, kStep = 3, kMostAad = 100, kAadStep = 7;
constexpr std::size_t kNonceRoom = 16;

// One key as either side has it, and what both make with it.
class Comparison {
  public:
    explicit Comparison(CodePath::Expand expand) {
        std::array<std::uint8_t, 32> key;
        fill(key);
        fill(text_);
        expand(key.data(), &library_key_);
        make_vaes_key(reinterpret_cast<const std::uint8_t*>(&library_key_), our_key_.data());
    }

    bool same(CodePath::Crypt ours, CodePath::Crypt library) {
        for (std::size_t bytes = 0; bytes <= kMostText; bytes += kStep)
            if (!same(ours, library, bytes, bytes * kAadStep % kMostAad)) return false;
        return true;
    }

  private:
    template <std::size_t Bytes>
    static void fill(std::array<std::uint8_t, Bytes>& bytes) {
        for (std::size_t i = 0; i < Bytes; ++i) bytes[i] = static_cast<std::uint8_t>(7 * i);
    }

    bool same(CodePath::Crypt ours, CodePath::Crypt library, std::size_t bytes,
              std::size_t aad_bytes) {
        const std::array<std::uint8_t, kNonceRoom> nonce{1, 2, 3};
        std::array<std::uint8_t, kTagBytes> tag, expected_tag;
        gcm_context_data context;
        ours(reinterpret_cast<const gcm_key_data*>(our_key_.data()), nullptr, made_.data(),
             text_.data(), bytes, nonce.data(), text_.data(), aad_bytes, tag.data(), tag.size());
        library(&library_key_, &context, expected_.data(), text_.data(), bytes, nonce.data(),
                text_.data(), aad_bytes, expected_tag.data(), expected_tag.size());
        return tag == expected_tag && std::memcmp(made_.data(), expected_.data(), bytes) == 0;
    }

    gcm_key_data library_key_{};
    alignas(kCacheLineBytes) std::array<std::uint8_t, kVaesKeyBytes> our_key_{};
    std::array<std::uint8_t, kMostText> text_{}, made_{}, expected_{};
};

}  // namespace

bool agrees_with_library(const CodePath& ours, const CodePath& library) {
    Comparison with_128(library.expand_128), with_256(library.expand_256);
    return with_128.same(ours.seal_128, library.seal_128) &&
           with_128.same(ours.open_128, library.open_128) &&
           with_256.same(ours.seal_256, library.seal_256) &&
           with_256.same(ours.open_256, library.open_256);
}

}  // namespace mdd::srtp
