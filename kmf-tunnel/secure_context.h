// What all associations of one end share: certificate, key, CA, pins, and the policy of the
// dialect. Judges peers; holds no connection.
#pragma once

#include <openssl/ssl.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "kmf-tunnel/credentials.h"
#include "kmf-tunnel/identity.h"
#include "kmf-tunnel/message.h"
#include "kmf-tunnel/openssl_ptr.h"

namespace mdd::tunnel {

// Read-only once made. dtls_v1: DTLS 1.2 with a cookie secret for the server; rfc9185: TLS 1.3 and
// nothing older. Both: certificates both ways, no session is ever resumed.
class SecureContext {
  public:
    // Throws std::runtime_error, a sentence that names the file, when a file cannot be read or key
    // and certificate do not belong together.
    SecureContext(Role role, const Credentials& credentials, Dialect dialect = Dialect::dtls_v1);

    Role role() const { return role_; }
    Dialect dialect() const { return dialect_; }
    SSL_CTX* native() const { return context_.get(); }
    const std::vector<Sha256>& pins() const { return pins_; }
    srtp::Bytes cookie_secret() const { return cookie_secret_.bytes(); }

  private:
    Role role_;
    Dialect dialect_;
    SslCtxPtr context_;
    std::vector<Sha256> pins_;
    srtp::Secret<32> cookie_secret_;
};

// What one association checks its peer against, and what came of it. The SSL's application data.
struct PeerCheck {
    const SecureContext& context;
    std::vector<std::uint8_t> cookie_peer;  // dtls_v1, server: whom a cookie is bound to
    std::string refusal;                    // why the certificate was refused; empty: it was not
};

// The SSL of a new association in its role. `check` must outlive it. Throws std::runtime_error when
// OpenSSL is out of memory.
SslPtr make_ssl(PeerCheck& check);

// Who the peer is once its certificate has been checked; nullopt: it showed none that is valid.
std::optional<PeerIdentity> proven_peer(SSL* ssl);

}  // namespace mdd::tunnel
