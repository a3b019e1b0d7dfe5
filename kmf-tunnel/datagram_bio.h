// A BIO that keeps datagram boundaries: one datagram in per offer, one callback per datagram out.
// Owns no socket and keeps no queue; the same BIO serves tunnels, the endpoint associations of a
// KMF, and DTLS clients.
#pragma once

#include <openssl/bio.h>

#include <cstddef>
#include <cstdint>
#include <functional>

#include "dataplane/srtp/bytes.h"
#include "kmf-tunnel/openssl_ptr.h"

namespace mdd::tunnel {

// Largest DTLS datagram that OpenSSL may build in a handshake, record headers included. Small
// enough that a tunnelled one still fits 1,500 bytes; OpenSSL malforms flights above 4,096.
inline constexpr std::size_t kHandshakeMtuBytes = 1200;

// Largest plaintext of one DTLS record (RFC 6347 §4.1); a read buffer must not be smaller.
inline constexpr std::size_t kMaxRecordBytes = 16384;

// Where a datagram BIO takes its input and leaves its output. Use:
//   port.offer(datagram); ERR_clear_error(); SSL_do_handshake / SSL_read until WANT_READ;
//   port.withdraw();
// The offered bytes are borrowed and must live until withdraw(); what was not read by then is
// dropped.
struct DatagramPort {
    std::function<void(srtp::Bytes)>
        out;  // called once per datagram written; bytes are valid during the call only
    std::size_t mtu_bytes = kHandshakeMtuBytes;
    srtp::Bytes in;
    bool has_datagram = false;
    std::uint64_t impossible = 0;  // datagrams kept from OpenSSL, see has_impossible_record()

    void offer(srtp::Bytes datagram) {
        in = datagram;
        has_datagram = true;
    }
    void withdraw() {
        in = {};
        has_datagram = false;
    }
};

// A BIO over `port`, which must outlive it. A read takes the whole offered datagram (cut to the
// reader's buffer, as recv does) or asks for a retry; a datagram with an impossible record is
// counted and left out. Throws std::runtime_error when OpenSSL is out
// of memory.
BioPtr make_datagram_bio(DatagramPort& port);

// Gives `ssl` one datagram BIO for both directions and fixes its MTU to port.mtu_bytes (which must
// be 256 to 4096).
void attach_datagram_bio(SSL* ssl, DatagramPort& port);

}  // namespace mdd::tunnel
