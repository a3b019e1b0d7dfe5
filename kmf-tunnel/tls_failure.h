// What a failed call of OpenSSL means for a tunnel: the one table for datagrams and streams.
#pragma once

#include <optional>
#include <string>

#include "kmf-tunnel/down.h"
#include "kmf-tunnel/openssl_ptr.h"

namespace mdd::tunnel {

// Call right after the call that gave `ssl_result`, with the error queue untouched. `was_up`: the
// peer had accepted us before. `certificate_refusal`: what our check of its certificate said, if
// anything. nullopt: nothing has failed, OpenSSL waits for the peer.
std::optional<Down> failure_of(SSL* ssl, int ssl_result, bool was_up,
                               const std::string& certificate_refusal);

}  // namespace mdd::tunnel
