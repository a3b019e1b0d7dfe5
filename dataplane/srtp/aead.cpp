// AES-GCM by IPsec-MB's direct (not job) functions, or by gcm_vaes. They are stateless, so keys are
// shared by all cores; the library's code is not, see AeadKey::t_path. Not the key derivation, and
// no knowledge of packets beyond the two nonce layouts.
#include "dataplane/srtp/aead.h"

// Without this the header declares names that clash with OpenSSL's wherever both meet.
#define NO_COMPAT_IMB_API_053
#include <intel-ipsec-mb.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "dataplane/srtp/cipher_check.h"
#include "dataplane/srtp/gcm_vaes.h"
#include "dataplane/srtp/hot_memory.h"
#include "dataplane/srtp/ipsec_mb.h"
#include "dataplane/srtp/library_copy.h"
#include "dataplane/srtp/nonce_ledger.h"
#include "dataplane/srtp/prefetch.h"

namespace mdd::srtp {
namespace {

CodePath g_path;               // written by aead_start() before threads start, read by all
IMB_MGR* g_manager = nullptr;  // likewise; lives as long as the process
IMB_ARCH g_arch = IMB_ARCH_NONE;
bool g_disagreed = false;

[[noreturn]] void fail_self_test(const char* what) {
    std::fprintf(stderr,
                 "aead self-test: %s does not match RFC 7714 section 16; the cipher %s cannot be "
                 "used\n",
                 what, std::string(aead_code_path()).c_str());
    std::abort();
}

constexpr std::uint8_t kTestKey[32] = {0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10,
                                       11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21,
                                       22, 23, 24, 25, 26, 27, 28, 29, 30, 31};
constexpr char kTestSalt[] = "Quid pro quo";
constexpr char kTestText[] = "Gallia est omnis divisa in partes tres";
constexpr std::size_t kTestTextBytes = sizeof kTestText - 1;
constexpr std::uint8_t kTestHeader[] = {0x80, 0x40, 0xf1, 0x7b, 0x80, 0x41,
                                        0xf8, 0xd3, 0x55, 0x01, 0xa0, 0xb2};
constexpr std::uint8_t kTestSealed128[kTestTextBytes + kTagBytes] = {
    0xf2, 0x4d, 0xe3, 0xa3, 0xfb, 0x34, 0xde, 0x6c, 0xac, 0xba, 0x86, 0x1c, 0x9d, 0x7e,
    0x4b, 0xca, 0xbe, 0x63, 0x3b, 0xd5, 0x0d, 0x29, 0x4e, 0x6f, 0x42, 0xa5, 0xf4, 0x7a,
    0x51, 0xc7, 0xd1, 0x9b, 0x36, 0xde, 0x3a, 0xdf, 0x88, 0x33, 0x89, 0x9d, 0x7f, 0x27,
    0xbe, 0xb1, 0x6a, 0x91, 0x52, 0xcf, 0x76, 0x5e, 0xe4, 0x39, 0x0c, 0xce};
constexpr std::uint8_t kTestSealed256[kTestTextBytes + kTagBytes] = {
    0x32, 0xb1, 0xde, 0x78, 0xa8, 0x22, 0xfe, 0x12, 0xef, 0x9f, 0x78, 0xfa, 0x33, 0x2e,
    0x33, 0xaa, 0xb1, 0x80, 0x12, 0x38, 0x9a, 0x58, 0xe2, 0xf3, 0xb5, 0x0b, 0x2a, 0x02,
    0x76, 0xff, 0xae, 0x0f, 0x1b, 0xa6, 0x37, 0x99, 0xb8, 0x7b, 0x7a, 0xa3, 0xdb, 0x36,
    0xdf, 0xff, 0xd6, 0xb0, 0xf9, 0xbb, 0x78, 0x78, 0xd7, 0xa7, 0x6c, 0x13};

template <std::size_t N>
Bytes text_bytes(const char (&text)[N]) {
    return Bytes(reinterpret_cast<const std::uint8_t*>(text), N - 1);
}

void self_test(std::size_t key_bytes, Bytes expected) {
    const AeadKey key(Bytes(kTestKey).first(key_bytes), text_bytes(kTestSalt));
    const auto nonce = key.rtp_nonce(0x5501a0b2, 0xf17b);
    std::uint8_t buffer[kTestTextBytes + kTagBytes];
    seal(key, nonce, kTestHeader, text_bytes(kTestText), buffer);
    if (!std::equal(expected.begin(), expected.end(), buffer)) fail_self_test("a sealed packet");
    if (!open(key, nonce, kTestHeader, buffer, buffer) ||
        std::memcmp(buffer, kTestText, kTestTextBytes) != 0)
        fail_self_test("an opened packet");
    std::memcpy(buffer, expected.data(), sizeof buffer);
    buffer[sizeof buffer - 1] ^= 1;
    if (open(key, nonce, kTestHeader, buffer, buffer))
        fail_self_test("the refusal of a forged tag");
}

// A key as the library expands it.
struct LibraryKey {
    gcm_key_data expanded{};
    ~LibraryKey() { wipe(&expanded, sizeof expanded); }
};

// How much of it the code path in use reads: all of it with VAES, and else the round keys and 16
// hash powers or, in two forms, 8 (see gcm_key_data).
constexpr std::size_t kWithoutVaesBytes =
    offsetof(gcm_key_data, ghash_keys) + sizeof(gcm_key_data::ghash_keys.sse_avx);
static_assert(sizeof(gcm_key_data::ghash_keys.avx2_avx512) <=
              sizeof(gcm_key_data::ghash_keys.sse_avx));
std::size_t g_kept_bytes = sizeof(gcm_key_data);  // written by aead_start()

// Whether the library takes its VAES code, and with it the layout of keys that ours reads.
bool has_vaes(const IMB_MGR& manager) {
    return g_arch == IMB_ARCH_AVX512 &&
           (manager.features & IMB_CPUFLAGS_AVX512_T2) == IMB_CPUFLAGS_AVX512_T2;
}

#ifdef MDD_AUDIT
// A MAC of the salt under the key: equal for equal (key, salt), and says nothing about either.
std::uint64_t fingerprint_of(const gcm_key_data* key, CodePath::Crypt seal, Bytes salt) {
    gcm_context_data context;
    std::uint8_t tag[kTagBytes];
    const std::array<std::uint8_t, 16> ones{0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                            0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    seal(key, &context, nullptr, nullptr, 0, ones.data(), salt.data(), salt.size(), tag, kTagBytes);
    std::uint64_t fingerprint;
    std::memcpy(&fingerprint, tag, sizeof fingerprint);
    return fingerprint;
}
#endif

}  // namespace

constinit AeadKey::Fixed AeadKey::s_fixed;
constinit thread_local const CodePath* AeadKey::t_path = &g_path;

AeadKey::AeadKey(Bytes key, Bytes salt, Read read) : is_256_(key.size() == 32) {
    static_assert(offsetof(AeadKey, powers_) == 0 &&
                  offsetof(AeadKey, round_keys_) == kVaesRoundKeysAt);
    const auto expand = is_256_ ? g_path.expand_256 : g_path.expand_128;
    std::memcpy(&salt_head_, salt.data(), sizeof salt_head_);
    std::memcpy(&salt_tail_, salt.data() + sizeof salt_head_, sizeof salt_tail_);
    LibraryKey whole;
    expand(key.data(), &whole.expanded);
    if (s_fixed.keys_are_ours) {
        make_vaes_key(reinterpret_cast<const std::uint8_t*>(&whole.expanded),
                      reinterpret_cast<std::uint8_t*>(this));
    } else {
        library_ = static_cast<gcm_key_data*>(hot_allocate(g_kept_bytes, read));
        std::memcpy(static_cast<void*>(library_), &whole.expanded, g_kept_bytes);
    }
#ifdef MDD_AUDIT
    const auto* in_use =
        s_fixed.keys_are_ours ? reinterpret_cast<const gcm_key_data*>(this) : library_;
    fingerprint_ = fingerprint_of(in_use, is_256_ ? g_path.seal_256 : g_path.seal_128, salt);
#endif
}

AeadKey::~AeadKey() {
    if (!s_fixed.keys_are_ours) {
        wipe(library_, g_kept_bytes);
        hot_free(library_, g_kept_bytes);
    }
    wipe(powers_.data(), powers_.size());
    wipe(&salt_head_, sizeof salt_head_);
    wipe(&salt_tail_, sizeof salt_tail_);
    wipe(&round_keys_, sizeof round_keys_);
}

__m128i AeadKey::crypt_by_library(bool sealing, __m128i nonce, Bytes aad, Bytes in,
                                  std::uint8_t* out) const {
    const auto crypt = sealing ? (is_256_ ? t_path->seal_256 : t_path->seal_128)
                               : (is_256_ ? t_path->open_256 : t_path->open_128);
    gcm_context_data context;
    __m128i tag;
    crypt(library_, &context, out, in.data(), in.size(), reinterpret_cast<std::uint8_t*>(&nonce),
          aad.data(), aad.size(), reinterpret_cast<std::uint8_t*>(&tag), kTagBytes);
    return tag;
}

void AeadKey::prefetch_library() const {
    prefetch_lines(library_, (g_kept_bytes + kCacheLineBytes - 1) / kCacheLineBytes);
}

#ifdef MDD_AUDIT
void AeadKey::record_seal(const Nonce& nonce, Bytes aad, Bytes plaintext) const {
    nonce_ledger::record(fingerprint_, nonce, aad, plaintext);
}
#endif

AeadStart aead_start(AeadCode code) {
    if (g_manager != nullptr) return AeadStart::ok;
    IMB_MGR* manager = alloc_mb_mgr(0);
    if (manager == nullptr) return AeadStart::no_aes;
    IMB_ARCH arch = IMB_ARCH_NONE;
    init_mb_mgr_auto(manager, &arch);
    constexpr auto kNeeded = IMB_FEATURE_AESNI | IMB_FEATURE_PCLMULQDQ;
    // Below SSE there is only the emulation of AES, neither fast nor constant in time.
    if (imb_get_errno(manager) != 0 || arch < IMB_ARCH_SSE ||
        (manager->features & kNeeded) != kNeeded) {
        free_mb_mgr(manager);
        return AeadStart::no_aes;
    }
    g_path = {manager->gcm128_enc, manager->gcm256_enc, manager->gcm128_dec,
              manager->gcm256_dec, manager->gcm128_pre, manager->gcm256_pre};
    g_manager = manager;
    g_arch = arch;
    if (!has_vaes(*manager)) g_kept_bytes = kWithoutVaesBytes;
    if (code == AeadCode::fastest && has_vaes(*manager)) {
        const auto ours = vaes_code_path(g_path);
        g_disagreed = !agrees_with_library(ours, g_path);
        if (!g_disagreed) g_path = ours;
        AeadKey::s_fixed.keys_are_ours = !g_disagreed;
    }
    self_test(16, kTestSealed128);
    self_test(32, kTestSealed256);
    return AeadStart::ok;
}

bool aead_own_code() {
    struct Own {
        LibraryCopy library;
        CodePath path;
    };
    if (AeadKey::s_fixed.keys_are_ours) return true;
    thread_local Own own;
    if (AeadKey::t_path == &own.path) return true;
    if (!own.library.make(reinterpret_cast<const void*>(g_path.seal_128))) return false;
    own.path = {own.library.at(g_path.seal_128),   own.library.at(g_path.seal_256),
                own.library.at(g_path.open_128),   own.library.at(g_path.open_256),
                own.library.at(g_path.expand_128), own.library.at(g_path.expand_256)};
    AeadKey::t_path = &own.path;
    self_test(16, kTestSealed128);
    self_test(32, kTestSealed256);
    return true;
}

bool aead_disagreed() {
    return g_disagreed;
}

IMB_MGR* ipsec_mb_manager() {
    return g_manager;
}

std::string_view aead_code_path() {
    if (AeadKey::s_fixed.keys_are_ours) return "VAES";
    switch (g_arch) {
        case IMB_ARCH_SSE:
            return "SSE";
        case IMB_ARCH_AVX:
            return "AVX";
        case IMB_ARCH_AVX2:
            return "AVX2";
        case IMB_ARCH_AVX512:
            return "AVX512";
        default:
            return "none";
    }
}

std::string_view aead_library_version() {
    return imb_get_version_str();
}

}  // namespace mdd::srtp
