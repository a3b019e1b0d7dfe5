// Two hello extensions that OpenSSL does not know: 39 supported_ekt_ciphers (RFC 8870 §5.2.1) and
// 56 external_session_id (RFC 8844 §4.3), for DTLS 1.2 in both roles. Which values are right is the
// owner's decision.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kmf-tunnel/openssl_ptr.h"
#include "tools/dtls_srtp/ekt_message.h"

namespace mdd::dtls {

inline constexpr std::uint16_t kSessionIdExtension = 56;

// A tls-id: 20 to 255 letters, digits, '+', '/', '-' and '_' (RFC 8842 §4).
bool is_session_id(std::string_view text);

// What one SSL offers and expects, and what the peer said. The owner of the SSL holds it and fills
// the first half before the handshake, a server at the latest in its ClientHello callback.
struct HelloValues {
    // By preference. Client: offered. Server: acceptable; its own order wins. Empty: no EKT.
    std::vector<EktCipher> ekt_ciphers;
    // Sent as external_session_id: by a client always, by a server only to a client that sent one.
    // Empty: not sent. Precondition: empty or is_session_id().
    std::string session_id;
    // The peer's id must be this one: another ends the handshake with illegal_parameter. Whether an
    // absent one matters is the owner's decision, see peer_session_id.
    std::optional<std::string> expected_session_id;

    // Set when both sides have agreed. Server: valid once the ClientHello is parsed; client: once
    // the ServerHello is.
    std::optional<EktCipher> ekt_cipher;
    // nullopt: the peer sent none. Set also when it was not the expected one, to tell why the
    // handshake failed.
    std::optional<std::string> peer_session_id;
};

// Makes every SSL of this context send and read both extensions, as far as bind_hello_values()
// says. Call once for a context, before its first SSL; client or server. Throws std::runtime_error
// when OpenSSL refuses.
void add_hello_extensions(SSL_CTX* context);

// Ties values to an SSL; they must stay where they are and outlive its handshake. An SSL without
// values sends neither extension and ignores both.
void bind_hello_values(SSL* ssl, HelloValues& values);

// For a server's ClientHello callback, which runs before extensions are parsed, so that the
// conference can be found first. nullopt: not sent, or not well-formed (the handshake will end with
// decode_error or illegal_parameter by itself).
std::optional<std::string> session_id_in_hello(SSL* ssl);

// Also for that callback: the ClientHello offers this cipher.
bool hello_offers_ekt(SSL* ssl, EktCipher cipher);

}  // namespace mdd::dtls
