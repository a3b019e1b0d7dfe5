// What of an RTCP compound goes on: sorted by part, byte for byte.
#include "dataplane/rtcp_relay.h"

#include <gtest/gtest.h>

#include "tests/support/hex.h"

namespace mdd::test {
namespace {

constexpr std::uint32_t kOwn = 0xcafebabe;
const std::string kSenderReport =
    "81c8000ccafebabe"
    "0102030405060708"
    "11223344"
    "0000000a"
    "000003e8";
const std::string kBlock =
    "0badf00d"
    "00000000"
    "00001234"
    "00000000"
    "00000000"
    "00000000";
const std::string kSdes =
    "81ca0003cafebabe"
    "0103616263000000";
const std::string kBye = "81cb0001cafebabe";
const std::string kPli =
    "81ce0002cafebabe"
    "0badf00d";
const std::string kNack =
    "81cd0003cafebabe"
    "0badf00d"
    "00070001";
const std::string kEmptyReport = "80c90001cafebabe";

class RtcpRelayTest : public testing::Test {
  protected:
    RtcpRelay relay(const std::string& hex) {
        const auto compound = from_hex(hex);
        GrantedStreams own;
        own.add(&stream);
        return relay_rtcp(compound, kOwn, own.all());
    }
    static std::string everybody(const RtcpRelay& relay) {
        return to_hex(srtp::Bytes(relay.everybody).first(relay.everybody_bytes));
    }
    static std::string feedback(const RtcpRelay& relay, std::size_t i) {
        return to_hex(srtp::Bytes(relay.feedback[i].bytes).first(relay.feedback[i].size_bytes));
    }
    Stream stream{kOwn, 2};
};

TEST_F(RtcpRelayTest, sender_report_goes_on_without_its_report_blocks) {
    const auto result = relay(kSenderReport + kBlock + kSdes);
    EXPECT_EQ(everybody(result), "80c80006" + kSenderReport.substr(8) + kSdes);
    EXPECT_EQ(result.held, 0u);
    EXPECT_FALSE(result.malformed);
}

TEST_F(RtcpRelayTest, sdes_and_bye_without_a_sender_report_get_an_empty_report_in_front) {
    EXPECT_EQ(everybody(relay("80c90001cafebabe" + kSdes + kBye)), kEmptyReport + kSdes + kBye);
}

TEST_F(RtcpRelayTest, receiver_reports_and_nacks_stay_here) {
    const auto result = relay("81c90007cafebabe" + kBlock + kNack);
    EXPECT_EQ(result.everybody_bytes, 0u);
    EXPECT_EQ(result.feedback_count, 0u);
    EXPECT_EQ(result.held, 2u);
}

TEST_F(RtcpRelayTest, pli_goes_to_the_source_of_the_media) {
    const auto result = relay("80c90001cafebabe" + kPli);
    ASSERT_EQ(result.feedback_count, 1u);
    EXPECT_EQ(result.feedback[0].media_ssrc, 0x0badf00du);
    EXPECT_EQ(feedback(result, 0), kEmptyReport + kPli);
}

TEST_F(RtcpRelayTest, fir_is_split_by_target) {
    const auto result = relay(
        "80c90001cafebabe"
        "84ce0006cafebabe00000000"
        "0badf00d01000000"
        "0badf11d02000000");
    ASSERT_EQ(result.feedback_count, 2u);
    EXPECT_EQ(result.feedback[1].media_ssrc, 0x0badf11du);
    EXPECT_EQ(feedback(result, 1), kEmptyReport +
                                       "84ce0004cafebabe00000000"
                                       "0badf11d02000000");
}

TEST_F(RtcpRelayTest, what_speaks_for_another_ssrc_stays_here) {
    const std::string other = "deadbeef";
    EXPECT_EQ(relay("81cb0001" + other).held, 1u);
    EXPECT_EQ(relay("81ce0002" + other + "0badf00d").held, 1u);
    EXPECT_EQ(relay("81ca0003" + other + "0103616263000000").held, 1u);
    EXPECT_EQ(relay("80c80006" + other + kSenderReport.substr(16)).held, 1u);
}

TEST_F(RtcpRelayTest, sdes_that_is_cut_short_stays_here) {
    EXPECT_EQ(relay("81ca0002cafebabe01ff6162").held, 1u);
    EXPECT_EQ(relay("82ca0003cafebabe0103616263000000").held, 1u);
}

TEST_F(RtcpRelayTest, a_compound_whose_lengths_do_not_fit_is_malformed) {
    EXPECT_TRUE(relay("80c90001cafebabe"
                      "81ce0009cafebabe")
                    .malformed);
    EXPECT_TRUE(relay("80c90001cafebabe"
                      "41ce0002cafebabe0badf00d")
                    .malformed);
}

TEST_F(RtcpRelayTest, pli_whose_media_ssrc_poses_as_padding_stays_here) {
    const auto result = relay(
        "80c90001cafebabe"
        "a1ce0002cafebabe"
        "0badf004");
    EXPECT_FALSE(result.malformed);
    EXPECT_EQ(result.feedback_count, 0u);
    EXPECT_EQ(result.held, 2u);
}

TEST_F(RtcpRelayTest, fir_with_padding_or_half_an_entry_stays_here) {
    EXPECT_EQ(relay("80c90001cafebabe"
                    "84ce0003cafebabe00000000"
                    "0badf00d")
                  .held,
              2u);
    EXPECT_EQ(relay("80c90001cafebabe"
                    "a4ce0004cafebabe00000000"
                    "0badf00d00000004")
                  .held,
              2u);
}

}  // namespace
}  // namespace mdd::test
