// Our cipher against IPsec-MB's, byte for byte, and what it touches: neither a byte outside of its
// buffers, nor another one than the library would.
#include "dataplane/srtp/gcm_vaes.h"

#define NO_COMPAT_IMB_API_053
#include <gtest/gtest.h>
#include <intel-ipsec-mb.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <memory>
#include <random>
#include <vector>

#include "dataplane/srtp/aead.h"
#include "dataplane/srtp/cipher_check.h"
#include "dataplane/srtp/profile.h"

namespace mdd::srtp {
namespace {

using ByteVector = std::vector<std::uint8_t>;
using Tag = std::array<std::uint8_t, kTagBytes>;

// Bytes between two pages that nobody may touch; they end where the second one begins, or begin
// where the first one ends.
class Fenced {
  public:
    enum class At { beginning, end };
    Fenced(std::size_t size_bytes, At at)
        : page_(static_cast<std::size_t>(sysconf(_SC_PAGESIZE))),
          room_((size_bytes + page_ - 1) / page_ * page_),
          memory_(static_cast<std::uint8_t*>(
              mmap(nullptr, room_ + 2 * page_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0))),
          bytes_(memory_ + page_ + (at == At::end ? room_ - size_bytes : 0), size_bytes) {
        if (room_ != 0 && mprotect(memory_ + page_, room_, PROT_READ | PROT_WRITE) != 0)
            throw std::bad_alloc();
    }
    ~Fenced() { munmap(memory_, room_ + 2 * page_); }
    Fenced(const Fenced&) = delete;
    Fenced& operator=(const Fenced&) = delete;
    MutableBytes bytes() const { return bytes_; }

  private:
    std::size_t page_, room_;
    std::uint8_t* memory_;
    MutableBytes bytes_;
};

class GcmVaes : public testing::TestWithParam<std::size_t> {
  protected:
    void SetUp() override {
        init_mb_mgr_auto(manager_.get(), nullptr);
        if ((manager_->features & IMB_CPUFLAGS_AVX512_T2) != IMB_CPUFLAGS_AVX512_T2)
            GTEST_SKIP() << "this CPU has no VAES";
        const auto key = random_bytes(GetParam());
        (is_256() ? manager_->gcm256_pre : manager_->gcm128_pre)(key.data(), &library_key_);
        make_vaes_key(reinterpret_cast<const std::uint8_t*>(&library_key_), key_.data());
    }
    ByteVector random_bytes(std::size_t size) {
        ByteVector bytes(size);
        std::generate(bytes.begin(), bytes.end(),
                      [&] { return static_cast<std::uint8_t>(random_()); });
        return bytes;
    }
    bool is_256() const { return GetParam() == 32; }

    struct Made {
        ByteVector text;
        Tag tag;
        bool operator==(const Made&) const = default;
    };
    Made by_library(bool sealing, const ByteVector& nonce, Bytes aad, Bytes text) {
        const auto crypt = sealing ? (is_256() ? manager_->gcm256_enc : manager_->gcm128_enc)
                                   : (is_256() ? manager_->gcm256_dec : manager_->gcm128_dec);
        Made made{ByteVector(text.size()), {}};
        gcm_context_data context;
        crypt(&library_key_, &context, made.text.data(), text.data(), text.size(), nonce.data(),
              aad.data(), aad.size(), made.tag.data(), kTagBytes);
        return made;
    }
    void by_ours(bool sealing, const ByteVector& nonce, Bytes aad, Bytes text, std::uint8_t* out,
                 std::uint8_t* tag) {
        const auto crypt = sealing ? (is_256() ? path_.seal_256 : path_.seal_128)
                                   : (is_256() ? path_.open_256 : path_.open_128);
        crypt(reinterpret_cast<const gcm_key_data*>(key_.data()), nullptr, out, text.data(),
              text.size(), nonce.data(), aad.data(), aad.size(), tag, kTagBytes);
    }
    // Both directions, apart and in place, in buffers with nothing around them.
    void expect_the_same(std::size_t text_bytes, std::size_t aad_bytes, Fenced::At at) {
        const Fenced text(text_bytes, at), aad(aad_bytes, at), out(text_bytes, at),
            tag(kTagBytes, at);
        std::ranges::copy(random_bytes(text_bytes), text.bytes().begin());
        std::ranges::copy(random_bytes(aad_bytes), aad.bytes().begin());
        const auto nonce = random_bytes(kNonceRoom);
        for (const bool sealing : {true, false}) {
            const auto expected = by_library(sealing, nonce, aad.bytes(), text.bytes());
            for (const auto* to : {&out, &text}) {  // then in place
                std::ranges::fill(out.bytes(), std::uint8_t{0x55});
                std::ranges::fill(tag.bytes(), std::uint8_t{0x55});
                by_ours(sealing, nonce, aad.bytes(), text.bytes(), to->bytes().data(),
                        tag.bytes().data());
                Made made{ByteVector(to->bytes().begin(), to->bytes().end()), {}};
                std::ranges::copy(tag.bytes(), made.tag.begin());
                ASSERT_EQ(made, expected)
                    << text_bytes << " bytes, AAD of " << aad_bytes << ", sealing " << sealing
                    << ", in place " << (to == &text);
            }
        }
    }

