// The codec of draft-jones-perc-dtls-tunnel-00 against its vectors, against every malformed
// message, and against itself.
#include "kmf-tunnel/message.h"

#include <gtest/gtest.h>

#include <random>

#include "tests/unit/tunnel/tunnel_vectors.h"

namespace mdd::tunnel {
namespace {

using test::draft_bytes;
using test::draft_vectors;
using test::from_hex;
using test::to_hex;
using test::vector_keys;

Message message_with(decltype(Message::body) body) {
    Message message;
    const auto association = draft_bytes("association_id");
    const auto conference = draft_bytes("conference_id");
    std::copy(association.begin(), association.end(), message.association.bytes.begin());
    std::copy(conference.begin(), conference.end(), message.conference.bytes.begin());
    message.body = std::move(body);
    message.dtls = draft_bytes("dtls_message");
    return message;
}

std::string encoded_hex(const Message& message) {
    const auto encoded = encode(message);
    return encoded ? to_hex(encoded->bytes()) : "does not encode";
}

// What decode() makes of `bytes`: the reason's name, or "ok".
std::string verdict(const std::vector<std::uint8_t>& bytes, Role receiver) {
    const auto decoded = decode(bytes, receiver);
    const auto* error = std::get_if<DecodeError>(&decoded);
    return error == nullptr ? "ok" : std::string(to_string(error->reason));
}

std::vector<std::uint8_t> replaced(std::vector<std::uint8_t> bytes, std::size_t at,
                                   const std::string& hex) {
    const auto with = from_hex(hex);
    std::copy(with.begin(), with.end(), bytes.begin() + static_cast<std::ptrdiff_t>(at));
    return bytes;
}

TEST(TunnelMessage, EncodesTheVectors) {
    EXPECT_EQ(encoded_hex(message_with(Empty{})), draft_vectors().at("empty"));
    EXPECT_EQ(encoded_hex(message_with(SupportedProfiles{{0x0009, 0x000a}, {}})),
              draft_vectors().at("supported"));
    EXPECT_EQ(encoded_hex(message_with(vector_keys())), draft_vectors().at("keyinfo"));
}

TEST(TunnelMessage, DecodesTheEmptyVectorAtBothEnds) {
    for (const Role receiver : {Role::mdd, Role::kmf}) {
        const auto decoded = decode(draft_bytes("empty"), receiver);
        const auto& message = std::get<Message>(decoded);
        EXPECT_TRUE(std::holds_alternative<Empty>(message.body));
        EXPECT_EQ(to_hex(message.association.bytes), draft_vectors().at("association_id"));
        EXPECT_EQ(to_hex(message.conference.bytes), draft_vectors().at("conference_id"));
        EXPECT_EQ(to_hex(message.dtls), draft_vectors().at("dtls_message"));
    }
}

TEST(TunnelMessage, DecodesTheSupportedProfilesVector) {
    const auto decoded = decode(draft_bytes("supported"), Role::kmf);
    const auto& message = std::get<Message>(decoded);
    const SupportedProfiles expected{{0x0009, 0x000a}, {}};
    EXPECT_EQ(std::get<SupportedProfiles>(message.body), expected);
    EXPECT_EQ(to_hex(message.dtls), draft_vectors().at("dtls_message"));
}

TEST(TunnelMessage, DecodesBothKeyInformationVectors) {
    const auto small = decode(draft_bytes("keyinfo"), Role::mdd);
    const auto& keys = std::get<KeyInformation>(std::get<Message>(small).body);
    EXPECT_EQ(keys.profile, 0x0009);
    EXPECT_EQ(to_hex(keys.client_key.bytes()), "101112131415161718191a1b1c1d1e1f");
    EXPECT_EQ(to_hex(keys.server_key.bytes()), "303132333435363738393a3b3c3d3e3f");
    EXPECT_EQ(to_hex(keys.client_salt.bytes()), "acadaeafb0b1b2b3b4b5b6b7");
    EXPECT_EQ(to_hex(keys.server_salt.bytes()), "cccdcecfd0d1d2d3d4d5d6d7");
    const auto large = decode(draft_bytes("keyinfo256"), Role::mdd);
    EXPECT_EQ(encoded_hex(std::get<Message>(large)), draft_vectors().at("keyinfo256"));
}

TEST(TunnelMessage, RefusesEveryLengthThatEndsTooEarly) {
    for (const char* name : {"empty", "supported", "keyinfo"}) {
        const auto whole = draft_bytes(name);
        const Role receiver = std::string(name) == "keyinfo" ? Role::mdd : Role::kmf;
        ASSERT_EQ(verdict(whole, receiver), "ok");
        for (std::size_t size = 0; size < whole.size(); ++size) {
            const std::vector<std::uint8_t> cut(whole.begin(),
                                                whole.begin() + static_cast<std::ptrdiff_t>(size));
            EXPECT_NE(verdict(cut, receiver), "ok") << name << " cut to " << size;
            if (size < 35) {
                EXPECT_EQ(verdict(cut, receiver), "too_short") << size;
            }
        }
    }
}

TEST(TunnelMessage, RefusesTypesThatDoNotExist) {
    for (int type = 3; type < 256; ++type) {
        auto bytes = draft_bytes("empty");
        bytes[34] = static_cast<std::uint8_t>(type);
        EXPECT_EQ(verdict(bytes, Role::kmf), "unknown_type");
        EXPECT_EQ(verdict(bytes, Role::mdd), "unknown_type");
    }
}

TEST(TunnelMessage, RefusesOtherVersions) {
    for (const char* version : {"0000", "0200", "0101", "fefd"})
        EXPECT_EQ(verdict(replaced(draft_bytes("empty"), 0, version), Role::kmf), "version");
}

TEST(TunnelMessage, RefusesMessagesThatComeTheWrongWay) {
    EXPECT_EQ(verdict(draft_bytes("supported"), Role::mdd), "wrong_direction");
    EXPECT_EQ(verdict(draft_bytes("keyinfo"), Role::kmf), "wrong_direction");
}

TEST(TunnelMessage, RefusesBadProfileLists) {
    for (const char* length : {"0000", "0001", "0003", "00ff", "ffff", "fffe"})
        EXPECT_EQ(verdict(replaced(draft_bytes("supported"), 35, length), Role::kmf),
                  "profile_list")
            << length;
}

TEST(TunnelMessage, RefusesMoreProfilesThanThereAre) {
    auto message = message_with(SupportedProfiles{std::vector<std::uint16_t>(kMaxProfiles, 9), {}});
    const auto most = encode(message);
    ASSERT_TRUE(most);
    std::vector<std::uint8_t> bytes(most->bytes().begin(), most->bytes().end());
    EXPECT_EQ(std::get<SupportedProfiles>(std::get<Message>(decode(bytes, Role::kmf)).body)
                  .profiles.size(),
              kMaxProfiles);
    bytes[36] += 2;
    bytes.insert(bytes.begin() + 37, {0, 9});
    EXPECT_EQ(verdict(bytes, Role::kmf), "profile_list");
    std::get<SupportedProfiles>(message.body).profiles.push_back(9);
    EXPECT_FALSE(encode(message));
}

TEST(TunnelMessage, RefusesAnMkiPastTheEnd) {
    EXPECT_EQ(verdict(replaced(draft_bytes("supported"), 41, "ff"), Role::kmf), "mki");
}

TEST(TunnelMessage, RefusesEmptyAndOverlongKeysAndSalts) {
    for (const std::size_t at : {37u, 55u, 73u, 87u})
        for (const char* length : {"0000", "ffff", "0100"})
            EXPECT_EQ(verdict(replaced(draft_bytes("keyinfo"), at, length), Role::mdd),
                      "key_or_salt")
                << at << " " << length;
}

TEST(TunnelMessage, RefusesADtlsMessageShorterOrLongerThanTheRest) {
    EXPECT_EQ(verdict(replaced(draft_bytes("empty"), 35, "000e"), Role::kmf), "trailing_bytes");
    EXPECT_EQ(verdict(replaced(draft_bytes("empty"), 35, "0000"), Role::kmf), "trailing_bytes");
    EXPECT_EQ(verdict(replaced(draft_bytes("empty"), 35, "0010"), Role::kmf), "too_short");
    EXPECT_EQ(verdict(replaced(draft_bytes("empty"), 35, "ffff"), Role::kmf), "too_short");
}

TEST(TunnelMessage, DoesNotEncodeWhatTheFieldsCannotHold) {
    EXPECT_FALSE(encode(message_with(SupportedProfiles{})));
    EXPECT_FALSE(encode(message_with(SupportedProfiles{std::vector<std::uint16_t>(32768), {}})));
    EXPECT_FALSE(encode(message_with(SupportedProfiles{{9}, std::vector<std::uint8_t>(256)})));
    EXPECT_FALSE(encode(message_with(KeyInformation{})));
    KeyInformation long_salt = vector_keys();
    long_salt.server_salt = SecretBytes(std::size_t{65536});
    EXPECT_FALSE(encode(message_with(std::move(long_salt))));
    Message long_dtls = message_with(Empty{});
    long_dtls.dtls.resize(65536);
    EXPECT_FALSE(encode(long_dtls));
    long_dtls.dtls.resize(65535);
    EXPECT_TRUE(encode(long_dtls));
}

SecretBytes random_secret(std::mt19937& random) {
    SecretBytes secret(1 + random() % 80);
    for (auto& byte : secret.writable()) byte = static_cast<std::uint8_t>(random());
    return secret;
}

Message random_message(std::mt19937& random) {
    Message message;
    for (auto& byte : message.association.bytes) byte = static_cast<std::uint8_t>(random());
    for (auto& byte : message.conference.bytes) byte = static_cast<std::uint8_t>(random());
    message.dtls.resize(random() % 1500);
    for (auto& byte : message.dtls) byte = static_cast<std::uint8_t>(random());
    if (random() % 3 == 0) {
        SupportedProfiles profiles;
        profiles.profiles.resize(1 + random() % 20);
        for (auto& profile : profiles.profiles) profile = static_cast<std::uint16_t>(random());
        profiles.mki.resize(random() % 256);
        message.body = std::move(profiles);
    } else if (random() % 2 == 0) {
        KeyInformation keys;
        keys.profile = static_cast<std::uint16_t>(random());
        keys.client_key = random_secret(random);
        keys.server_key = random_secret(random);
        keys.client_salt = random_secret(random);
        keys.server_salt = random_secret(random);
        message.body = std::move(keys);
    }
    return message;
}

TEST(TunnelMessage, WhatIsEncodedDecodesToTheSameBytes) {
    std::mt19937 random(7);
    for (int i = 0; i < 5000; ++i) {
        const Message message = random_message(random);
        const Role receiver =
            std::holds_alternative<KeyInformation>(message.body) ? Role::mdd : Role::kmf;
        const auto encoded = encode(message);
        ASSERT_TRUE(encoded);
        const auto decoded = decode(encoded->bytes(), receiver);
        ASSERT_TRUE(std::holds_alternative<Message>(decoded));
        const auto& again = std::get<Message>(decoded);
        ASSERT_EQ(again.association, message.association);
        ASSERT_EQ(again.conference, message.conference);
        ASSERT_EQ(again.dtls, message.dtls);
        ASSERT_EQ(encoded_hex(again), to_hex(encoded->bytes()));
    }
}

}  // namespace
}  // namespace mdd::tunnel
