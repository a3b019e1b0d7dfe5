// ekt_key bodies and ACKs as bytes: published examples, round trips, and every way to be malformed.
#include "tools/dtls_srtp/ekt_message.h"

#include <gtest/gtest.h>
#include <openssl/ssl.h>

#include <algorithm>

#include "tests/support/hex.h"
#include "tools/dtls_srtp/handshake_message.h"

namespace mdd::dtls {
namespace {

using namespace std::chrono_literals;
using test::from_hex;
using test::to_hex;

const std::string kBody128 =
    "0010606162636465666768696a6b6c6d6e6f000c505152535455565758595a5b0102"
    "015180";
const std::string kBody256 =
    "0020606162636465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7f"
    "000c505152535455565758595a5b0102015180";

EktKeyMessage message_of(std::size_t key_bytes) {
    EktKeyMessage message;
    message.key_bytes = key_bytes;
    for (std::size_t i = 0; i < key_bytes; ++i)
        message.key.writable()[i] = static_cast<std::uint8_t>(0x60 + i);
    for (std::size_t i = 0; i < 12; ++i)
        message.salt.writable()[i] = static_cast<std::uint8_t>(0x50 + i);
    message.spi = 0x0102;
    message.ttl = 86400s;
    return message;
}

std::string vector_of(std::size_t size_bytes) {
    std::string text = to_hex(std::vector<std::uint8_t>{static_cast<std::uint8_t>(size_bytes >> 8),
                                                        static_cast<std::uint8_t>(size_bytes)});
    for (std::size_t i = 0; i < size_bytes; ++i) text += "ab";
    return text;
}

EktKeyFault fault_of(const std::string& hex) {
    const auto decoded = decode_ekt_key(from_hex(hex));
    if (const auto* fault = std::get_if<EktKeyFault>(&decoded)) return *fault;
    ADD_FAILURE() << hex << " was taken";
    return {};
}

TEST(EktKey, IsWrittenAsPublished) {
    EXPECT_EQ(to_hex(encode_ekt_key(message_of(16)).bytes()), kBody128);
    EXPECT_EQ(to_hex(encode_ekt_key(message_of(32)).bytes()), kBody256);
    EXPECT_EQ(kBody128.size(), 2 * 37u);
    EXPECT_EQ(kBody256.size(), 2 * 53u);
}

TEST(EktKey, IsWrittenAsPublishedWithItsHandshakeHeader) {
    const auto body = encode_ekt_key(message_of(16));
    EXPECT_EQ(to_hex(encode_handshake(kEktKeyHandshake, 5, body.bytes()).bytes()),
              "1a0000250005000000000025" + kBody128);
}

TEST(EktKey, IsReadAsWritten) {
    for (const auto& [hex, key_bytes] : {std::pair{kBody128, 16u}, {kBody256, 32u}}) {
        const auto decoded = decode_ekt_key(from_hex(hex));
        const auto* message = std::get_if<EktKeyMessage>(&decoded);
        ASSERT_TRUE(message);
        EXPECT_EQ(message->key_bytes, key_bytes);
        EXPECT_EQ(to_hex(message->key_value()), hex.substr(4, 2 * key_bytes));
        EXPECT_EQ(to_hex(message->salt.bytes()), "505152535455565758595a5b");
        EXPECT_EQ(message->spi, 0x0102);
        EXPECT_EQ(message->ttl, 86400s);
        EXPECT_EQ(to_hex(encode_ekt_key(*message).bytes()), hex);
        EXPECT_EQ(to_hex(encode_ekt_key(copy_of(*message)).bytes()), hex);
    }
}

TEST(EktKey, CutsALongerSaltToWhatIsNeeded) {
    const auto decoded = decode_ekt_key(
        from_hex("0010606162636465666768696a6b6c6d6e6f" + vector_of(256) + "ffff000001"));
    const auto* message = std::get_if<EktKeyMessage>(&decoded);
    ASSERT_TRUE(message);
    EXPECT_EQ(to_hex(message->salt.bytes()), "abababababababababababab");
    EXPECT_EQ(message->spi, 0xffff);
    EXPECT_EQ(message->ttl, 1s);
}

TEST(EktKey, CarriesTheWholeRangeOfItsTtlAndNothingMore) {
    for (const auto& [ttl, hex] : {std::pair{0s, "000000"},
                                   {16'777'215s, "ffffff"},
                                   {16'777'216s, "ffffff"},
                                   {-1s, "000000"}}) {
        auto message = message_of(16);
        message.ttl = ttl;
        EXPECT_EQ(to_hex(encode_ekt_key(message).bytes()).substr(68), hex);
    }
}

TEST(EktKey, CutAnywhereIsMalformed) {
    for (const auto& body : {kBody128, kBody256})
        for (std::size_t size = 0; size < body.size(); size += 2)
            EXPECT_EQ(fault_of(body.substr(0, size)), EktKeyFault::malformed) << size;
    EXPECT_EQ(fault_of(kBody128 + "00"), EktKeyFault::malformed) << "one byte too many";
}

TEST(EktKey, LengthsOutsideTheirRangeAreMalformed) {
    EXPECT_EQ(fault_of("0000" + vector_of(12) + "0102015180"), EktKeyFault::malformed);
    EXPECT_EQ(fault_of(vector_of(16) + "00000102015180"), EktKeyFault::malformed);
    EXPECT_EQ(fault_of(vector_of(257) + vector_of(12) + "0102015180"), EktKeyFault::malformed);
    EXPECT_EQ(fault_of(vector_of(16) + vector_of(257) + "0102015180"), EktKeyFault::malformed);
    EXPECT_EQ(fault_of("ffff"), EktKeyFault::malformed);
    // One-byte lengths, as a reader of "<1..256>" might write them.
    EXPECT_EQ(fault_of("10606162636465666768696a6b6c6d6e6f0c505152535455565758595a5b0102015180"),
              EktKeyFault::malformed);
}

TEST(EktKey, KeysOfNoEktCipherAreRefused) {
    for (std::size_t size : {1u, 15u, 17u, 24u, 31u, 33u, 256u})
        EXPECT_EQ(fault_of(vector_of(size) + vector_of(12) + "0102015180"),
                  EktKeyFault::wrong_key_bytes)
            << size;
}

TEST(EktKey, SaltsThatAreTooShortAreRefused) {
    for (std::size_t size : {1u, 11u})
        EXPECT_EQ(fault_of(vector_of(16) + vector_of(size) + "0102015180"), EktKeyFault::short_salt)
            << size;
}

TEST(EktKey, EveryFaultHasItsAlert) {
    EXPECT_EQ(alert_for(EktKeyFault::malformed), SSL_AD_DECODE_ERROR);
    EXPECT_EQ(alert_for(EktKeyFault::wrong_key_bytes), SSL_AD_ILLEGAL_PARAMETER);
    EXPECT_EQ(alert_for(EktKeyFault::short_salt), SSL_AD_ILLEGAL_PARAMETER);
}

TEST(EktCipherNumbers, AreThoseOfTheTlsEnum) {
    EXPECT_EQ(static_cast<int>(EktCipher::aeskw_128), 1);
    EXPECT_EQ(static_cast<int>(EktCipher::aeskw_256), 2);
    EXPECT_EQ(ekt_key_bytes(EktCipher::aeskw_128), 16u);
    EXPECT_EQ(ekt_key_bytes(EktCipher::aeskw_256), 32u);
    EXPECT_EQ(ekt_cipher_for(srtp::Profile::double_aes_128_gcm), EktCipher::aeskw_128);
    EXPECT_EQ(ekt_cipher_for(srtp::Profile::double_aes_256_gcm), EktCipher::aeskw_256);
}

TEST(Ack, IsWrittenWithSixteenBytesForEachRecord) {
    const RecordNumber numbers[] = {{1, 5}, {1, 0x123456789abc}};
    EXPECT_EQ(to_hex(encode_ack(numbers)),
              "0020"
              "00000000000000010000000000000005"
              "00000000000000010000123456789abc");
    EXPECT_EQ(to_hex(encode_ack({})), "0000");
}

bool names(const std::vector<RecordNumber>& numbers, std::uint64_t sequence) {
    return std::ranges::find(numbers, RecordNumber{1, sequence}) != numbers.end();
}

TEST(Ack, IsReadInBothSizes) {
    const RecordNumber sent[] = {{1, 5}, {1, 7}, {1, 9}};
    const auto long_form = decode_ack(encode_ack(sent));
    ASSERT_TRUE(long_form);
    for (auto sequence : {5u, 7u, 9u}) EXPECT_TRUE(names(*long_form, sequence));
    for (const auto& [hex, count] :
         {std::pair{"0008 0001000000000005", 1},  // odd: one reading only
          {"0010 0001000000000005 0001000000000007", 2}}) {
        const auto short_form = decode_ack(from_hex(hex));
        ASSERT_TRUE(short_form);
        EXPECT_TRUE(names(*short_form, 5));
        EXPECT_EQ(names(*short_form, 7), count == 2);
    }
}

// Otherwise an ACK could name a record that the peer never had.
TEST(Ack, TheWrongReadingNeverNamesARecordOfTheEpoch) {
    for (std::uint64_t sequence : {0ULL, 1ULL, 2ULL, 0xffffffffULL, 0xfffffffffffeULL}) {
        const RecordNumber sent[] = {{1, sequence}};
        const auto read = decode_ack(encode_ack(sent));
        ASSERT_TRUE(read);
        EXPECT_EQ(
            std::ranges::count_if(*read, [](const auto& number) { return number.epoch == 1; }), 1)
            << sequence;
    }
    const auto read = decode_ack(from_hex("0010 0001000000000005 0001000000000007"));
    EXPECT_EQ(std::ranges::count_if(*read, [](const auto& number) { return number.epoch == 1; }),
              2);
}

TEST(Ack, LengthsThatDoNotAddUpAreRefused) {
    EXPECT_TRUE(decode_ack(from_hex("0000")));
    for (const auto* hex :
         {"", "00", "0001", "0000 00", "0008 00010000000000", "0007 00010000000005",
          "0008 0001000000000005 00", "0009 0001000000000005 00", "ffff"})
        EXPECT_FALSE(decode_ack(from_hex(hex))) << hex;
}

}  // namespace
}  // namespace mdd::dtls
