// The rules of RFC 9185 for each end, item by item, on the plaintext of the stream.
#include "kmf-tunnel/dialogue.h"

#include <gtest/gtest.h>

#include "tests/unit/tunnel/rfc9185_hex.h"
#include "tests/unit/tunnel/tunnel_vectors.h"

namespace mdd::tunnel {
namespace {

using test::from_hex;
using test::kId;
using test::kProfiles;
using test::to_hex;

const std::string kDtls = "040021" + kId + "000f15fefd000000000000000500020228";
const std::string kDisconnect = "050010" + kId;

std::string vector_hex(const char* name) {
    return test::rfc9185_vectors().at(name).get<std::string>();
}

struct End {
    explicit End(Role role) : dialogue(role, counters) {}
    void hear(const std::string& hex) { dialogue.take(from_hex(hex)); }
    std::string verdict() const {
        return dialogue.verdict() ? std::string(to_string(dialogue.verdict()->reason)) : "none";
    }
    std::size_t refused(DecodeReason reason) const {
        return counters.refused[static_cast<std::size_t>(reason)];
    }

    SessionCounters counters;
    rfc9185::Dialogue dialogue;
};

TEST(TunnelDialogueKmf, IsOpenOnceTheProfilesHaveCome) {
    End kmf(Role::kmf);
    EXPECT_FALSE(kmf.dialogue.is_open());
    kmf.hear(kProfiles.substr(0, 18));
    EXPECT_FALSE(kmf.dialogue.is_open());
    kmf.hear(kProfiles.substr(18));
    EXPECT_TRUE(kmf.dialogue.is_open());
    EXPECT_EQ(kmf.verdict(), "none");
    EXPECT_FALSE(kmf.dialogue.next_message()) << "the list is told with the messages";
}

TEST(TunnelDialogueKmf, EveryDtlsMessageComesWithTheAnnouncedProfiles) {
    End kmf(Role::kmf);
    kmf.hear(kProfiles + kDtls + kDtls);
    for (int i = 0; i < 2; ++i) {
        const auto message = kmf.dialogue.next_message();
        ASSERT_TRUE(message);
        EXPECT_EQ(std::get<SupportedProfiles>(message->body),
                  (SupportedProfiles{{0x0009, 0x000a}, {}}));
        EXPECT_EQ(to_hex(message->association.bytes), kId);
        EXPECT_TRUE(message->conference.is_zero());
        EXPECT_EQ(message->dtls.size(), 15u);
    }
    EXPECT_EQ(kmf.counters.messages_in, 2u);
}

TEST(TunnelDialogueKmf, ADisconnectIsToldWithoutProfiles) {
    End kmf(Role::kmf);
    kmf.hear(kProfiles + kDisconnect);
    const auto message = kmf.dialogue.next_message();
    ASSERT_TRUE(message);
    EXPECT_TRUE(std::holds_alternative<Disconnect>(message->body));
}

TEST(TunnelDialogueKmf, AFirstMessageThatIsNotSupportedProfilesEndsTheConnection) {
    for (const std::string& first :
         {kDtls, kDisconnect, std::string("02000100"), std::string("000000"), std::string("060000"),
          std::string("ff0000"), vector_hex("media_keys_128")}) {
        End kmf(Role::kmf);
        kmf.hear(first);
        EXPECT_EQ(kmf.verdict(), "protocol_error") << first;
        EXPECT_FALSE(kmf.dialogue.next_message()) << first;
    }
}

TEST(TunnelDialogueKmf, AWrongFirstMessageIsKnownByItsFirstByte) {
    End kmf(Role::kmf);
    kmf.hear("04");
    EXPECT_EQ(kmf.verdict(), "protocol_error");
}

TEST(TunnelDialogueKmf, AnUnsupportedVersionIsAnsweredWithTheHighestAndEndsTheConnection) {
    for (const std::string& first : {std::string("0100070100040009000a"), std::string("01000101"),
                                     std::string("010003ff0000"), std::string("0100047f112233")}) {
        End kmf(Role::kmf);
        kmf.hear(first);
        EXPECT_EQ(kmf.verdict(), "version_unsupported") << first;
        EXPECT_EQ(to_hex(kmf.dialogue.answer()), "02000100") << first;
    }
}

TEST(TunnelDialogueKmf, TheVersionIsLookedAtBeforeTheRestHasCome) {
    End kmf(Role::kmf);
    kmf.hear("01ffff");
    EXPECT_EQ(kmf.verdict(), "none");
    kmf.hear("01");
    EXPECT_EQ(kmf.verdict(), "version_unsupported");
    EXPECT_EQ(to_hex(kmf.dialogue.answer()), "02000100");
}

TEST(TunnelDialogueKmf, TheSameProfilesAgainChangeNothing) {
    End kmf(Role::kmf);
    kmf.hear(kProfiles + kProfiles + kDtls);
    EXPECT_EQ(kmf.verdict(), "none");
    EXPECT_TRUE(kmf.dialogue.next_message());
}

TEST(TunnelDialogueKmf, OtherProfilesOnTheSameConnectionEndIt) {
    for (const char* second :
         {"0100070000040009000b", "0100070000 04000a0009", "0100050000020009"}) {
        End kmf(Role::kmf);
        kmf.hear(kProfiles + kDtls + second + kDtls);
        EXPECT_EQ(kmf.verdict(), "protocol_error") << second;
        EXPECT_TRUE(kmf.dialogue.next_message()) << "what came before is still told";
        EXPECT_FALSE(kmf.dialogue.next_message()) << "and nothing after";
    }
}

TEST(TunnelDialogueKmf, AnotherVersionLaterOnIsRefusedTheSameWay) {
    End kmf(Role::kmf);
    kmf.hear(kProfiles + "0100070100040009000a");
    EXPECT_EQ(kmf.verdict(), "version_unsupported");
    EXPECT_EQ(to_hex(kmf.dialogue.answer()), "02000100");
}

TEST(TunnelDialogueKmf, MessagesThatOnlyAKmfMaySendEndTheConnection) {
    for (const std::string& message : {std::string("02000100"), vector_hex("media_keys_128")}) {
        End kmf(Role::kmf);
        kmf.hear(kProfiles + message);
        EXPECT_EQ(kmf.verdict(), "protocol_error") << message;
        EXPECT_EQ(kmf.refused(DecodeReason::wrong_direction), 1u);
    }
}

TEST(TunnelDialogueMdd, SupportedProfilesFromAKmfEndTheConnection) {
    End mdd(Role::mdd);
    mdd.hear(kProfiles);
    EXPECT_EQ(mdd.verdict(), "protocol_error");
    EXPECT_EQ(mdd.refused(DecodeReason::wrong_direction), 1u);
}

TEST(TunnelDialogueMdd, KeysAndTheDtlsMessageAfterThemAreTwoMessages) {
    End mdd(Role::mdd);
    mdd.hear(vector_hex("media_keys_256") + kDtls + kDisconnect);
    const auto keys = mdd.dialogue.next_message();
    ASSERT_TRUE(keys && std::holds_alternative<KeyInformation>(keys->body));
    EXPECT_TRUE(keys->dtls.empty());
    EXPECT_TRUE(keys->conference.is_zero());
    const auto dtls = mdd.dialogue.next_message();
    ASSERT_TRUE(dtls && std::holds_alternative<Empty>(dtls->body));
    EXPECT_EQ(dtls->association, keys->association);
    const auto end = mdd.dialogue.next_message();
    EXPECT_TRUE(end && std::holds_alternative<Disconnect>(end->body));
}

TEST(TunnelDialogueMdd, UnsupportedVersionIsRecognisedByFourBytesAndTheRestDiscarded) {
    End mdd(Role::mdd);
    mdd.hear("02000105" + kDtls + "ffffffff");
    EXPECT_EQ(mdd.verdict(), "version_unsupported");
    EXPECT_EQ(mdd.dialogue.version_named(), 5);
    EXPECT_FALSE(mdd.dialogue.next_message());
    End early(Role::mdd);
    for (const char* byte : {"02", "00", "01"}) {
        early.hear(byte);
        EXPECT_EQ(early.verdict(), "none");
    }
    early.hear("00");
    EXPECT_EQ(early.verdict(), "version_unsupported");
    EXPECT_EQ(early.dialogue.version_named(), 0);
}

class TunnelDialogue : public ::testing::TestWithParam<Role> {
  protected:
    End end_{GetParam()};
    void open() {
        if (GetParam() == Role::kmf) end_.hear(kProfiles);
    }
};
INSTANTIATE_TEST_SUITE_P(Ends, TunnelDialogue, ::testing::Values(Role::mdd, Role::kmf),
                         [](const auto& end) { return end.param == Role::mdd ? "mdd" : "kmf"; });

TEST_P(TunnelDialogue, UnassignedTypesAreSkippedAndCounted) {
    open();
    for (int type = 6; type <= 255; ++type) {
        char frame[16];
        std::snprintf(frame, sizeof frame, "%02x0003aabbcc", type);
        end_.hear(frame);
    }
    end_.hear(kDtls);
    EXPECT_EQ(end_.counters.skipped, 250u);
    EXPECT_EQ(end_.verdict(), "none");
    EXPECT_TRUE(end_.dialogue.next_message());
}

TEST_P(TunnelDialogue, TheReservedTypeEndsTheConnection) {
    open();
    end_.hear("000000");
    EXPECT_EQ(end_.verdict(), "protocol_error");
    EXPECT_EQ(end_.refused(DecodeReason::unknown_type), 1u);
}

TEST_P(TunnelDialogue, AMalformedMessageEndsTheConnectionAndIsCounted) {
    open();
    end_.hear(kDtls + "040012" + kId + "0000" + kDtls);
    EXPECT_EQ(end_.verdict(), "protocol_error");
    EXPECT_EQ(end_.refused(DecodeReason::no_dtls), 1u);
    EXPECT_NE(end_.dialogue.verdict()->text.find("no_dtls"), std::string::npos);
    EXPECT_TRUE(end_.dialogue.next_message());
    EXPECT_FALSE(end_.dialogue.next_message());
    end_.hear(kDtls);
    EXPECT_FALSE(end_.dialogue.next_message()) << "nothing is read any more";
}

TEST_P(TunnelDialogue, AnUnknownAssociationIsNoReasonToEnd) {
    open();
    end_.hear("050010ffffffffffffffffffffffffffffffff");
    EXPECT_EQ(end_.verdict(), "none");
}

}  // namespace
}  // namespace mdd::tunnel
