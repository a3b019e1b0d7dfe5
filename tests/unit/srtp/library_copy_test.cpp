// A copy of IPsec-MB does what the library does, and leaves the library's error number alone, which
// every call of the library itself writes.
#include "dataplane/srtp/library_copy.h"

#define NO_COMPAT_IMB_API_053
#include <gtest/gtest.h>
#include <intel-ipsec-mb.h>

#include <memory>
#include <thread>
#include <vector>

#include "dataplane/srtp/aead.h"

namespace mdd::srtp {
namespace {

class LibraryCopyOfIpsecMb : public testing::Test {
  protected:
    void SetUp() override {
        ASSERT_NE(manager, nullptr);
        init_mb_mgr_auto(manager.get(), nullptr);
        manager->gcm128_pre(std::vector<std::uint8_t>(16, 7).data(), &key);
    }
    // Ciphertext and tag of 100 bytes.
    std::vector<std::uint8_t> sealed_by(aes_gcm_enc_dec_t seal) const {
        const std::vector<std::uint8_t> plain(100, 2), nonce(12, 3), header(12, 4);
        std::vector<std::uint8_t> sealed(116);
        gcm_context_data context;
        seal(&key, &context, sealed.data(), plain.data(), plain.size(), nonce.data(), header.data(),
             header.size(), sealed.data() + plain.size(), 16);
        return sealed;
    }
    void make_an_error() const {
        manager->gcm128_enc(nullptr, nullptr, nullptr, nullptr, 0, nullptr, nullptr, 0, nullptr, 0);
        ASSERT_NE(imb_get_errno(nullptr), 0);
    }

    struct Free {
        void operator()(IMB_MGR* manager) const { free_mb_mgr(manager); }
    };
    std::unique_ptr<IMB_MGR, Free> manager{alloc_mb_mgr(0)};
    alignas(64) gcm_key_data key{};
};

TEST_F(LibraryCopyOfIpsecMb, seals_the_same_bytes_and_writes_nothing_of_the_librarys) {
    LibraryCopy copy;
    ASSERT_TRUE(copy.make(reinterpret_cast<const void*>(manager->gcm128_enc)));
    make_an_error();
    const auto sealed = sealed_by(copy.at(manager->gcm128_enc));
    EXPECT_NE(imb_get_errno(nullptr), 0);
    EXPECT_EQ(sealed, sealed_by(manager->gcm128_enc));
    EXPECT_EQ(imb_get_errno(nullptr), 0)
        << "the library itself no longer writes: no copy is needed";
}

TEST_F(LibraryCopyOfIpsecMb, is_what_a_thread_with_code_of_its_own_seals_with) {
    ASSERT_EQ(aead_start(AeadCode::ipsec_mb), AeadStart::ok);
    const std::vector<std::uint8_t> bytes(16, 1);
    const AeadKey one(bytes, Bytes(bytes).first(12));
    std::vector<std::uint8_t> sealed(116), opened(100);
    std::thread([&] {
        ASSERT_TRUE(aead_own_code());
        EXPECT_TRUE(aead_own_code()) << "again";
        make_an_error();
        const auto nonce = one.rtp_nonce(1, 1);
        seal(one, nonce, bytes, opened, sealed.data());
        EXPECT_TRUE(open(one, nonce, bytes, sealed, opened.data()));
    }).join();
    EXPECT_NE(imb_get_errno(nullptr), 0);
}

TEST(LibraryCopy, is_not_made_of_the_program_itself) {
    static const int ours = 1;
    LibraryCopy copy;
    EXPECT_FALSE(copy.make(&ours));
}

}  // namespace
}  // namespace mdd::srtp
