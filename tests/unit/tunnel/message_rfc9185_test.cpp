// The codec of RFC 9185 §6 against its worked examples, against every malformed message, and
// against itself.
#include "kmf-tunnel/message_rfc9185.h"

#include <gtest/gtest.h>

#include <random>

#include "tests/unit/tunnel/tunnel_vectors.h"

namespace mdd::tunnel {
namespace {

using test::from_hex;
using test::rfc9185_bytes;
using test::rfc9185_vectors;
using test::to_hex;
using test::vector_keys;
using Bytes = std::vector<std::uint8_t>;

AssociationId vector_id() {
    AssociationId id;
    std::ranges::copy(rfc9185_bytes("association_id"), id.bytes.begin());
    return id;
}

SecretBytes secret(const char* hex) {
    return SecretBytes(from_hex(hex));
}

std::string hex_of(const std::optional<SecretBytes>& encoded) {
    return encoded ? to_hex(encoded->bytes()) : "does not encode";
}

// A framed message, header checked against its body, at the end that it is for.
rfc9185::Decoded decode_frame(const Bytes& frame, Role receiver) {
    EXPECT_GE(frame.size(), 3u);
    EXPECT_EQ(frame.size() - 3, std::size_t{srtp::load_be16(frame.data() + 1)});
    return rfc9185::decode(frame[0], srtp::Bytes(frame).subspan(3), receiver);
}

// The reason's name, or what was decoded.
std::string verdict(std::uint8_t type, const Bytes& body, Role receiver) {
    const auto decoded = rfc9185::decode(type, body, receiver);
    if (const auto* error = std::get_if<DecodeError>(&decoded))
        return std::string(to_string(error->reason));
    if (std::holds_alternative<Message>(decoded)) return "message";
    if (std::holds_alternative<rfc9185::Announcement>(decoded)) return "announcement";
    if (std::holds_alternative<rfc9185::UnsupportedVersion>(decoded)) return "unsupported_version";
    return "unassigned";
}

Bytes body_of(const char* name) {
    const Bytes frame = rfc9185_bytes(name);
    return {frame.begin() + 3, frame.end()};
}

TEST(TunnelRfc9185Codec, EncodesTheWorkedExamplesByteForByte) {
    EXPECT_EQ(hex_of(rfc9185::encode(rfc9185::Announcement{0, {0x0009, 0x000a}})),
              "0100070000040009000a");
    EXPECT_EQ(to_hex(rfc9185::encode(rfc9185::UnsupportedVersion{0}).bytes()), "02000100");
    EXPECT_EQ(hex_of(rfc9185::encode(Message{vector_id(), {}, vector_keys(), {}})),
              rfc9185_vectors().at("media_keys_128"));
    EXPECT_EQ(
        hex_of(rfc9185::encode(Message{vector_id(), {}, Empty{}, rfc9185_bytes("dtls_message")})),
        rfc9185_vectors().at("tunneled_dtls"));
    EXPECT_EQ(hex_of(rfc9185::encode(Message{vector_id(), {}, Disconnect{}, {}})),
              rfc9185_vectors().at("endpoint_disconnect"));
}

TEST(TunnelRfc9185Codec, EncodesTheMediaKeysOfBothProfiles) {
    KeyInformation keys;
    keys.profile = 0x000a;
    keys.client_key = secret("202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f");
    keys.server_key = secret("808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f");
    keys.client_salt = secret("acadaeafb0b1b2b3b4b5b6b7");
    keys.server_salt = secret("cccdcecfd0d1d2d3d4d5d6d7");
    EXPECT_EQ(hex_of(rfc9185::encode(Message{vector_id(), {}, std::move(keys), {}})),
              rfc9185_vectors().at("media_keys_256"));
}

TEST(TunnelRfc9185Codec, KeysGoRightBeforeTheDtlsMessageThatNeedsThem) {
    EXPECT_EQ(hex_of(rfc9185::encode(
                  Message{vector_id(), {}, vector_keys(), rfc9185_bytes("dtls_message")})),
              rfc9185_vectors().at("media_keys_128").get<std::string>() +
                  rfc9185_vectors().at("tunneled_dtls").get<std::string>());
    EXPECT_EQ(hex_of(rfc9185::encode(
                  Message{vector_id(), {}, vector_keys(), rfc9185_bytes("dtls_message")},
                  rfc9185::Dtls::left_out)),
              rfc9185_vectors().at("media_keys_128"));
}

TEST(TunnelRfc9185Codec, AnMddsProfilesAreNotSaidAgainWithEachMessage) {
    EXPECT_EQ(hex_of(rfc9185::encode(Message{
                  vector_id(), {}, SupportedProfiles{{9, 10}, {}}, rfc9185_bytes("dtls_message")})),
              rfc9185_vectors().at("tunneled_dtls"));
}

TEST(TunnelRfc9185Codec, DecodesTheWorkedExamples) {
    const auto announced = decode_frame(rfc9185_bytes("supported_profiles"), Role::kmf);
    EXPECT_EQ(std::get<rfc9185::Announcement>(announced),
              (rfc9185::Announcement{0, {0x0009, 0x000a}}));
    const auto unsupported = decode_frame(rfc9185_bytes("unsupported_version_0"), Role::mdd);
    EXPECT_EQ(std::get<rfc9185::UnsupportedVersion>(unsupported).highest, 0);
    const auto keys = decode_frame(rfc9185_bytes("media_keys_128"), Role::mdd);
    const auto& information = std::get<KeyInformation>(std::get<Message>(keys).body);
    EXPECT_EQ(information.profile, 0x0009);
    EXPECT_EQ(to_hex(information.server_key.bytes()), "303132333435363738393a3b3c3d3e3f");
    EXPECT_EQ(to_hex(information.server_salt.bytes()), "cccdcecfd0d1d2d3d4d5d6d7");
    for (const Role receiver : {Role::mdd, Role::kmf}) {
        const auto dtls = decode_frame(rfc9185_bytes("tunneled_dtls"), receiver);
        EXPECT_EQ(std::get<Message>(dtls).dtls, rfc9185_bytes("dtls_message"));
        EXPECT_EQ(std::get<Message>(dtls).association, vector_id());
        EXPECT_TRUE(std::get<Message>(dtls).conference.is_zero());
        const auto end = decode_frame(rfc9185_bytes("endpoint_disconnect"), receiver);
        EXPECT_TRUE(std::holds_alternative<Disconnect>(std::get<Message>(end).body));
        EXPECT_EQ(std::get<Message>(end).association, vector_id());
    }
}

TEST(TunnelRfc9185Codec, AnMkiIsAcceptedAndIgnored) {
    for (const std::size_t mki_bytes : {1u, 4u, 255u}) {
        Bytes body = body_of("media_keys_128");
        body[18] = static_cast<std::uint8_t>(mki_bytes);
        body.insert(body.begin() + 19, mki_bytes, 0xee);
        const auto decoded = rfc9185::decode(3, body, Role::mdd);
        ASSERT_TRUE(std::holds_alternative<Message>(decoded)) << mki_bytes;
        EXPECT_EQ(hex_of(rfc9185::encode(std::get<Message>(decoded))),
                  rfc9185_vectors().at("media_keys_128"))
            << "none is sent";
    }
}

TEST(TunnelRfc9185Codec, EveryBodyThatEndsTooEarlyOrTooLateIsRefused) {
    const struct {
        const char* name;
        Role receiver;
    } cases[] = {{"supported_profiles", Role::kmf},
                 {"unsupported_version_0", Role::mdd},
                 {"media_keys_128", Role::mdd},
                 {"tunneled_dtls", Role::kmf},
                 {"endpoint_disconnect", Role::kmf}};
    for (const auto& [name, receiver] : cases) {
        const std::uint8_t type = rfc9185_bytes(name)[0];
        const Bytes whole = body_of(name);
        for (std::size_t size = 0; size < whole.size(); ++size) {
            const Bytes cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
            const auto decoded = rfc9185::decode(type, cut, receiver);
            EXPECT_TRUE(std::holds_alternative<DecodeError>(decoded)) << name << " to " << size;
        }
        Bytes longer = whole;
        longer.push_back(0);
        EXPECT_EQ(verdict(type, longer, receiver), "trailing_bytes") << name;
    }
}

// An association id of 16 zero bytes, for bodies written out.
constexpr char kZeroId[] = "00000000000000000000000000000000";

TEST(TunnelRfc9185Codec, EachMalformedMessageHasItsReason) {
    const std::string id = kZeroId;
    const struct {
        const char* name;
        std::uint8_t type;
        std::string body;
        Role receiver;
        const char* verdict;
    } cases[] = {
        {"reserved type", 0, "", Role::kmf, "unknown_type"},
        {"reserved type with a body", 0, id, Role::mdd, "unknown_type"},
        {"no version", 1, "", Role::kmf, "too_short"},
        {"no list", 1, "00", Role::kmf, "profile_list"},
        {"empty list", 1, "000000", Role::kmf, "profile_list"},
        {"odd list", 1, "000003000900", Role::kmf, "profile_list"},
        {"list past the end", 1, "0000040009", Role::kmf, "profile_list"},
        {"list of 65", 1, "000082" + std::string(260, '0'), Role::kmf, "profile_list"},
        {"list of 65,535", 1, "00ffff0009", Role::kmf, "profile_list"},
        {"bytes after the list", 1, "0000020009ff", Role::kmf, "trailing_bytes"},
        {"profiles at the MDD", 1, "0000020009", Role::mdd, "wrong_direction"},
        {"version at the KMF", 2, "00", Role::kmf, "wrong_direction"},
        {"version without a byte", 2, "", Role::mdd, "too_short"},
        {"version of two bytes", 2, "0001", Role::mdd, "trailing_bytes"},
        {"keys at the KMF", 3, id + "0009", Role::kmf, "wrong_direction"},
        {"keys without a profile", 3, id + "00", Role::mdd, "too_short"},
        {"keys without an MKI length", 3, id + "0009", Role::mdd, "mki"},
        {"MKI past the end", 3, id + "0009ff00", Role::mdd, "mki"},
        {"no client key", 3, id + "000900", Role::mdd, "key_or_salt"},
        {"empty client key", 3, id + "00090000", Role::mdd, "key_or_salt"},
        {"client key past the end", 3, id + "000900ff00", Role::mdd, "key_or_salt"},
        {"no server key", 3, id + "00090001aa", Role::mdd, "key_or_salt"},
        {"empty server key", 3, id + "00090001aa00", Role::mdd, "key_or_salt"},
        {"empty client salt", 3, id + "00090001aa01bb00", Role::mdd, "key_or_salt"},
        {"empty server salt", 3, id + "00090001aa01bb01cc00", Role::mdd, "key_or_salt"},
        {"bytes after the salts", 3, id + "00090001aa01bb01cc01dd00", Role::mdd, "trailing_bytes"},
        {"DTLS without an id", 4, "0000", Role::kmf, "too_short"},
        {"DTLS without a length", 4, id + "00", Role::kmf, "too_short"},
        {"empty DTLS message", 4, id + "0000", Role::kmf, "no_dtls"},
        {"DTLS past the end", 4, id + "0002aa", Role::mdd, "too_short"},
        {"DTLS of 65,535", 4, id + "ffffaa", Role::mdd, "too_short"},
        {"bytes after DTLS", 4, id + "0001aabb", Role::mdd, "trailing_bytes"},
        {"disconnect without an id", 5, "", Role::kmf, "too_short"},
        {"disconnect with half an id", 5, "0000000000000000", Role::mdd, "too_short"},
        {"disconnect with a reason", 5, id + "01", Role::mdd, "trailing_bytes"},
        {"the first free type", 6, id, Role::mdd, "unassigned"},
        {"the last free type", 255, "", Role::kmf, "unassigned"},
    };
    for (const auto& bad : cases)
        EXPECT_EQ(verdict(bad.type, from_hex(bad.body), bad.receiver), bad.verdict) << bad.name;
}

TEST(TunnelRfc9185Codec, OfAnotherVersionOnlyTheVersionIsRead) {
    for (const char* body : {"01", "ff", "01ffff", "020000020009", "7f00"}) {
        const auto decoded = rfc9185::decode(1, from_hex(body), Role::kmf);
        ASSERT_TRUE(std::holds_alternative<rfc9185::Announcement>(decoded)) << body;
        EXPECT_EQ(std::get<rfc9185::Announcement>(decoded).version, from_hex(body)[0]);
        EXPECT_TRUE(std::get<rfc9185::Announcement>(decoded).profiles.empty());
    }
}

TEST(TunnelRfc9185Codec, ADtlsMessageHasAtMost65517Bytes) {
    Message message{vector_id(), {}, Empty{}, Bytes(65517, 0xaa)};
    const auto encoded = rfc9185::encode(message);
    ASSERT_TRUE(encoded);
    EXPECT_EQ(encoded->size(), 3u + 65535u);
    const Bytes frame(encoded->bytes().begin(), encoded->bytes().end());
    EXPECT_EQ(std::get<Message>(decode_frame(frame, Role::kmf)).dtls.size(), 65517u);
    message.dtls.push_back(0xaa);
    EXPECT_FALSE(rfc9185::encode(message));
}

TEST(TunnelRfc9185Codec, DoesNotEncodeWhatTheFieldsCannotHold) {
    EXPECT_FALSE(rfc9185::encode(rfc9185::Announcement{0, {}}));
    EXPECT_TRUE(
        rfc9185::encode(rfc9185::Announcement{0, std::vector<std::uint16_t>(kMaxProfiles)}));
    EXPECT_FALSE(
        rfc9185::encode(rfc9185::Announcement{0, std::vector<std::uint16_t>(kMaxProfiles + 1)}));
    EXPECT_FALSE(rfc9185::encode(Message{})) << "says nothing";
    EXPECT_FALSE(rfc9185::encode(Message{{}, {}, Disconnect{}, {1}}));
    for (const std::size_t size : {0u, 256u}) {
        KeyInformation keys = vector_keys();
        keys.server_salt = SecretBytes(size);
        EXPECT_FALSE(rfc9185::encode(Message{{}, {}, std::move(keys), {1}})) << size;
    }
    KeyInformation longest = vector_keys();
    longest.client_key = SecretBytes(std::size_t{255});
    EXPECT_TRUE(rfc9185::encode(Message{{}, {}, std::move(longest), {}}));
}

TEST(TunnelRfc9185Codec, WhatIsEncodedDecodesToTheSameBytes) {
    std::mt19937 random(9185);
    const auto fill = [&](auto&& bytes) {
        for (auto& byte : bytes) byte = static_cast<std::uint8_t>(random());
    };
    for (int i = 0; i < 3000; ++i) {
        Message message;
        fill(message.association.bytes);
        if (random() % 3 == 0) {
            KeyInformation keys;
            keys.profile = static_cast<std::uint16_t>(random());
            for (auto* field :
                 {&keys.client_key, &keys.server_key, &keys.client_salt, &keys.server_salt}) {
                *field = SecretBytes(std::size_t{1 + random() % 255});
                fill(field->writable());
            }
            message.body = std::move(keys);
        } else if (random() % 3 == 0) {
            message.body = Disconnect{};
        } else {
            message.dtls.resize(1 + random() % 2000);
            fill(message.dtls);
        }
        const auto encoded = rfc9185::encode(message);
        ASSERT_TRUE(encoded);
        const Bytes frame(encoded->bytes().begin(), encoded->bytes().end());
        const auto decoded = decode_frame(frame, Role::mdd);
        ASSERT_TRUE(std::holds_alternative<Message>(decoded));
        ASSERT_EQ(hex_of(rfc9185::encode(std::get<Message>(decoded))), to_hex(frame));
    }
}

}  // namespace
}  // namespace mdd::tunnel
