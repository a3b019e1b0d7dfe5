// What one end of a tunnel proves itself with and believes. Paths and digests only, no key
// material.
#pragma once

#include <chrono>
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

// When the first certificate in a PEM file ceases to be valid. Throws std::runtime_error, a full
// sentence that names the file, when there is none to read.
std::chrono::system_clock::time_point certificate_expiry(const std::string& cert_file);

}  // namespace mdd::tunnel
