// What an endpoint's ClientHello offers, as far as admission depends on it. Read inside OpenSSL's
// ClientHello callback; judges nothing.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <openssl/types.h>

#include "tools/dtls_srtp/ekt_message.h"

namespace mdd::kmf {

struct HelloOffer {
    std::vector<std::uint16_t> profiles;  // of use_srtp, in its order; empty: not sent
    std::vector<dtls::EktCipher> ekt_ciphers;
    std::optional<std::string> tls_id;  // external_session_id
    bool extended_secret = false;       // RFC 7627
};

// Precondition: called from the ClientHello callback of `ssl`.
HelloOffer read_hello_offer(SSL* ssl);

}  // namespace mdd::kmf
