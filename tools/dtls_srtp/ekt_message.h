// What EKT adds to DTLS on the wire: the ekt_key body (RFC 8870 §5.2.2) and the ACK that answers it
// (RFC 9147 §7), bytes to values and back. No encryption, no retransmission, no EKT tags.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <variant>
#include <vector>

#include "dataplane/srtp/bytes.h"
#include "dataplane/srtp/profile.h"
#include "kmf-tunnel/secret_bytes.h"

namespace mdd::dtls {

// 26 is two numbers: the handshake type of ekt_key and the content type of ACK.
inline constexpr std::uint8_t kEktKeyHandshake = 26;
inline constexpr std::uint8_t kAckContent = 26;

// supported_ekt_ciphers, a TLS extension.
inline constexpr std::uint16_t kEktExtension = 39;

// Numbers of the enum in RFC 8870 §5.2.1. The registry table of the same document (§7.2) counts
// from 0; nobody can use that on the wire, because its 0 is the enum's "reserved". The one place
// where this is decided.
enum class EktCipher : std::uint8_t { aeskw_128 = 1, aeskw_256 = 2 };

constexpr std::size_t ekt_key_bytes(EktCipher cipher) {
    return cipher == EktCipher::aeskw_256 ? 32 : 16;
}

// The cipher that a Double profile needs: a key may not be wrapped by a shorter one (RFC 8870 §6).
constexpr EktCipher ekt_cipher_for(srtp::Profile profile) {
    return srtp::traits_of(profile).hop_key_bytes == 32 ? EktCipher::aeskw_256
                                                        : EktCipher::aeskw_128;
}

// What the members of a conference share. Move-only, wipes itself.
struct EktKeyMessage {
    std::size_t key_bytes = 16;              // 16 or 32 valid bytes in `key`
    srtp::Secret<32> key;                    // wraps the senders' SRTP master keys
    srtp::Secret<srtp::kHopSaltBytes> salt;  // srtp_master_salt of every sender
    std::uint16_t spi = 0;                   // names this key in EKT tags
    std::chrono::seconds ttl{0};             // from reception; 24 bits

    srtp::Bytes key_value() const { return key.first(key_bytes); }
};

EktKeyMessage copy_of(const EktKeyMessage& message);

// Longest legal body: two vectors of 256 bytes with 2-byte lengths, SPI and ttl. Ours have 37 or
// 53.
inline constexpr std::size_t kMaxEktKeyBytes = 2 + 256 + 2 + 256 + 2 + 3;

// Why an ekt_key cannot be processed.
enum class EktKeyFault : std::uint8_t {
    malformed,        // lengths do not add up, or a vector is empty or above 256: decode_error
    wrong_key_bytes,  // not the key length of an EKT cipher: illegal_parameter
    short_salt,       // below 12 bytes: illegal_parameter
};
// The TLS alert description that says so: 50 or 47.
std::uint8_t alert_for(EktKeyFault fault);

// The body, 37 or 53 bytes. Precondition: key_bytes is 16 or 32. A ttl outside 24 bits is cut to
// the nearest that fits.
tunnel::SecretBytes encode_ekt_key(const EktKeyMessage& message);

// Total over any bytes. A salt longer than 12 bytes is cut to its first 12 (RFC 8870 §4.3.2). Which
// of the two key lengths was negotiated is the caller's to check.
std::variant<EktKeyMessage, EktKeyFault> decode_ekt_key(srtp::Bytes body);

// Names one protected record.
struct RecordNumber {
    std::uint64_t epoch = 0;
    std::uint64_t sequence = 0;
    bool operator==(const RecordNumber&) const = default;
};

// An ACK's body with 16 bytes for each number. Precondition: at most 4,095 numbers.
std::vector<std::uint8_t> encode_ack(std::span<const RecordNumber> numbers);

// The record numbers that an ACK's body may mean: those of 16 bytes (RFC 9147), and those of 8
// bytes (epoch 16 bits, sequence 48 bits: the draft that RFC 8870 pointed at). Of a body that can
// be read in both ways both readings are returned; the wrong one never names epoch 1. nullopt:
// lengths do not add up.
std::optional<std::vector<RecordNumber>> decode_ack(srtp::Bytes body);

}  // namespace mdd::dtls
