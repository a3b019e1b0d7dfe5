// What one end of a tunnel proves itself with and believes. Paths and digests only, no key
// material.
#pragma once

#include <string>
#include <vector>

#include "kmf-tunnel/identity.h"

namespace mdd::tunnel {

struct Credentials {
    std::string cert_file;  // PEM, our certificate and then its chain
    std::string key_file;   // PEM, not encrypted
    std::string ca_file;    // PEM, whom we believe
    std::vector<Sha256>
        pins;  // SPKI SHA-256 of acceptable peers, besides the CA check; empty: any under the CA
};

}  // namespace mdd::tunnel
