// What stands for a DTLS handshake between mdd-load's endpoints and its KMF: a ClientHello as
// browsers send it, whose random says whose it is, and one record in answer. Bytes only.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "dataplane/srtp/profile.h"
#include "tools/mdd-load/keys.h"

namespace mdd::load {

// Whose handshake, and which one.
struct Handshake {
    EndpointIndex endpoint = 0;
    Generation generation = 0;
    bool operator==(const Handshake&) const = default;
};

// A datagram of one record with a whole ClientHello of DTLS 1.2 that offers `profile`.
std::vector<std::uint8_t> write_hello(const Handshake& handshake, srtp::Profile profile);
// nullopt: not a ClientHello of ours.
std::optional<Handshake> read_hello(srtp::Bytes datagram);

// The answer: in the place of a Finished, one record of epoch 1.
std::vector<std::uint8_t> write_answer(const Handshake& handshake);
std::optional<Handshake> read_answer(srtp::Bytes datagram);

}  // namespace mdd::load
