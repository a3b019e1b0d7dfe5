// The use_srtp profile list of one SSL, the Double profiles included on OpenSSL versions that do
// not know their names. Not a negotiation: which profiles are on the list is the caller's decision.
#pragma once

#include <optional>
#include <span>

#include <openssl/types.h>

#include "dataplane/srtp/profile.h"

namespace mdd::dtls {

// Replaces the use_srtp list (RFC 5764 §4.1.1) of this one SSL. A client offers it in this order; a
// server's order wins over the client's. Call before the handshake, or from a client hello
// callback. false: the list is empty or OpenSSL refused; the SSL is then not fit for a handshake.
// The MKI stays empty (RFC 8870 §4).
bool set_srtp_profiles(SSL* ssl, std::span<const srtp::Profile> profiles);

// What the handshake selected. nullopt: nothing, or a profile that is none of ours. Valid from the
// moment the server has parsed the ClientHello (server) or the ServerHello (client).
std::optional<srtp::Profile> selected_srtp_profile(SSL* ssl);

}  // namespace mdd::dtls
