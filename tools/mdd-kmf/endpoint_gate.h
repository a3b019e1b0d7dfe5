// First contact with endpoints: their DTLS server context, and stateless cookies answered by one
// spare SSL. An accepted ClientHello turns that SSL into a connection; from then on connection.h
// drives it. No sockets, no conferences.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <variant>
#include <vector>

#include "kmf-tunnel/datagram_bio.h"
#include "kmf-tunnel/openssl_ptr.h"
#include "tools/dtls_srtp/fingerprint.h"
#include "tools/dtls_srtp/hello_extensions.h"

namespace mdd::kmf {

// The certificate that endpoints see, and its key, both PEM.
struct EndpointIdentity {
    std::filesystem::path cert;
    std::filesystem::path key;
};

// One server-side SSL and what its callbacks ask. It must not move: OpenSSL holds its address.
struct EndpointSsl {
    tunnel::DatagramPort port;
    std::vector<std::uint8_t> cookie_subject;
    dtls::HelloValues hello;
    std::function<int(SSL*)> judge_hello;  // 0: go on; else the fatal alert to the endpoint
    std::function<bool(const dtls::Fingerprint&)>
        admits_certificate;  // false: bad_certificate (42)
    tunnel::SslPtr ssl;      // last, so that it goes before what it points to
};

class EndpointGate {
  public:
    // What every SSL accepts, and what it must be narrowed to for profiles of 256 bits.
    static constexpr const char* kCiphers =
        "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
        "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384";
    static constexpr const char* kCiphers256 =
        "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384";

    struct CookieSent {};
    struct Ignored {};  // nothing that could be answered
    using Answer = std::variant<CookieSent, Ignored, std::unique_ptr<EndpointSsl>>;

    // `first_timer_ms`: OpenSSL's first retransmission time, doubled up to 16-fold. Throws
    // std::runtime_error, a full sentence, when certificate or key cannot be used.
    EndpointGate(const EndpointIdentity& identity, unsigned first_timer_ms);
    EndpointGate(const EndpointGate&) = delete;
    EndpointGate& operator=(const EndpointGate&) = delete;

    // Offers a datagram whose first record is a ClientHello. `subject` is what the cookie is bound
    // to: it stands for the endpoint's address, which a KMF never sees. `out` gets the
    // HelloVerifyRequest, if any. A returned SSL has the ClientHello inside and wants
    // SSL_do_handshake; its callbacks are still empty, and empty ones refuse.
    Answer offer(srtp::Bytes datagram, srtp::Bytes subject,
                 const std::function<void(srtp::Bytes)>& out);

    // Shows another certificate from the next ClientHello on. Throws like the constructor, and
    // then changes nothing.
    void renew(const EndpointIdentity& identity);

    // SHA-256 of the certificate that endpoints see; they pin it.
    const dtls::Fingerprint& fingerprint() const { return fingerprint_; }

    // What the callbacks of every SSL share.
    struct Shared {
        srtp::Secret<32> cookie_secret;  // of this process
        unsigned first_timer_us;
    };

  private:
    std::unique_ptr<EndpointSsl> make_ssl(SSL_CTX* context);

    Shared shared_;
    tunnel::SslCtxPtr context_;
    std::unique_ptr<BIO_ADDR, tunnel::OpensslFree<BIO_ADDR_free>> no_address_;  // OpenSSL wants one
    dtls::Fingerprint fingerprint_{};
    std::unique_ptr<EndpointSsl> spare_;
};

}  // namespace mdd::kmf
