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

    std::unique_ptr<const srtp::Keyset> first = keyset(1, 1), second = keyset(2, 2),
                                        third = keyset(3, 3);
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
    EXPECT_EQ(attempts.list[0].proof, Proof::restart);
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

TEST_F(Hop, a_new_ssrc_under_new_keys_leaves_open_what_a_known_one_then_decides) {
    hop.install(first.get());
    mark(0x20000, 0x20010);
    for (const bool known_goes_on : {true, false}) {
        hop.install(known_goes_on ? second.get() : third.get());
        EXPECT_EQ(hop.settle(hop.rtp_attempts(nullptr, 5, true, 1024).list[0]), Proof::none);
        EXPECT_EQ(hop.settle(hop.rtcp_attempts(nullptr, 1, true, 1024).list[0]), Proof::none);
        srtp::StreamRx fresh;
        fresh.epoch = hop.newest()->epoch;
        fresh.rtp.mark(5);
        fresh.rtcp.mark(1);
        EXPECT_EQ(hop.settle(hop.rtp_attempts(&fresh, 6, true, 1024).list[0]), Proof::none);
        EXPECT_EQ(hop.settle(hop.rtcp_attempts(&fresh, 2, true, 1024).list[0]), Proof::none);
        EXPECT_FALSE(hop.proven());
        const auto known = rtp(0x11);
        ASSERT_EQ(known.count, 3u);
        EXPECT_EQ(hop.settle(known.list[known_goes_on ? 0 : 2]),
                  known_goes_on ? Proof::rekey : Proof::restart);
        EXPECT_EQ(hop.settle_late(), Proof::none);
    }
}

TEST_F(Hop, new_ssrcs_alone_prove_a_restart_after_an_open_second_and_silence_proves_nothing) {
    hop.install(first.get());
    hop.install(second.get());
    EXPECT_EQ(hop.settle_late(), Proof::none);
    EXPECT_EQ(hop.settle(hop.rtp_attempts(nullptr, 5, true, 1024).list[1]), Proof::none);
    EXPECT_EQ(hop.settle_late(), Proof::none) << "that one came under the old keys";
    EXPECT_FALSE(hop.used());
    EXPECT_EQ(hop.settle(hop.rtp_attempts(nullptr, 5, true, 1024).list[0]), Proof::none);
    EXPECT_EQ(hop.settle_late(), Proof::none) << "it may have come just now";
    EXPECT_TRUE(hop.used());
    EXPECT_EQ(hop.settle_late(), Proof::restart);
    EXPECT_EQ(hop.rtp_attempts(nullptr, 6, true, 1024).count, 1u) << "the old keys are gone";
}

TEST_F(Hop, what_was_open_under_older_keys_is_asked_anew_under_newer_ones) {
    hop.install(first.get());
    hop.install(second.get());
    hop.settle(hop.rtp_attempts(nullptr, 5, true, 1024).list[0]);
    hop.settle_late();
    hop.install(third.get());
    EXPECT_FALSE(hop.used());
    hop.settle(hop.rtp_attempts(nullptr, 5, true, 1024).list[0]);
    EXPECT_EQ(hop.settle_late(), Proof::none);
}

TEST_F(Hop, a_new_ssrc_of_an_endpoint_that_has_no_other_proves_a_rekey) {
    hop.install(first.get());
    hop.install(second.get());
    EXPECT_EQ(hop.settle(hop.rtp_attempts(nullptr, 5, false, 1024).list[0]), Proof::rekey);
}

TEST_F(Hop, a_low_srtcp_index_is_a_restart_and_the_next_one_a_rekey) {
    hop.install(first.get());
    for (std::uint64_t i = 1; i <= 50; ++i) stream.rtcp.mark(i);
    hop.install(second.get());
    const auto low = hop.rtcp_attempts(&stream, 1, true, 1024);
    ASSERT_EQ(low.count, 1u);
    EXPECT_EQ(low.list[0].proof, Proof::restart);
    const auto next = hop.rtcp_attempts(&stream, 51, true, 1024);
    ASSERT_EQ(next.count, 2u);
    EXPECT_EQ(next.list[0].proof, Proof::rekey);
}

TEST_F(Hop, after_leaving_nothing_verifies) {
    hop.install(first.get());
    hop.clear();
    EXPECT_FALSE(hop.keyed());
    EXPECT_EQ(hop.rtp_attempts(nullptr, 5, false, 1024).count, 0u);
}

}  // namespace
}  // namespace mdd::test
