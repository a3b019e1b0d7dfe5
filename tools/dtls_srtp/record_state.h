// What a RecordLayer keeps, and the AES-GCM record protection (RFC 5288 §3) over it, for the two
// files that make and use one. Not for anybody outside this directory.
#pragma once

#include <cstdint>
#include <optional>

#include "tools/dtls_srtp/record_form.h"
#include "tools/dtls_srtp/record_layer.h"

namespace mdd::dtls {

// One direction of an association.
struct DirectionKeys {
    srtp::Secret<32> key;
    srtp::Secret<kImplicitNonceBytes> salt;
};

struct RecordLayer::State {
    std::size_t key_bytes = 16;  // 16 or 32: which AES
    DirectionKeys write;
    DirectionKeys read;

    std::uint64_t next_sequence = 0;
    std::uint64_t last_nonce = 0;

    std::uint64_t newest_received = 0;
    std::uint64_t received = 0;  // bit i: newest_received - i was opened

    bool is_new(std::uint64_t sequence) const;
    void mark(std::uint64_t sequence);
};

// A whole record of epoch 1. Empty when OpenSSL fails. The caller answers for the nonce.
Datagram seal_record(const DirectionKeys& keys, std::size_t key_bytes, std::uint8_t type,
                     std::uint64_t sequence, std::uint64_t nonce, srtp::Bytes plaintext);

// nullopt unless `record` is authentic under these keys.
std::optional<tunnel::SecretBytes> open_record(const DirectionKeys& keys, std::size_t key_bytes,
                                               const tunnel::Record& record);

}  // namespace mdd::dtls