    CodePath path_of_library() const {
        return {manager_->gcm128_enc, manager_->gcm256_enc, manager_->gcm128_dec,
                manager_->gcm256_dec, manager_->gcm128_pre, manager_->gcm256_pre};
    }

    static constexpr std::size_t kNonceRoom = 16;

  private:
    struct Free {
        void operator()(IMB_MGR* manager) const { free_mb_mgr(manager); }
    };
    std::unique_ptr<IMB_MGR, Free> manager_{alloc_mb_mgr(0)};
    gcm_key_data library_key_{};
    alignas(64) std::array<std::uint8_t, kVaesKeyBytes> key_{};
    const CodePath path_ = vaes_code_path({});
    std::mt19937_64 random_{7};
};

INSTANTIATE_TEST_SUITE_P(KeyBytes, GcmVaes, testing::Values(16, 32),
                         testing::PrintToStringParamName());

TEST_P(GcmVaes, MakesOfEveryLengthWhatTheLibraryMakesAndTouchesNothingAround) {
    for (std::size_t bytes = 0; bytes <= 1600; ++bytes)
        for (const auto at : {Fenced::At::beginning, Fenced::At::end})
            expect_the_same(bytes, bytes * 7 % 61, at);
}

TEST_P(GcmVaes, MakesOfEveryLengthOfTheAadWhatTheLibraryMakes) {
    for (std::size_t aad_bytes = 0; aad_bytes <= 300; ++aad_bytes)
        for (const std::size_t bytes : {0, 1, 240, 241, 256, 257})
            expect_the_same(bytes, aad_bytes, Fenced::At::end);
}

// The block counter is more than one byte, and more than two.
TEST_P(GcmVaes, CountsBlocksBeyondAByteAndBeyondTwo) {
    for (const std::size_t bytes : {4063, 4064, 4065, 9000, 70'000, 1'100'000})
        expect_the_same(bytes, 12, Fenced::At::end);
}

// A path that is ours but for one bit at one length, in one of its four functions.
CodePath g_right;
template <CodePath::Crypt CodePath::*which>
void flip_a_bit(const gcm_key_data* key, gcm_context_data* scratch, std::uint8_t* out,
                const std::uint8_t* in, std::uint64_t bytes, const std::uint8_t* nonce,
                const std::uint8_t* aad, std::uint64_t aad_bytes, std::uint8_t* tag,
                std::uint64_t tag_bytes) {
    (g_right.*which)(key, scratch, out, in, bytes, nonce, aad, aad_bytes, tag, tag_bytes);
    if (bytes == 1497) out[1496] ^= 0x80;
}

TEST_P(GcmVaes, MayNotServeWhenOneBitOfOneLengthIsAnotherThanTheLibrarys) {
    const auto library = path_of_library();
    g_right = vaes_code_path(library);
    EXPECT_TRUE(agrees_with_library(g_right, library));
    for (auto wrong :
         {&CodePath::seal_128, &CodePath::seal_256, &CodePath::open_128, &CodePath::open_256}) {
        auto path = g_right;
        path.*wrong = wrong == &CodePath::seal_128   ? flip_a_bit<&CodePath::seal_128>
                      : wrong == &CodePath::seal_256 ? flip_a_bit<&CodePath::seal_256>
                      : wrong == &CodePath::open_128 ? flip_a_bit<&CodePath::open_128>
                                                     : flip_a_bit<&CodePath::open_256>;
        EXPECT_FALSE(agrees_with_library(path, library));
    }
}

TEST_P(GcmVaes, ServesWhereTheCpuHasIt) {
    EXPECT_EQ(aead_code_path(), "VAES");
    EXPECT_FALSE(aead_disagreed());
}

}  // namespace
}  // namespace mdd::srtp
