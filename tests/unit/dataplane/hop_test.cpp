// Which ways a packet may verify, and what the first one under a new key proves (ownership law 6).
#include "dataplane/srtp/hop.h"

#include <gtest/gtest.h>

namespace mdd::test {
namespace {

using srtp::Proof;
using srtp::Verdict;

class Hop : public testing::Test {
  protected:
    static void SetUpTestSuite() { ASSERT_EQ(srtp::aead_start(), srtp::AeadStart::ok); }
    static std::unique_ptr<const srtp::Keyset> keyset(std::uint8_t fill, std::uint64_t epoch) {
        const std::vector<std::uint8_t> key(16, fill), salt(12, fill);
        return srtp::make_keyset(srtp::Profile::double_aes_128_gcm,
                                 {srtp::Secret<32>(key), srtp::Secret<12>(salt)}, epoch);
    }
    void mark(std::uint64_t from, std::uint64_t to) {
        for (auto i = from; i <= to; ++i) stream.rtp.mark(i);
    }
    srtp::Attempts rtp(std::uint16_t sequence) {
        return hop.rtp_attempts(&stream, sequence, true, 1024);
    }

    std::unique_ptr<const srtp::Keyset> first = keyset(1, 1), second = keyset(2, 2);
    srtp::HopRx hop;
    srtp::StreamRx stream;
};

TEST_F(Hop, the_first_keys_of_an_endpoint_need_no_proof) {
    EXPECT_FALSE(hop.keyed());
    hop.install(first.get());
    EXPECT_TRUE(hop.keyed());
    EXPECT_TRUE(hop.proven());
    const auto attempts = hop.rtp_attempts(nullptr, 7, false, 1024);
    ASSERT_EQ(attempts.count, 1u);
    EXPECT_EQ(attempts.list[0].index, 7u);
    EXPECT_EQ(hop.settle(attempts.list[0]), Proof::none);
}

TEST_F(Hop, a_replayed_index_is_refused_before_any_crypto) {
    hop.install(first.get());
    mark(1, 2000);
    EXPECT_EQ(rtp(1500).count, 0u);
    EXPECT_EQ(rtp(1500).refused, Verdict::replay_dup);
    EXPECT_EQ(rtp(100).refused, Verdict::replay_old);
}

TEST_F(Hop, a_continuation_under_new_keys_is_a_rekey_and_keeps_the_old_ones) {
    hop.install(first.get());
    mark(0x20000, 0x20010);
    hop.install(second.get());
    const auto attempts = rtp(0x11);
    ASSERT_GE(attempts.count, 2u);
    EXPECT_EQ(attempts.list[0].keys, second.get());
    EXPECT_EQ(attempts.list[0].index, 0x20011u);
    EXPECT_EQ(hop.settle(attempts.list[0]), Proof::rekey);
    EXPECT_EQ(rtp(0x12).count, 2u);  // the old keys are still good for late packets
    hop.retire_old();
    EXPECT_EQ(rtp(0x12).count, 1u);
}

TEST_F(Hop, a_fresh_start_under_new_keys_is_a_restart_and_lets_the_old_ones_go) {
    hop.install(first.get());
    mark(0x20000, 0x20010);
    hop.install(second.get());
    const auto attempts = rtp(0x11);
    ASSERT_EQ(attempts.count, 3u);
    EXPECT_EQ(attempts.list[2].index, 0x11u);
    EXPECT_EQ(hop.settle(attempts.list[2]), Proof::restart);
    EXPECT_EQ(hop.rtp_attempts(nullptr, 1, false, 1024).count, 1u);
}

TEST_F(Hop, an_index_the_window_refuses_can_still_be_a_fresh_start) {
    hop.install(first.get());
    mark(10, 100);
    hop.install(second.get());
    const auto attempts = rtp(50);
    ASSERT_EQ(attempts.count, 1u);
    EXPECT_TRUE(attempts.list[0].fresh_start);
    EXPECT_EQ(attempts.list[0].keys, second.get());
}

TEST_F(Hop, a_packet_under_the_old_keys_proves_nothing) {
    hop.install(first.get());
    mark(10, 100);
    hop.install(second.get());
    const auto attempts = rtp(101);
    ASSERT_EQ(attempts.count, 2u);
    EXPECT_EQ(attempts.list[1].keys, first.get());
    EXPECT_EQ(hop.settle(attempts.list[1]), Proof::none);
    EXPECT_FALSE(hop.proven());
}

TEST_F(Hop, an_unknown_ssrc_under_new_keys_of_an_endpoint_with_history_is_a_restart) {
    hop.install(first.get());
    hop.install(second.get());
    EXPECT_TRUE(hop.rtp_attempts(nullptr, 5, true, 1024).list[0].fresh_start);
    EXPECT_FALSE(hop.rtp_attempts(nullptr, 5, false, 1024).list[0].fresh_start);
}

TEST_F(Hop, a_low_srtcp_index_is_a_restart_and_the_next_one_a_rekey) {
    hop.install(first.get());
    for (std::uint64_t i = 1; i <= 50; ++i) stream.rtcp.mark(i);
    hop.install(second.get());
    const auto low = hop.rtcp_attempts(&stream, 1, true, 1024);
    ASSERT_EQ(low.count, 1u);
    EXPECT_TRUE(low.list[0].fresh_start);
    const auto next = hop.rtcp_attempts(&stream, 51, true, 1024);
    ASSERT_EQ(next.count, 2u);
    EXPECT_FALSE(next.list[0].fresh_start);
}

TEST_F(Hop, after_leaving_nothing_verifies) {
    hop.install(first.get());
    hop.clear();
    EXPECT_FALSE(hop.keyed());
    EXPECT_EQ(hop.rtp_attempts(nullptr, 5, false, 1024).count, 0u);
}

}  // namespace
}  // namespace mdd::test
